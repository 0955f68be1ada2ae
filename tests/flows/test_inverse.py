"""The law of every flow step: inverse undoes forward exactly, for every int16 input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.arithmetic.exact import Exact
from idf.config.schema import COUPLINGS, PERMUTATIONS
from idf.flows import (
    AdditiveCoupling,
    GatedCoupling,
    GatedCouplings,
    Permutation,
    draw_permutation,
    split_of,
    squeeze,
    unsqueeze,
)

A = Exact()
CHANNELS = 8
KINDS = [kind for kind in COUPLINGS if kind != "none"]


class Squeeze:
    def forward(self, a: Any, p: Any, x: np.ndarray) -> np.ndarray:
        return squeeze(a, unsqueeze(a, x), 2)

    def inverse(self, a: Any, p: Any, z: np.ndarray) -> np.ndarray:
        return squeeze(a, unsqueeze(a, z), CHANNELS)


def coupling(level_equivariant: bool, offset: int = 0) -> AdditiveCoupling:
    net = {"layers": 2, "hidden": 4, "kernel": 3}
    return AdditiveCoupling("c", CHANNELS, 2, level_equivariant=level_equivariant, offset=offset, **net)


def gated(kind: str) -> GatedCoupling:
    splits = [split_of(kind, np.random.default_rng(4).permutation(CHANNELS), 0.75)]
    return GatedCouplings("c", CHANNELS, splits, hidden=4, context_frames=2).step(0)


LAYERS = {
    "squeeze": Squeeze(),
    "coupling": coupling(level_equivariant=False),
    "equivariant coupling": coupling(level_equivariant=True),
    "offset coupling": coupling(level_equivariant=False, offset=32768),
    **{f"gated coupling, {kind}": gated(kind) for kind in KINDS},
} | {kind: Permutation(draw_permutation(kind, CHANNELS, seed=3, step=1)) for kind in PERMUTATIONS}


def trained_parameters(layer: Any) -> dict[str, np.ndarray]:
    """Return parameters with real shifts, some of which wrap."""
    rng = np.random.default_rng(1)
    specs = getattr(layer, "specs", {})
    return {name: A.quantise(spec, spec.initial(rng) + rng.normal(size=spec.shape)) for name, spec in specs.items()}


EXTREMES = {
    "lowest": np.full((2, 5, CHANNELS), -32768),
    "highest": np.full((2, 5, CHANNELS), 32767),
    "silence": np.zeros((2, 5, CHANNELS)),
    "square": np.where(np.arange(2 * 5 * CHANNELS) % 6 < 3, -32768, 32767).reshape(2, 5, CHANNELS),
    "noise": np.random.default_rng(0).integers(-32768, 32768, (2, 5, CHANNELS)),
}


def check(layer: Any, x: np.ndarray) -> None:
    p = trained_parameters(layer)
    x = x.astype(np.float64)
    z = layer.forward(A, p, x)
    assert np.array_equal(z, np.round(z))
    assert z.min() >= -32768
    assert z.max() <= 32767
    assert np.array_equal(layer.inverse(A, p, z), x)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
@pytest.mark.parametrize("x", EXTREMES.values(), ids=EXTREMES.keys())
def test_extremes(layer: Any, x: np.ndarray) -> None:
    check(layer, x)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
@settings(max_examples=25, deadline=None)
@given(x=hnp.arrays(np.int16, st.tuples(st.integers(1, 3), st.integers(1, 9), st.just(CHANNELS))))
def test_any_samples(layer: Any, x: np.ndarray) -> None:
    check(layer, x)


@pytest.mark.parametrize("layer", [coupling(level_equivariant=True), *map(gated, KINDS)])
def test_couplings_start_as_the_identity(layer: Any) -> None:
    p = {name: A.quantise(spec, spec.initial(np.random.default_rng(0))) for name, spec in layer.specs.items()}
    x = EXTREMES["noise"].astype(np.float64)
    assert np.array_equal(layer.forward(A, p, x), x)


def test_an_offset_of_half_the_ring_is_the_effect_of_the_original_s_wrap() -> None:
    layer = coupling(level_equivariant=False, offset=32768)
    p = {name: A.quantise(spec, spec.initial(np.random.default_rng(0))) for name, spec in layer.specs.items()}
    x = EXTREMES["noise"].astype(np.float64)
    theirs = (x[..., 2:] / 32768) % 2 - 1
    assert np.array_equal(layer.forward(A, p, x)[..., 2:], theirs * 32768)


def test_equivariant_coupling_follows_loudness() -> None:
    """Doubling a loud signal doubles the shifts, except for rounding."""
    layer = coupling(level_equivariant=True)
    p = trained_parameters(layer)
    p["c/start/kernel"][-1] = 0.0  # the level, which is an input too
    x = np.random.default_rng(2).integers(-2000, 2000, (1, 12, CHANNELS)).astype(np.float64)
    once, twice = layer._shift(A, p, x[..., :2]), layer._shift(A, p, 2 * x[..., :2])
    # at the edges, where few samples are known, the prior energy affects the levels
    assert np.abs(twice - 2 * once).max() <= 0.02 * np.abs(twice).max() + 2


def test_permutations() -> None:
    assert draw_permutation("identity", 4, 0, 0).tolist() == [0, 1, 2, 3]
    assert draw_permutation("reverse", 4, 0, 0).tolist() == [3, 2, 1, 0]
    assert draw_permutation("bit_reversal", 8, 0, 0).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    assert draw_permutation("bit_reversal", 7, 0, 1).tolist() == list(range(7))
    assert draw_permutation("rotate", 8, 0, 0).tolist() == [2, 3, 4, 5, 6, 7, 0, 1]
    drawn = [draw_permutation("random", 16, seed, step).tolist() for seed, step in [(0, 0), (0, 1), (1, 0)]]
    assert all(sorted(order) == list(range(16)) for order in drawn)
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]
    assert draw_permutation("random", 16, 0, 1).tolist() == drawn[1]
    with pytest.raises(ValueError, match="unknown permutation"):
        draw_permutation("sorted", 4, 0, 0)
    with pytest.raises(ValueError, match="not a permutation"):
        Permutation(np.array([0, 0, 1]))
