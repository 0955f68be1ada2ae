"""−log2 p of clips under a run's model, by the very function that training descends.

It sees the same windows and the same weights as the coder but works in TensorFlow's float32, where the
coder uses exact integers. Files that are larger than this by more than a trifle say that the two have
drifted apart; so the evaluation prints both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.models.load import load_codec

if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.adaptive.codec import AdaptiveCodec
    from idf.models.adaptive.model import Trace
    from idf.models.adaptive.state import Constants
    from idf.models.bands.codec import BandCodec
    from idf.models.window.codec import WindowCodec

BATCH_SAMPLES = 16384
"""Samples that go through the nets at a time; the widest nets then need about 1 GB."""


def model_nll_bits(
    model_file: Path, clips: Iterable[np.ndarray], advance: Callable[[int], None] = lambda samples: None
) -> list[float]:
    """Score clips.

    Args:
        model_file: a run's ``model.idfm``.
        clips: int32 ``(time,)`` each, 16-bit values.
        advance: told the number of samples after each clip.

    Returns:
        bits of each clip. Padding of the last window counts where it is coded too.

    Raises:
        RunError: the model file cannot be used.
    """
    from idf.models.bands.codec import BandCodec
    from idf.models.window.codec import WindowCodec

    codec = load_codec(model_file)
    if isinstance(codec, WindowCodec):
        score = _window_scorer(codec)
    elif isinstance(codec, BandCodec):
        score = _band_scorer(codec)
    else:
        score = _adaptive_scorer(codec)
    totals = []
    for samples in clips:
        totals.append(score(samples))
        advance(len(samples))
    return totals


def _window_scorer(codec: WindowCodec) -> Callable[[np.ndarray], float]:
    import tensorflow as tf

    from idf.training.likelihood import training_bits

    model = codec.model
    parameters = {name: tf.constant(value, tf.float32) for name, value in codec.parameters.items()}
    sharpness = tf.constant(codec.log_scale, tf.float32)
    batch = max(1, BATCH_SAMPLES // model.window)

    def eager(windows: tf.Tensor, coded: tf.Tensor) -> tf.Tensor:
        return training_bits(model, parameters, windows, sharpness, coded).bits

    whole = tf.function(eager, reduce_retracing=True)

    def score(samples: np.ndarray) -> float:
        total = 0.0
        for part in model.cut(model.residual(samples[:, None])[:, 0]):
            # Shorter windows have as many lengths as there are clips; compiling each would cost more than it saves.
            bits = whole if part.windows.shape[1] == model.window else eager
            for start in range(0, len(part.windows), batch):
                rows = slice(start, start + batch)
                windows = tf.constant(part.windows[rows], tf.int32)
                found = bits(windows, tf.constant(part.coded[rows].astype(np.float32)))
                total += float(np.sum(found.numpy(), dtype=np.float64))
        return total

    return score


def _adaptive_scorer(codec: AdaptiveCodec) -> Callable[[np.ndarray], float]:
    from idf.models.adaptive.model import coding_model

    model, _ = coding_model(codec.constants, codec.weights)
    return _row_scorer(codec.constants, [codec.weights], model.traces)


def _band_scorer(codec: BandCodec) -> Callable[[np.ndarray], float]:
    return _row_scorer(codec.model.settings, list(codec.weights), codec.model.traces)


def _row_scorer(
    constants: Constants, weights: Sequence[np.ndarray], traces: Callable[[np.ndarray], list[Trace]]
) -> Callable[[np.ndarray], float]:
    """Of what predictors make of clips, a table of rows for each of the networks with ``weights``."""
    import tensorflow as tf

    from idf.models.adaptive.model import coding_model
    from idf.training.adaptive import adaptive_bits

    model, _ = coding_model(constants, weights[0])
    networks = [
        {name: tf.constant(value) for name, value in coding_model(constants, own)[1].items()} for own in weights
    ]
    # One trace does for all networks and all lengths of clips; TensorFlow warns of many.
    width = model.settings.plan.inputs + 2 + model.settings.plan.experts
    shapes = {name: tf.TensorSpec(value.shape, tf.float32) for name, value in networks[0].items()}

    @tf.function(input_signature=[shapes, tf.TensorSpec((None, width), tf.float32)])
    def bits(network: dict[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        return adaptive_bits(model, network, rows).bits

    def score(samples: np.ndarray) -> float:
        total = 0.0
        for network, trace in zip(networks, traces(samples), strict=True):
            rows = np.concatenate([trace.inputs, trace.targets], axis=1)
            for start in range(0, len(rows), BATCH_SAMPLES):
                found = bits(network, tf.constant(rows[start : start + BATCH_SAMPLES]))
                total += float(np.sum(found.numpy(), dtype=np.float64))
        return total

    return score
