"""The exact arithmetic: its results, and that nothing about the machine can change them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.arithmetic import ACTIVATION_BITS, ACTIVATION_LIMIT, WEIGHT_BITS, WEIGHT_LIMIT, gate, soft_sign, unit
from idf.arithmetic.exact import Exact
from idf.arithmetic.levels import LEVELS, THRESHOLDS

A = Exact()


def test_levels_are_the_powers_of_two_to_float32_precision_and_thresholds_their_squares() -> None:
    k = np.arange(len(LEVELS))
    assert np.allclose(LEVELS, 2.0 ** (k / 8), rtol=2.0**-23)
    assert np.allclose(THRESHOLDS, 2.0 ** (k[1:] / 4), rtol=1e-12)
    assert LEVELS[0] == 1.0
    assert LEVELS[8] == 2.0
    assert THRESHOLDS[3] == 2.0


@given(st.floats(0, 2.0**34))
def test_level_index_is_the_floor_of_the_logarithm(power: float) -> None:
    index = int(A.level_index(np.array(power)))
    assert index == len(THRESHOLDS) or power < THRESHOLDS[index]
    assert index == 0 or power >= THRESHOLDS[index - 1]


def test_grid_rounds_ties_to_even_clips_and_keeps_shape_of_strided_input() -> None:
    x = np.array([[0.5, 1.5, 2.5, -0.5, 1e9, -1e9]] * 2).T
    assert A.grid(x, 0, 64.0)[:, 0].tolist() == [0.0, 2.0, 2.0, 0.0, 64.0, -64.0]
    assert np.array_equal(A.grid(x, 0, 64.0)[:, 0], A.grid(x, 0, 64.0)[:, 1])


@given(st.integers(-(2**20), 2**20))
def test_wrap16_is_twos_complement(value: int) -> None:
    assert A.wrap16(np.array(float(value))) == np.array(value).astype(np.int16)


def test_products_at_the_limits_are_exact() -> None:
    """In the longest sum of any model at the largest values, every partial sum stays below 2^53 units."""
    terms = 3 * 256
    x = np.full((1, terms), ACTIVATION_LIMIT - 2.0**-ACTIVATION_BITS)
    w = np.full((terms, 1), WEIGHT_LIMIT - 2.0**-WEIGHT_BITS)
    exact = terms * Fraction(x[0, 0]) * Fraction(w[0, 0])
    assert Fraction(float(A.matmul(x, w)[0, 0])) == exact
    unit_of_sum = Fraction(2) ** -(ACTIVATION_BITS + WEIGHT_BITS)
    assert exact / unit_of_sum < 2**53


def test_products_do_not_depend_on_order() -> None:
    rng = np.random.default_rng(0)
    x = A.grid(rng.normal(size=(5, 768)) * 20, ACTIVATION_BITS, ACTIVATION_LIMIT)
    w = A.grid(rng.normal(size=(768, 7)) * 3, WEIGHT_BITS, WEIGHT_LIMIT)
    order = rng.permutation(768)
    one_by_one = sum(x[:, [i]] * w[[i]] for i in order)
    assert np.array_equal(A.matmul(x, w), one_by_one)
    assert np.array_equal(A.matmul(x[:1], w), A.matmul(x, w)[:1])


@pytest.mark.parametrize(
    ("function", "low", "high"), [(lambda x: unit(A, x), -1.0, 64.0), (lambda x: soft_sign(A, x), -1.0, 1.0)]
)
def test_activations_are_monotone_and_bounded(function, low: float, high: float) -> None:
    y = function(np.linspace(-100, 100, 4001))
    assert np.all(np.diff(y) >= 0)
    assert y.min() == low
    assert y.max() == high


def test_gate_follows_tanh_times_sigmoid() -> None:
    x = np.linspace(-6, 6, 25)
    signal, control = np.meshgrid(x, x)
    exact = np.tanh(signal) / (1 + np.exp(-control))
    assert np.abs(gate(A, signal, control) - exact).max() < 0.12


@settings(deadline=None)  # the first call compiles
@given(st.floats(2.0**-40, 2.0**60))
def test_logarithms_are_those_of_the_library_rounded(x: float) -> None:
    found = float(A.log2(np.array([x]))[0])
    assert found * 1024 == round(found * 1024)
    assert abs(found - np.log2(x)) <= 0.5 / 1024 + 1e-6


@settings(deadline=None)
@given(st.floats(-100, 0))
def test_powers_of_two_are_those_of_the_library_rounded(x: float) -> None:
    found = float(A.exp2(np.array([x]))[0])
    assert found * 65536 == round(found * 65536)
    assert abs(found - 2.0**x) <= 0.5 / 65536 + 1e-6


def test_powers_and_logarithms_at_their_ends() -> None:
    assert A.log2(np.array([1.0, 2.0, 0.5, 1024.0])).tolist() == [0.0, 1.0, -1.0, 10.0]
    assert A.exp2(np.array([0.0, -1.0, -16.0, -17.1, -1e9])).tolist() == [1.0, 0.5, 2.0**-16, 0.0, 0.0]


def test_box_sums_least_and_scan() -> None:
    x = np.random.default_rng(0).integers(-9, 9, (2, 7, 3)).astype(np.float64)
    padded = np.pad(x, ((0, 0), (2, 2), (0, 0)))
    assert np.array_equal(A.box_sum(x, 2), sum(padded[:, i : i + 7] for i in range(5)))
    assert np.array_equal(A.box_sum(x[:, :, ::2], 9), np.broadcast_to(x[:, :, ::2].sum(1, keepdims=True), (2, 7, 2)))
    assert np.array_equal(A.least(x, -1), x.min(-1))
    totals = A.scan(lambda total, here: total * 2 + here["x"], np.zeros(3), {"x": x[0]})
    assert totals.shape == (7, 3)
    assert np.array_equal(totals[1], 2 * x[0, 0] + x[0, 1])
