"""Sampling from a window flow: windows drawn from its distribution, one after another.

Windows are independent, so short ones sound like noise with the spectrum of speech, as the model implies. A model with
whitening draws residuals, and its predictors run on the samples drawn so far.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from idf.arithmetic.exact import Exact
from idf.models.window.model import WindowModel
from idf.priors.mixture import Mixture


def draw(
    model: WindowModel, weights: Mapping[str, np.ndarray], samples: int, seed: int, log_scale: float | None
) -> np.ndarray:
    """Return audio sampled from a model, by decoding random latents instead of coded ones.

    Args:
        weights: float32 arrays by name.
        samples: number of samples.
        log_scale: sharpness of the last block (nats, [-1, 1) scale); None if it is learned.

    Returns:
        int32 (samples,), 16-bit values.
    """
    rng = np.random.default_rng(seed)

    def pop(mixture: Mixture) -> np.ndarray:
        return draw_latents(mixture, rng)

    arithmetic = Exact()
    like = np.zeros((-(-samples // model.window), model.window))
    parameters = model.quantise(arithmetic, weights)
    windows = model.windows(arithmetic, parameters, pop, like, 0.0 if log_scale is None else log_scale)
    return model.restored(np.asarray(windows).reshape(-1, 1)[:samples].astype(np.int32))[:, 0]


def draw_latents(mixture: Mixture, rng: np.random.Generator) -> np.ndarray:
    """Draw an integer from each mixture: fields (..., components) to float64 (...), in the 16-bit range."""
    # The component with the largest logit + Gumbel noise is a draw with the mixture's weights.
    chosen = np.argmax(mixture.logits + rng.gumbel(size=mixture.logits.shape), axis=-1)[..., None]
    mean = np.take_along_axis(mixture.means, chosen, axis=-1)[..., 0]
    scale = np.exp2(np.take_along_axis(mixture.octaves, chosen, axis=-1)[..., 0])
    drawn = np.rint(mean + scale * rng.logistic(size=mean.shape))
    # The coder assigns values outside the range to the two extreme ones.
    return np.clip(drawn, -32768, 32767)
