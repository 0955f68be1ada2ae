"""Least squares that learns as it goes: normal equations of a fading past, solved now and then.

    C ← λ C + h hᵀ        r ← λ r + x h        w = (C + ε I)⁻¹ r

Recursive least squares keeps the inverse of C instead, which grows without end where inputs say the same twice, as
predictions of one signal do. Here C stays positive, ε bounds w, and whatever went in fades; the equations are solved
once in :data:`SOLVE_EVERY` samples by elimination (Golub & Van Loan, "Matrix Computations", section 4.1: LDLᵀ).

Strict like :mod:`idf.models.adaptive.steps`: rows are added one after another and no sum is reordered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.compiled import compiled_step
from idf.models.adaptive.vectors import BLEND, aligned, blend

SOLVE_EVERY = 16
"""Samples between two solutions, which are what it costs."""
_RIDGE = 1e-5
"""ε, as a share of the mean of C's diagonal, …"""
_LEAST_RIDGE = 1.0
"""… and what it is at least, in squared sample steps."""
_WEIGHT_LIMIT = 1e6
_SILENT = 1e-100
"""Equations whose diagonal adds up to less have seen nothing but silence. They begin anew: numbers too small for normal
floats, which some processors are slow with, would follow."""


class Squares(NamedTuple):
    """Of all channels; the first axis is the channel. All float64; rows are padded with zeros to whole vectors."""

    matrix: Array
    """(channels, n, n): C; what lies below the diagonal is not used."""
    moments: Array
    """(channels, n): r."""
    inputs: Array
    """(channels, n): h."""
    weights: Array
    """(channels, n): w."""
    space: Array
    """(n + 1, n): what elimination works on, then its right-hand side."""


def first_squares(channels: int, inputs: int) -> Squares:
    """Before the first sample: nothing is expected."""
    padded = -(-inputs // BLEND) * BLEND
    moments, given, weights = (aligned(np.zeros((channels, padded))) for _ in range(3))
    matrix, space = aligned(np.zeros((channels, inputs, padded))), aligned(np.zeros((inputs + 1, padded)))
    return Squares(matrix, moments, given, weights, space)


@compiled_step
def expected(c: int, squares: Any) -> float:
    """What the weights make of the inputs."""
    inputs, weights = squares.inputs[c], squares.weights[c]
    total = 0.0
    for i in range(inputs.shape[0]):
        total += weights[i] * inputs[i]
    return total


@compiled_step
def gather(c: int, squares: Any, target: float, forgetting: float) -> None:
    """Take in the inputs and what they should have given."""
    inputs, matrix = squares.inputs[c], squares.matrix[c]
    for i in range(matrix.shape[0]):
        blend(matrix[i], forgetting, inputs, inputs[i], i // BLEND * BLEND)
    blend(squares.moments[c], forgetting, inputs, target, 0)


@compiled_step
def solve(c: int, squares: Any) -> None:
    """New weights. Where the equations cannot be trusted, none: nothing is expected until they can."""
    matrix, moments, weights, space = squares.matrix[c], squares.moments[c], squares.weights[c], squares.space
    n = matrix.shape[0]
    right, trace = space[n], 0.0
    for j in range(moments.shape[0]):
        right[j] = moments[j]
    for i in range(n):
        trace += matrix[i, i]
        for j in range(moments.shape[0]):
            space[i, j] = matrix[i, j]
    if trace < _SILENT:
        for j in range(moments.shape[0]):
            moments[j] = weights[j] = 0.0
            for i in range(n):
                matrix[i, j] = 0.0
        return
    ridge = _LEAST_RIDGE + _RIDGE * trace / n
    for k in range(n):
        pivots = space[k]
        pivots[k] += ridge
        if not pivots[k] > 0.0:  # nor if it is not a number
            for j in range(n):
                weights[j] = 0.0
            return
        inverse, known = 1.0 / pivots[k], right[k]
        for i in range(k + 1, n):
            factor = pivots[i] * inverse
            blend(space[i], 1.0, pivots, -factor, i // BLEND * BLEND)
            right[i] -= factor * known
    for k in range(n - 1, -1, -1):
        weight = right[k] / space[k, k]
        weight = min(max(weight, -_WEIGHT_LIMIT), _WEIGHT_LIMIT)
        weights[k] = weight
        for i in range(k):
            right[i] -= space[i, k] * weight
