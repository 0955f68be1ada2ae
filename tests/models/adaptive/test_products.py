"""Products of matrices and vectors compared bit for bit with the same operations in NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from idf.models.adaptive.products import inner_products, multiply, multiply_integers, outer_products
from idf.models.adaptive.vectors import BLEND


@numba.njit
def run_multiply(x, inputs, weights, start, bias, outputs, out):
    multiply(x, inputs, weights, start, bias, outputs, out)


@numba.njit
def run_multiply_integers(x, room, streams, fours, weights, start, biases, bias_start, outputs, out):
    multiply_integers(x, room, streams, fours, weights, start, biases, bias_start, outputs, out)


@numba.njit
def run_outer_products(x, count, inputs, slopes, outputs, gradient):
    outer_products(x, count, inputs, slopes, outputs, gradient)


@numba.njit
def run_inner_products(x, y, count, width, first, end, out):
    inner_products(x, y, count, width, first, end, out)


@pytest.mark.parametrize("outputs", [32, 64, 96, 160])
def test_multiply_adds_inputs_in_order(outputs: int) -> None:
    rng = np.random.default_rng(outputs)
    x = rng.normal(size=11).astype(np.float32)
    weights = rng.normal(size=7 + 12 * outputs).astype(np.float32)
    expected = weights[7 + 11 * outputs :].copy()
    for i in range(11):
        expected = expected + x[i] * weights[7 + i * outputs : 7 + (i + 1) * outputs]
    out = np.zeros(outputs, np.float32)
    run_multiply(x, 11, weights, 7, 7 + 11 * outputs, outputs, out)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("outputs", [32, 64, 96, 160])
def test_integer_products_are_exact_and_wrap_around(outputs: int, streams: int) -> None:
    rng = np.random.default_rng(outputs)
    x = rng.integers(-32768, 32768, (streams, 17)).astype(np.int16)  # the last 5 are not used
    w, biases = rng.integers(-32768, 32768, (12, outputs)), rng.integers(-(2**31), 2**31, 3 + outputs)
    w[:2, 0], x[:, :2] = -32768, -32768
    expected = (biases[3:] + x[:, :12].astype(np.int64) @ w + 2**31) % 2**32 - 2**31
    pairs = w.reshape(6, 2, outputs).transpose(0, 2, 1).astype(np.int16).ravel()
    weights, out = np.concatenate([np.zeros(5, np.int16), pairs]), np.zeros((streams, outputs), np.int32)
    run_multiply_integers(x, 17, streams, 3, weights, 5, biases.astype(np.int32), 3, outputs, out)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("outputs", [32, 64, 96])
def test_outer_products_add_samples_in_order(outputs: int) -> None:
    rng = np.random.default_rng(4)
    x, slopes = rng.normal(size=(9, 6)).astype(np.float32), rng.normal(size=(9, outputs)).astype(np.float32)
    expected = np.zeros((6, outputs), np.float32)
    for given, wanted in zip(x, slopes, strict=True):
        expected = expected + given[:, None] * wanted
    gradient = np.full(6 * outputs, np.nan, np.float32)
    run_outer_products(x, 9, 6, slopes, outputs, gradient)
    assert gradient.tobytes() == expected.tobytes()


@pytest.mark.parametrize("vectors", [3, 4, 5])
@pytest.mark.parametrize("first", [0, BLEND])
def test_inner_products_add_samples_in_order_right_of_the_diagonal(first: int, vectors: int) -> None:
    width, end = vectors * BLEND, 3 * BLEND
    x, y = np.random.default_rng(5).normal(size=(2, 9, width))
    expected = np.zeros((end, width))
    for given, wanted in zip(x, y, strict=True):
        expected = expected + given[:end, None] * wanted
    left = np.arange(width) // BLEND < np.arange(end)[:, None] // BLEND
    expected[left | (np.arange(end)[:, None] < first)] = -1
    out = np.full((end, width), -1.0)
    run_inner_products(x, y, 9, width, first, end, out)
    assert out.tobytes() == expected.tobytes()
