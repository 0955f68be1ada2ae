"""Gated couplings: what they see and shift, and that training and coding agree."""

from __future__ import annotations

import numpy as np
import pytest

from idf.arithmetic.exact import Exact
from idf.config.schema import COUPLINGS
from idf.flows import GatedCouplings, Permutation, split_of

A = Exact()
CHANNELS = 6


def test_splits() -> None:
    places = np.array([4, 0, 3, 1])
    update, predict = split_of("update", places, 0.5), split_of("predict", places, 0.5)
    assert (update.seen.tolist(), update.shifted.tolist()) == ([1], [4, 0, 3])
    assert (predict.seen.tolist(), predict.shifted.tolist()) == ([4, 0, 3], [1])
    for fraction, seen in [(0.0, 1), (0.5, 2), (0.75, 3), (1.0, 3)]:
        split = split_of("split", places, fraction)
        assert split.seen.tolist() == places[:seen].tolist()
        assert split.shifted.tolist() == places[seen:].tolist()


@pytest.mark.parametrize("kind", COUPLINGS)
def test_the_trace_equals_the_steps(kind: str) -> None:
    """The trace is bit-exact with steps of permutation, coupling and factor-out."""
    rng = np.random.default_rng(0)
    orders = [rng.permutation(count) for count in range(CHANNELS, 1, -1)]
    places, splits = np.arange(CHANNELS), []
    for order in orders:
        places = places[order]
        splits.append(split_of(kind, places, 0.4))
        places = places[:-1]
    couplings = GatedCouplings("c", CHANNELS, splits, hidden=8, context_frames=1)
    p = {n: A.quantise(s, s.initial(rng) + rng.normal(size=s.shape) * 0.1) for n, s in couplings.specs.items()}
    x = rng.integers(-9000, 9000, (3, 7, CHANNELS)).astype(np.float64)
    x[0], x[1, :, ::2] = 0.0, 32767.0
    traced = couplings.trace(A, p, x)

    h, places = x, np.arange(CHANNELS)
    for number, order in enumerate(orders):
        h = couplings.step(number).forward(A, p, Permutation(order).forward(A, p, h))
        places = places[order]
        assert np.array_equal(traced[number][..., places], h)
        h, places = h[..., :-1], places[:-1]
    assert not np.array_equal(traced[-1], x)


def test_shifts_follow_loudness() -> None:
    """Doubling a loud signal doubles the shifts, except for rounding."""
    couplings = GatedCouplings("c", 4, [split_of("split", np.arange(4), 0.5)], hidden=4, context_frames=1)
    rng = np.random.default_rng(1)
    p = {n: A.quantise(s, s.initial(rng) + rng.normal(size=s.shape) * 0.3) for n, s in couplings.specs.items()}
    seen = rng.integers(-2000, 2000, (1, 12, 2)).astype(np.float64)
    once, twice = couplings.shift(A, p, 0, seen), couplings.shift(A, p, 0, 2 * seen)
    assert np.abs(once).max() > 100
    # at the edges, where few samples are known, the prior energy affects the levels
    assert np.abs(twice - 2 * once).max() <= 0.02 * np.abs(twice).max() + 2
