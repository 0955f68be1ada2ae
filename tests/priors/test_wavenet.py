"""The original's hierarchical prior and the prior of the last block."""

from __future__ import annotations

import numpy as np
import pytest

from idf.arithmetic.exact import Exact
from idf.priors import LearnedBase, ScheduledBase, WaveNetPrior

A = Exact()


@pytest.mark.parametrize("equivariant", [False, True])
@pytest.mark.parametrize("linear_skip", [False, True])
def test_shapes_and_grid(equivariant: bool, linear_skip: bool) -> None:
    prior = WaveNetPrior(
        "p",
        2,
        [4, 2],
        components=5,
        level_equivariant=equivariant,
        linear_skip=linear_skip,
        layers=2,
        hidden=4,
        kernel=3,
    )
    rng = np.random.default_rng(0)
    p = {n: A.quantise(s, s.initial(rng) + rng.normal(size=s.shape) * 0.05) for n, s in prior.specs.items()}
    x = rng.integers(-32768, 32768, (3, 7, 4)).astype(np.float64)
    for block, remaining in enumerate([x, x[..., :2]]):
        mixture = prior.mixture(A, p, block, remaining)
        for values, steps, limit in [(mixture.logits, 64, 16), (mixture.means, 256, 65536), (mixture.octaves, 32, 16)]:
            assert values.shape == (3, 7, 2, 5)
            assert np.array_equal(values * steps, np.round(values * steps))
            assert np.abs(values).max() <= limit


def test_the_base_has_the_sharpness_of_the_original() -> None:
    """A log-scale of -6.5 on the [-1, 1) amplitude scale is 49 16-bit steps."""
    like = np.zeros((2, 3, 4))
    mixture = ScheduledBase().mixture(A, {}, like, -6.5)
    assert mixture.octaves.shape == (2, 3, 4, 1)
    assert 2 ** mixture.octaves[0, 0, 0, 0] == pytest.approx(49.27, rel=0.012)
    assert not mixture.means.any()


def test_the_learned_base_starts_near_speech_and_ignores_the_schedule() -> None:
    base = LearnedBase()
    p = {name: A.quantise(spec, spec.initial(np.random.default_rng(0))) for name, spec in base.specs.items()}
    mixture = base.mixture(A, p, np.zeros((1, 1, 1)), -9.0)
    assert 2 ** mixture.octaves[0, 0, 0, 0] == pytest.approx(600, rel=0.02)
