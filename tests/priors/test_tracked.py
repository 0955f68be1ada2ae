"""The tracked prior: what its nets may see, how they use evidence, and that training and decoding agree."""

from __future__ import annotations

import numpy as np
import pytest

from idf.arithmetic.exact import Exact
from idf.priors.tracked import TrackedPrior, TrackedWidth

A = Exact()
CHANNELS, COMPONENTS = 6, 3
FIELDS = ("logits", "means", "octaves")
ORDER = np.array([3, 0, 5, 1, 4, 2])
"""Channels in the order of decoding; the first belongs to the base."""


@pytest.fixture(params=[0, 4], ids=["no experts", "experts"])
def prior(request: pytest.FixtureRequest) -> TrackedPrior:
    width = TrackedWidth(hidden=8, blocks=2, context_frames=2, experts=request.param, components=COMPONENTS)
    return TrackedPrior("p", [ORDER[:known] for known in range(1, CHANNELS)], width)


@pytest.fixture
def parameters(prior: TrackedPrior) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {n: A.quantise(s, s.initial(rng) + rng.normal(size=s.shape) * 0.1) for n, s in prior.specs.items()}


@pytest.fixture
def samples() -> np.ndarray:
    rng = np.random.default_rng(2)
    x = rng.integers(-3000, 3000, (3, 9, CHANNELS)).astype(np.float64)
    x[0], x[1, :, ::2] = 0.0, 32767.0
    return x


def together(prior: TrackedPrior, parameters: dict[str, np.ndarray], x: np.ndarray) -> dict[str, np.ndarray]:
    leaving = np.stack([x[..., channel] for channel in ORDER[1:]])
    mixture = prior.all_mixtures(A, parameters, np.stack([x] * (CHANNELS - 1)), leaving)
    return {name: getattr(mixture, name) for name in FIELDS}


def test_teacher_forcing_equals_decoding(prior, parameters, samples) -> None:
    """The product over all channels is bit-exact with a pass in the order of decoding."""
    expected = together(prior, parameters, samples)
    one_by_one = prior.begin(A, parameters)
    for net in range(CHANNELS - 1):
        mixture = one_by_one.mixture(CHANNELS - 2 - net, samples[..., ORDER[: net + 1]])
        one_by_one.decoded(CHANNELS - 2 - net, samples[..., ORDER[net + 1 : net + 2]])
        for field in FIELDS:
            assert np.array_equal(expected[field][net], getattr(mixture, field).reshape(-1, COMPONENTS)), (net, field)


def test_no_net_sees_what_its_decoder_does_not_know(prior, parameters, samples) -> None:
    changed = samples.copy()
    changed[..., ORDER[3:]] = np.random.default_rng(3).integers(-9, 9, changed[..., 3:].shape)
    before, after = (together(prior, parameters, x) for x in (samples, changed))
    for field in FIELDS:
        assert np.array_equal(before[field][:3], after[field][:3])  # nets that know at most three channels
        assert not np.array_equal(before[field][3:], after[field][3:])


def test_parameters_are_on_the_coder_s_grid(prior, parameters, samples) -> None:
    for field, steps in [("logits", 64), ("means", 256), ("octaves", 32)]:
        scaled = together(prior, parameters, samples)[field] * steps
        assert np.array_equal(scaled, np.round(scaled))


def test_a_window_does_not_see_its_neighbours(prior, parameters, samples) -> None:
    all_three, alone = together(prior, parameters, samples), together(prior, parameters, samples[1:2])
    for field in FIELDS:
        shape = (CHANNELS - 1, 3, 9, COMPONENTS)
        assert np.array_equal(all_three[field].reshape(shape)[:, 1], alone[field])


def test_the_better_expert_gets_the_weight() -> None:
    """Of two experts with opposite predictions, the one that predicts the sound gets all the weight."""
    width = TrackedWidth(hidden=4, blocks=0, context_frames=0, experts=2, components=1)
    prior = TrackedPrior("p", [np.arange(known) for known in range(1, 4)], width)
    p = {n: A.quantise(s, s.initial(np.random.default_rng(0))) for n, s in prior.specs.items()}
    p["p/experts"] = np.zeros_like(p["p/experts"])
    for net in range(3):
        p["p/experts"][net, 0, net] = [1.0, -1.0]  # the previous channel, or its negative
    same = np.full((1, 9, 4), 1000.0)
    opposite = same * np.array([1.0, -1.0, 1.0, -1.0])
    for x, expected in ((same, 1000.0), (opposite, -1000.0)):
        leaving = np.moveaxis(x[..., 1:], -1, 0)
        means = prior.all_mixtures(A, p, np.stack([x] * 3), leaving).means
        assert np.all(means[0] == 0.0)  # no evidence yet
        np.testing.assert_allclose(means[1, :, 0], -x[0, :, 1] * (1 if expected < 0 else -1), atol=2)
        np.testing.assert_allclose(means[2, :, 0], x[0, :, 2] * (-1 if expected < 0 else 1), atol=2)
