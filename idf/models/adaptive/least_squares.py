"""Online least squares: normal equations with forgetting, solved once per batch of samples.

    C ← λ C + h hᵀ        r ← λ r + x h        w = (C + ε I)⁻¹ r

Recursive least squares maintains the inverse of C instead, which grows without bound if inputs are redundant, as
predictions of the same signal are. Here C stays positive, ε bounds w, and the past is forgotten. Samples enter in
batches of :data:`BATCH`: their products are summed once for all memories (values of λ), and forgetting is applied once
per batch. The equations are solved by elimination (Golub & Van Loan, "Matrix Computations", section 4.1: LDLᵀ).

The arithmetic is strict as in :mod:`idf.models.adaptive.steps`: rows are added one after another and no sum is
reordered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.compiled import compiled_step
from idf.compiled.vectors import aligned
from idf.models.adaptive.products import inner_products
from idf.models.adaptive.vectors import BLEND, blend, dot

BATCH = 32
"""Number of samples that enter the equations together; new weights are computed after each batch."""
_RIDGE = 1e-5
"""Part of ε that is relative to the mean of C's diagonal."""
_LEAST_RIDGE = 1.0
"""Constant part of ε, in squared sample steps."""
_WEIGHT_LIMIT = 1e6
_SILENT = 1e-100
"""After long silence, equations with a smaller trace are reset, because further decay would give subnormal numbers,
which are slow on some processors."""


class Squares(NamedTuple):
    """Normal equations of all channels and memories, float64.

    Rows are zero-padded to whole vectors, ``width`` numbers in total, and matrices to ``height`` rows.
    """

    rows: Array
    """(channels, BATCH, width): h of each sample of the current batch, with the sample x in column n."""
    products: Array
    """(height, width): the sums a batch adds to C and r, then those that elimination subtracts."""
    equations: Array
    """(channels, memories, n, width): C, with r in column n; entries below the diagonal are not used."""
    weights: Array
    """(channels, memories, width): w."""
    upper: Array
    """(height, width): the equations after elimination."""
    scaled: Array
    """(height, width): the rows of ``upper``, each divided by its pivot."""
    kept: Array
    """(memories,): λ^BATCH."""


def first_squares(channels: int, inputs: int, forgetting: Array) -> Squares:
    """Return the equations before the first sample, with weights of zero.

    Args:
        inputs: n.
        forgetting: float64 (memories,): λ of each memory.
    """
    height, width = (-(-count // BLEND) * BLEND for count in (inputs, inputs + 1))
    space, memories = (height, width), len(forgetting)
    kept = forgetting
    for _ in range(BATCH.bit_length() - 1):  # the power function of libraries differs between machines
        kept = kept * kept
    return Squares(
        rows=aligned(np.zeros((channels, BATCH, width))),
        products=aligned(np.zeros(space)),
        equations=aligned(np.zeros((channels, memories, inputs, width))),
        weights=aligned(np.zeros((channels, memories, width))),
        upper=aligned(np.zeros(space)),
        scaled=aligned(np.zeros(space)),
        kept=kept,
    )


@compiled_step
def expected(row: Array, weights: Array) -> float:
    """Return the prediction from a row of :attr:`Squares.rows`."""
    total: float = dot(weights, row, 0, weights.shape[0])
    return total


@compiled_step
def gather(c: int, t: int, squares: Any, target: float) -> None:
    """Add the target of sample t to its row of inputs; after the last row of a batch, update equations and weights."""
    rows, equations, products = squares.rows[c], squares.equations[c], squares.products
    n, width = equations.shape[1], equations.shape[2]
    rows[t % BATCH, n] = target
    if (t + 1) % BATCH != 0:
        return
    inner_products(rows, rows, BATCH, width, 0, products.shape[0], products)
    for memory in range(equations.shape[0]):
        for i in range(n):
            own = equations[memory, i]
            blend(own, squares.kept[memory], own, 1.0, products[i], i // BLEND * BLEND)
    for memory in range(equations.shape[0]):
        _solve(equations[memory], squares.weights[c, memory], squares)


@compiled_step
def reset(c: int, squares: Any) -> None:
    """Return the equations of channel c to their state before the first sample."""
    for memory in range(squares.equations.shape[1]):
        _clear(squares.equations[c, memory])
        for j in range(squares.weights.shape[2]):
            squares.weights[c, memory, j] = 0.0


@compiled_step
def _clear(equations: Array) -> None:
    for i in range(equations.shape[0]):
        for j in range(equations.shape[1]):
            equations[i, j] = 0.0


@compiled_step
def _solve(equations: Array, weights: Array, squares: Any) -> None:
    """Compute new weights; they are 0 while the equations are ill-conditioned."""
    upper, scaled, products = squares.upper, squares.scaled, squares.products
    n, width, trace = equations.shape[0], equations.shape[1], 0.0
    for j in range(width):
        weights[j] = 0.0
    for i in range(n):
        trace += equations[i, i]
    if trace < _SILENT:
        _clear(equations)
        return
    ridge = _LEAST_RIDGE + _RIDGE * trace / n
    for first in range(0, n, BLEND):
        end = min(first + BLEND, n)
        inner_products(scaled, upper, first, width, first, first + BLEND, products)
        for i in range(first, end):
            blend(upper[i], 1.0, equations[i], -1.0, products[i], first)
        for k in range(first, end):
            pivots = upper[k]
            pivots[k] += ridge
            if not pivots[k] > 0.0:  # true for NaN as well
                return
            inverse = 1.0 / pivots[k]
            blend(scaled[k], 0.0, pivots, inverse, pivots, first)
            for i in range(k + 1, end):
                blend(upper[i], 1.0, upper[i], -scaled[k, i], pivots, first)
    for i in range(n):
        weights[i] = scaled[i, n]
    for k in range(n - 1, -1, -1):
        weight = min(max(weights[k], -_WEIGHT_LIMIT), _WEIGHT_LIMIT)
        weights[k] = weight
        for i in range(k):
            weights[i] -= scaled[i, k] * weight
