"""The channelwise prior: what its nets may see, and that training and decoding agree."""

from __future__ import annotations

import numpy as np
import pytest

from idf.arithmetic.exact import Exact
from idf.priors.channelwise import ChannelwisePrior, ChannelwiseWidth

A = Exact()
CHANNELS, COMPONENTS = 6, 3
FIELDS = ("logits", "means", "octaves")


@pytest.fixture(params=[0, 4], ids=["no experts", "experts"])
def prior(request: pytest.FixtureRequest) -> ChannelwisePrior:
    width = ChannelwiseWidth(hidden=8, blocks=2, context_frames=2, experts=request.param, components=COMPONENTS)
    return ChannelwisePrior("p", CHANNELS, width)


@pytest.fixture
def parameters(prior: ChannelwisePrior) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {n: A.quantise(s, s.initial(rng) + rng.normal(size=s.shape) * 0.1) for n, s in prior.specs.items()}


@pytest.fixture
def samples() -> np.ndarray:
    rng = np.random.default_rng(2)
    x = rng.integers(-3000, 3000, (3, 9, CHANNELS)).astype(np.float64)
    x[0], x[1, :, ::2] = 0.0, 32767.0
    return x


def test_teacher_forcing_equals_decoding(prior, parameters, samples) -> None:
    """The masked product over all channels is bit-exact with each net on the channels that its decoder knows."""
    together = prior.all_mixtures(A, parameters, samples)
    for block in range(CHANNELS - 1):
        channel = CHANNELS - 1 - block
        alone = prior.mixture(A, parameters, block, samples[..., :channel])
        for field in FIELDS:
            assert np.array_equal(
                getattr(together, field)[channel - 1], getattr(alone, field).reshape(-1, COMPONENTS)
            ), (channel, field)


def test_no_net_sees_what_its_decoder_does_not_know(prior, parameters, samples) -> None:
    changed = samples.copy()
    changed[..., 3:] = np.random.default_rng(3).integers(-9, 9, changed[..., 3:].shape)
    before, after = (prior.all_mixtures(A, parameters, x) for x in (samples, changed))
    for field in FIELDS:
        assert np.array_equal(getattr(before, field)[:3], getattr(after, field)[:3])  # channels 1, 2, 3
        assert not np.array_equal(getattr(before, field)[3:], getattr(after, field)[3:])


def test_parameters_are_on_the_coder_s_grid(prior, parameters, samples) -> None:
    mixture = prior.all_mixtures(A, parameters, samples)
    for field, steps in [("logits", 64), ("means", 256), ("octaves", 32)]:
        scaled = getattr(mixture, field) * steps
        assert np.array_equal(scaled, np.round(scaled))


def test_a_window_does_not_see_its_neighbours(prior, parameters, samples) -> None:
    together = prior.mixture(A, parameters, 0, samples[..., :5])
    alone = prior.mixture(A, parameters, 0, samples[1:2, :, :5])
    for field in FIELDS:
        assert np.array_equal(getattr(together, field)[1], getattr(alone, field)[0])
