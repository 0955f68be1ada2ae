"""Audio sampled from a window flow: latents drawn from their mixtures and mapped to samples."""

from __future__ import annotations

import numpy as np
import pytest

from idf.config import Config
from idf.models.build import build_model
from idf.models.window.sampling import draw, draw_latents
from idf.priors.mixture import Mixture
from tests.models.small import CHANNELWISE, ORIGINAL, window_config


def test_latents_follow_their_mixture() -> None:
    shape = (20_000, 2)
    mixture = Mixture(
        logits=np.broadcast_to(np.log([0.25, 0.75]), shape),
        means=np.broadcast_to(np.array([-1000.0, 500.0]), shape),
        octaves=np.broadcast_to(np.array([0.0, 3.0]), shape),
    )
    latents = draw_latents(mixture, np.random.default_rng(1))
    low = latents[latents < -500]
    high = latents[latents >= -500]
    assert len(low) / len(latents) == pytest.approx(0.25, abs=0.02)
    assert np.median(low) == pytest.approx(-1000, abs=1)
    # The standard deviation of a logistic is scale pi / sqrt 3.
    assert np.std(high) == pytest.approx(8 * np.pi / np.sqrt(3), rel=0.05)


def test_extremes_stay_within_16_bits() -> None:
    mixture = Mixture(np.zeros((2, 1)), np.array([[1e6], [-1e6]]), np.zeros((2, 1)))
    assert draw_latents(mixture, np.random.default_rng(1)).tolist() == [32767, -32768]


@pytest.mark.parametrize(
    ("config", "log_scale"),
    [(window_config(CHANNELWISE, sharpness="learned"), None), (window_config(ORIGINAL, sharpness="step"), -6.5)],
    ids=["channelwise", "original"],
)
def test_audio_is_drawn_from_either_layout_and_depends_on_the_seed(config: Config, log_scale: float | None) -> None:
    model = build_model(config)
    weights = model.initial_parameters(0)
    first, again, other = (draw(model, weights, 100, seed, log_scale) for seed in (1, 1, 2))
    assert first.dtype == np.int32
    assert first.shape == (100,)
    assert np.abs(first).max() <= 32768
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
