"""Online least squares compared with NumPy's solution of the same equations."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from idf.models.adaptive.least_squares import BATCH, Squares, expected, first_squares, gather


@numba.njit
def run(squares, inputs, targets):
    for t in range(len(targets)):
        for i in range(inputs.shape[1]):
            squares.rows[0, t % BATCH, i] = inputs[t, i]
        gather(0, t, squares, targets[t])


@numba.njit
def what_is_expected(squares, memory):
    return expected(squares.rows[0, -1], squares.weights[0, memory])


def learned(inputs: np.ndarray, targets: np.ndarray, *forgetting: float) -> Squares:
    squares = first_squares(1, inputs.shape[1], np.array(forgetting or [0.99]))
    run(squares, inputs, targets)
    return squares


@pytest.mark.parametrize("count", [1, 4, 7, 24])
def test_weights_solve_the_equations_with_forgetting(count: int) -> None:
    rng = np.random.default_rng(0)
    batches = 13
    inputs = rng.normal(0, 1000, (batches * BATCH, count))
    targets = inputs @ np.arange(count) + rng.normal(0, 10, len(inputs))
    squares = learned(inputs, targets, 0.99, 0.9995)
    for memory, forgetting in enumerate((0.99, 0.9995)):
        faded = np.repeat((forgetting**BATCH) ** np.arange(batches - 1, -1, -1), BATCH)
        matrix = (inputs * faded[:, None]).T @ inputs
        ridge = 1 + 1e-5 * matrix.trace() / count
        weights = np.linalg.solve(matrix + ridge * np.eye(count), (inputs * faded[:, None]).T @ targets)
        np.testing.assert_allclose(squares.weights[0, memory, :count], weights, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(what_is_expected(squares, memory), inputs[-1] @ weights, rtol=1e-9)


def test_weights_change_only_at_the_end_of_a_batch() -> None:
    inputs = np.random.default_rng(3).normal(0, 100, (BATCH, 2))
    assert not learned(inputs[:-1], inputs[:-1, 0]).weights.any()
    assert learned(inputs, inputs[:, 0]).weights.any()


def test_equal_inputs_share_the_weight() -> None:
    inputs = np.repeat(np.random.default_rng(1).normal(0, 100, (320, 1)), 2, axis=1)
    squares = learned(inputs, 3 * inputs[:, 0])
    np.testing.assert_allclose(squares.weights[0, 0, :2], 1.5, rtol=1e-3)


def test_long_silence_clears_the_state() -> None:
    squares = learned(np.full((BATCH, 3), 5.0), np.ones(BATCH))
    assert squares.weights.any()
    run(squares, np.zeros((2000 * BATCH, 3)), np.zeros(2000 * BATCH))
    assert not squares.equations.any()
    assert not squares.weights.any()


def test_nan_gives_zero_weights() -> None:
    squares = learned(np.full((BATCH, 3), np.nan), np.ones(BATCH))
    assert not squares.weights.any()
    assert np.isnan(what_is_expected(squares, 0))  # because the inputs are NaN; the adaptive flow bounds it
