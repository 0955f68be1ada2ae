"""Least squares that learn as they go: normal equations of a fading past, solved now and then.

    C ← λ C + h hᵀ        r ← λ r + x h        w = (C + ε I)⁻¹ r

Recursive least squares keeps the inverse of C instead, which grows without bound where inputs repeat each other, as
predictions of one signal do. Here C stays positive, ε bounds w, and everything fades. Samples enter in batches of
:data:`BATCH`: their products are added up once for all memories, each with its own λ, and the past fades once a batch.
The equations are solved by elimination (Golub & Van Loan, "Matrix Computations", section 4.1: LDLᵀ).

Strict like :mod:`idf.models.adaptive.steps`: rows are added one after another and no sum is reordered.
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
"""Samples that enter the equations together; then new weights are solved for."""
_RIDGE = 1e-5
"""ε, as a share of the mean of C's diagonal, …"""
_LEAST_RIDGE = 1.0
"""… and what it is at least, in squared sample steps."""
_WEIGHT_LIMIT = 1e6
_SILENT = 1e-100
"""Equations whose diagonal adds up to less have seen nothing but silence. They are reset: the numbers that would follow
are too small for normal floats, which are slow on some processors."""


class Squares(NamedTuple):
    """The equations of all channels and memories, float64. Rows are padded with zeros to whole vectors, of ``width``
    numbers in all; matrices, to ``height`` rows."""

    rows: Array
    """(channels, BATCH, width): h of the samples of this batch, and in column n the sample x itself."""
    products: Array
    """(height, width): what a batch adds to C and r, then what elimination takes from them."""
    equations: Array
    """(channels, memories, n, width): C, without what lies below its diagonal, and in column n r."""
    weights: Array
    """(channels, memories, width): w."""
    upper: Array
    """(height, width): the equations after elimination, …"""
    scaled: Array
    """… and each row divided by its pivot."""
    kept: Array
    """(memories,): λ^BATCH."""


def first_squares(channels: int, inputs: int, forgetting: Array) -> Squares:
    """Return the state before the first sample, whose weights are zero.

    Args:
        inputs: n.
        forgetting: float64 (memories,): λ of each.
    """
    height, width = (-(-count // BLEND) * BLEND for count in (inputs, inputs + 1))
    space, memories = (height, width), len(forgetting)
    kept = forgetting
    for _ in range(BATCH.bit_length() - 1):  # the library's power is not the same everywhere
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
    """What the weights make of the inputs of a row of :attr:`Squares.rows`."""
    total: float = dot(weights, row, 0, weights.shape[0])
    return total


@compiled_step
def gather(c: int, t: int, squares: Any, target: float) -> None:
    """Learn sample t, which its row of inputs should have given."""
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
def _solve(equations: Array, weights: Array, squares: Any) -> None:
    """New weights. Where the equations cannot be trusted, none: nothing is expected until they can."""
    upper, scaled, products = squares.upper, squares.scaled, squares.products
    n, width, trace = equations.shape[0], equations.shape[1], 0.0
    for j in range(width):
        weights[j] = 0.0
    for i in range(n):
        trace += equations[i, i]
    if trace < _SILENT:
        for i in range(n):
            for j in range(width):
                equations[i, j] = 0.0
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
            if not pivots[k] > 0.0:  # nor if it is not a number
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
