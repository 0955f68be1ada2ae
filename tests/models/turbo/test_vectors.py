"""The vector loops are bit-exact with the same arithmetic in NumPy, one operation at a time."""

from __future__ import annotations

import numba
import numpy as np

from idf.models.turbo.vectors import (
    DOUBLES,
    SINGLES,
    WIDE,
    eliminate,
    fade_into,
    judge,
    learn_and_expect,
    product,
    scaled,
    weighed,
)

RNG = np.random.default_rng(3)


@numba.njit
def run_singles(weights, history, gain):
    return learn_and_expect(weights, 16, 48, history, 3, gain)


@numba.njit
def run_doubles(numbers, history, values, errors):
    fade_into(numbers, 5, 40, 24, 0.99, history, 2, 123.0)
    total = product(numbers, 40, history, 1, 24)
    scaled(numbers, 40, 70, 16, 0.37)
    judge(values, errors, 8, 50.0, 0.05, 1e-3)
    return total, weighed(values, errors, 8)


@numba.njit
def run_eliminate(numbers, upper, unit, row, first, end, stride):
    eliminate(numbers, upper, unit, row, first, end, stride)


def in_halves(lanes: np.ndarray) -> np.number:
    """Return the sum of a vector by repeated halving."""
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = lanes[:half] + lanes[half:]
    return lanes[0]


def vector_sum(products: np.ndarray, lanes: int) -> np.number:
    total = np.zeros(lanes, products.dtype)
    for part in products.reshape(-1, lanes):
        total = total + part
    return in_halves(total)


def test_a_filter_learns_and_predicts() -> None:
    weights, history = (RNG.normal(size=100).astype(np.float32) for _ in range(2))
    gain = np.float32(0.0123)
    expected = weights.copy()
    expected[16:64] = weights[16:64] + gain * history[4:52]
    found = run_singles(weights, history, gain)
    np.testing.assert_array_equal(weights, expected)
    assert np.float32(found) == vector_sum(expected[16:64] * history[3:51], SINGLES)


def test_rows_products_and_experts() -> None:
    numbers, history = RNG.normal(size=100), RNG.normal(size=60)
    values, errors = RNG.normal(0, 100, 24), RNG.uniform(1, 3, 24)
    expected = numbers.copy()
    expected[40:64] = 0.99 * numbers[5:29] + 123.0 * history[2:26]
    expected[70:86] = 0.37 * expected[40:56]
    after = errors.copy()
    after[8:16] = errors[8:16] + 0.05 * ((np.abs(50.0 - values[8:16]) + 1e-3) - errors[8:16])
    eighth = ((after[8:16] * after[8:16]) ** 2) ** 2
    weight = 1.0 / eighth
    total, mean = run_doubles(numbers, history, values, errors)
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_array_equal(errors, after)
    assert total == vector_sum(expected[40:64] * history[1:25], DOUBLES)
    assert mean == in_halves(weight * values[8:16]) / in_halves(weight)


def test_a_row_is_eliminated_with_the_rows_above_it() -> None:
    stride, row, first, end = 40 + WIDE, 13, 8, 38
    upper, unit = RNG.normal(size=(14, stride)), RNG.normal(size=(14, stride))
    expected = upper.copy()
    for k in range(row):
        expected[row, first : first + 2 * WIDE] -= unit[k, row] * upper[k, first : first + 2 * WIDE]
    numbers = np.concatenate([upper.ravel(), unit.ravel()])
    run_eliminate(numbers, 0, upper.size, row, first, end, stride)
    np.testing.assert_array_equal(numbers[: upper.size].reshape(upper.shape), expected)
    np.testing.assert_array_equal(numbers[upper.size :], unit.ravel())
