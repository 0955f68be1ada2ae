"""The parts that the vector code of all loops shares. Its instructions are tested where loops use them."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from idf.compiled.vectors import aligned, part, scaled


def test_aligned_copies_begin_with_a_cache_line() -> None:
    for dtype in (np.int16, np.float32, np.float64):
        values = np.arange(35, dtype=dtype).reshape(5, 7)
        copy = aligned(values)
        assert copy.ctypes.data % 64 == 0
        np.testing.assert_array_equal(copy, values)


@numba.njit
def add_to_part(array, start, count):
    view = part(array, start, count)
    for i in range(view.shape[0]):
        view[i] += 10
    return view.size


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_a_part_is_a_view(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    expected = array.copy()
    expected[1:4] += 10
    assert add_to_part(array, 1, 3) == expected[1:4].size
    np.testing.assert_array_equal(array, expected)
    assert add_to_part(array, 5, 0) == 0


@numba.njit
def run_scaled(x, exponent):
    return scaled(x, exponent)


@pytest.mark.parametrize("exponent", [-126, -1, 0, 1, 127])
def test_scaled_multiplies_by_a_power_of_two(exponent: int) -> None:
    assert run_scaled(np.float32(1.2345), np.int32(exponent)) == np.ldexp(np.float32(1.2345), exponent)
