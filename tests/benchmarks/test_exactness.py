"""The cost of exact arithmetic is within its limit, on a few seconds of speech."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import exactness
from idf.arithmetic.exact import Exact
from idf.models.load import load_codec
from idf.models.registry import find_model
from idf.models.window.codec import WindowCodec
from idf.priors.mixture import Mixture


@pytest.fixture(scope="module")
def codec() -> WindowCodec:
    return load_codec(find_model("channelwise"))


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return next(exactness.clips())[:16384]


def test_both_formulas_agree_on_the_grid() -> None:
    rng = np.random.default_rng(0)
    mixture = Mixture(
        logits=rng.integers(-200, 200, (500, 3)) / 64,
        means=rng.integers(-(2**20), 2**20, (500, 3)) / 256,
        octaves=rng.integers(-100, 400, (500, 3)) / 32,
    )
    latents = np.rint(mixture.means[:, 0] + rng.normal(size=500) * 4)
    latents[:2] = -32768, 32767
    exact = exactness.exact_bits(latents, mixture)
    np.testing.assert_allclose(exactness.float_bits(latents, mixture), exact, rtol=1e-9)


def test_exactness_costs_less_than_promised(codec: WindowCodec, samples: np.ndarray) -> None:
    rounded = exactness.clip_bits(codec, Exact(), codec.parameters, samples, exactness.exact_bits)
    unrounded = exactness.clip_bits(codec, exactness.Unrounded(), codec.parameters, samples, exactness.float_bits)
    assert rounded != unrounded  # the two computations do differ
    assert abs(rounded / unrounded - 1) < exactness.PROMISED


def test_the_coders_frequencies_are_the_message(codec: WindowCodec, samples: np.ndarray) -> None:
    bits = exactness.clip_bits(codec, Exact(), codec.parameters, samples, exactness.integer_bits)
    assert bits <= 8 * len(codec.encode(samples[:, None])) <= bits + 64 + 0.0001 * bits
