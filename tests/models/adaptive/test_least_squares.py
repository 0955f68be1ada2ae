"""Least squares that learns as it goes, against NumPy's solution of the same equations."""

from __future__ import annotations

import numba
import numpy as np

from idf.models.adaptive.least_squares import Squares, expected, first_squares, gather, solve


@numba.njit
def run(squares, inputs, targets, forgetting):
    for t in range(len(targets)):
        for i in range(inputs.shape[1]):
            squares.inputs[0, i] = inputs[t, i]
        gather(0, squares, targets[t], forgetting)
    solve(0, squares)
    return expected(0, squares)


def learned(inputs: np.ndarray, targets: np.ndarray, forgetting: float = 0.99) -> tuple[Squares, float]:
    squares = first_squares(1, inputs.shape[1])
    return squares, run(squares, inputs, targets, forgetting)


def test_weights_solve_the_faded_equations() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(0, 1000, (400, 7))
    targets = inputs @ np.arange(7) + rng.normal(0, 10, 400)
    squares, found = learned(inputs, targets)
    faded = 0.99 ** np.arange(399, -1, -1)
    matrix = (inputs * faded[:, None]).T @ inputs
    ridge = 1 + 1e-5 * matrix.trace() / 7
    weights = np.linalg.solve(matrix + ridge * np.eye(7), (inputs * faded[:, None]).T @ targets)
    np.testing.assert_allclose(squares.weights[0, :7], weights, rtol=1e-9)
    np.testing.assert_allclose(found, inputs[-1] @ weights, rtol=1e-9)


def test_inputs_that_say_the_same_twice_share_the_weight() -> None:
    inputs = np.repeat(np.random.default_rng(1).normal(0, 100, (300, 1)), 2, axis=1)
    squares, _ = learned(inputs, 3 * inputs[:, 0])
    np.testing.assert_allclose(squares.weights[0, :2], 1.5, rtol=1e-3)


def test_silence_for_ever_leaves_nothing_behind() -> None:
    squares, _ = learned(np.full((10, 3), 5.0), np.ones(10))
    run(squares, np.zeros((60_000, 3)), np.zeros(60_000), 0.99)
    assert not squares.matrix.any()
    assert not squares.moments.any()
    assert not squares.weights.any()


def test_what_is_not_a_number_gives_no_weights() -> None:
    squares, found = learned(np.full((10, 3), np.nan), np.ones(10))
    assert not squares.weights.any()
    assert np.isnan(found)  # of the inputs; the adaptive flow bounds it
