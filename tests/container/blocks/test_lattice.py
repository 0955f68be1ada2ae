from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.container.blocks.lattice import DOUBLE, DOWN, EVEN, Lattice, find_lattice

ROUNDINGS = {
    "to the nearest": lambda x: np.rint(x),
    # products that should be integers are not rounded below them
    "towards zero": lambda x: np.trunc(x * (1 + 1e-12)),
    "down": lambda x: np.floor(x + 1e-9),
    "half away from zero": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "in single precision": lambda x: np.rint(x.astype(np.float32)),
}


def laplace(scale: float, count: int = 30_000) -> np.ndarray:
    return np.rint(np.random.default_rng(1).laplace(0, scale, count))


def found(samples: np.ndarray) -> tuple[Lattice, np.ndarray]:
    """Find a lattice and check that it contains the samples."""
    samples = samples.astype(np.int32, copy=False)
    lattice, numbers = find_lattice(samples)
    assert numbers.dtype == np.int32
    assert np.array_equal(lattice.values(numbers), samples)
    return lattice, numbers


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("factor", [2.7, 1.9, 1.25, 3.3333, 2.5, 10 ** (3 / 20), 256 * 0.7])
def test_a_factor_is_undone(factor: float, rounding: str) -> None:
    """However a program rounds fractions, the numbers have the range of the original samples."""
    samples = laplace(500)
    lattice, numbers = found(ROUNDINGS[rounding](samples * factor))
    assert lattice.step / lattice.divisor == pytest.approx(factor, rel=1e-3)
    assert np.ptp(numbers) <= np.ptp(samples) + 2


def test_what_was_clipped_afterwards_lies_at_the_limits() -> None:
    samples = laplace(500)
    for factor in (2.7, 10, math.sqrt(30)):
        lattice, numbers = found(np.clip(np.rint(samples * factor), -3000, 2900))
        assert lattice.step / lattice.divisor == pytest.approx(factor, rel=1e-3)
        assert lattice.limits in (None, (-3000, 2900))
        assert np.ptp(numbers) <= 5900 / factor + 4


def test_whole_steps() -> None:
    samples = laplace(500)
    assert found(samples * 256)[0] == Lattice(256)
    assert found(samples * 12 + 7)[0] == Lattice(12, 7)
    assert found(np.clip(samples * 256, -(1 << 23), (1 << 23) - 1))[0] == Lattice(256)


def test_recordings_of_all_values_are_left_alone() -> None:
    for samples in (laplace(500), laplace(500) * 0.7, laplace(200_000), laplace(9000).clip(-32768, 32767)):
        samples = np.rint(samples).astype(np.int32)
        lattice, numbers = found(samples)
        assert lattice.is_trivial
        assert numbers is samples


def test_constants() -> None:
    for value in (0, 5, -32768, 32767):
        assert found(np.full(9, value))[0].is_trivial
    for value in (-(1 << 23), 70000):
        lattice, numbers = found(np.full(9, value))
        assert lattice == Lattice(offset=value)
        assert not numbers.any()


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 300),
    st.integers(0, 2**32),
    st.floats(0.5, 400),
    st.sampled_from(sorted(ROUNDINGS)),
    st.integers(1, 20_000),
)
def test_any_samples_come_back(count: int, seed: int, factor: float, rounding: str, spread: int) -> None:
    rng = np.random.default_rng(seed)
    found(np.clip(ROUNDINGS[rounding](rng.integers(-spread, spread + 1, count) * factor), -(1 << 23), (1 << 23) - 1))


def test_values() -> None:
    numbers = np.arange(-3, 4)
    assert Lattice(5, 2, 2).values(numbers).tolist() == [-7, -4, -2, 1, 3, 6, 8]
    assert Lattice(5, 1, 2, True).values(numbers).tolist() == [-8, -5, -3, 0, 3, 5, 8]
    assert Lattice(5, 1, 2, rounding=EVEN).values(numbers).tolist() == [-8, -5, -2, 0, 2, 5, 8]
    assert Lattice(5, 0, 2, rounding=DOUBLE).values(numbers).tolist() == [-8, -5, -2, 0, 2, 5, 8]
    assert Lattice(5, 1, 2, True, DOWN, (-4, 6)).values(numbers).tolist() == [-4, -4, -3, 0, 3, 5, 6]


def test_products_beyond_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        Lattice(1 << 55).values(np.array([1 << 10]))
