"""The integer CDF of a single logistic, a special case of the mixture in :mod:`idf.coding.kernels`.

C(i), the sum of the frequencies of all values before the i-th, is the same number as there. It is computed without a
loop over components, and the search for the value of an interval starts from a good guess.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HALF, MEAN_BITS
from idf.coding.mixture import PRECISION
from idf.coding.tables import (
    INVERSE_BITS,
    SIGMA_BITS,
    SIGMA_LIMIT_NATS,
    SIGMA_STEPS_PER_NAT,
    coding_tables,
)
from idf.compiled import compiled_step

_SHIFT = MEAN_BITS + INVERSE_BITS - 22
"""After this shift, (edge − mean) · inverse scale is in units of 2^-22 nats: 6 bits per nat index the table, and 16
interpolate."""
_FRACTION = 16
_ARGUMENT_LIMIT = SIGMA_LIMIT_NATS * SIGMA_STEPS_PER_NAT << _FRACTION
_GUESS_BITS = 10


class Guesses(NamedTuple):
    """Tables for the first guess of the search. They may be rounded arbitrarily: the search succeeds regardless."""

    logits: Array
    """float64 (1,025,): quantiles k / 1024 of the logistic, in scales."""
    scales: Array
    """float64 (705,): scales in sample steps, the inverses of :attr:`idf.coding.tables.Tables.inverse`."""


def make_guesses() -> Guesses:
    """Return the tables, which are the same in every process except for rounding."""
    share = np.arange(1, 1 << _GUESS_BITS) / (1 << _GUESS_BITS)
    inner = np.log(share / (1 - share))
    return Guesses(np.concatenate([[-8.5], inner, [8.5]]), 2.0**INVERSE_BITS / coding_tables().inverse)


@compiled_step
def before(i: int, room: int, sigma: Array, offset: int, inverse: int, edge: int) -> Any:
    """Return C(i) for 0 < i < symbols; see :func:`idf.coding.kernels.cumulative`."""
    argument = ((edge - offset) * inverse) >> _SHIFT
    argument = min(max(argument, -_ARGUMENT_LIMIT), _ARGUMENT_LIMIT - 1) + _ARGUMENT_LIMIT
    cell = argument >> _FRACTION
    low, high = np.int64(sigma[cell]), np.int64(sigma[cell + 1])
    total = low + (((high - low) * (argument & ((1 << _FRACTION) - 1))) >> _FRACTION)
    return i + ((room * total) >> SIGMA_BITS)


@compiled_step
def ends(i: int, c: int, tables: Any, offset: int, inverse: int) -> tuple[int, int]:
    """Return C(i) and C(i + 1) for 0 <= i < symbols."""
    symbols, whole = tables.symbols[c], 1 << PRECISION
    room = whole - symbols
    low = before(i, room, tables.sigma, offset, inverse, np.int64(tables.edges[c, i])) if i > 0 else 0
    high = whole
    if i + 1 < symbols:
        high = before(i + 1, room, tables.sigma, offset, inverse, np.int64(tables.edges[c, i + 1]))
    return low, high


@compiled_step
def locate(
    target: int, c: int, tables: Any, guesses: Any, offset: int, inverse: int, scale: int
) -> tuple[Any, int, int]:
    """Return the i with C(i) <= target < C(i + 1), and these two values.

    Args:
        scale: index of ``inverse`` in its table.
    """
    symbols = tables.symbols[c]
    # C(i) includes i itself, on average half of the symbols
    share = min(max(target - (symbols >> 1), 0), (1 << PRECISION) - 1)
    cell = share >> (PRECISION - _GUESS_BITS)
    part = np.float64(share & ((1 << (PRECISION - _GUESS_BITS)) - 1)) * 2.0 ** (_GUESS_BITS - PRECISION)
    quantile = guesses.logits[cell] + part * (guesses.logits[cell + 1] - guesses.logits[cell])
    near = np.float64(offset) * 2.0**-MEAN_BITS + quantile * guesses.scales[scale]
    k = np.int64(np.rint(min(max(near, -32768.0), 32767.0))) + HALF
    i: Any = np.int64(tables.ranks[c, k])
    low, high = ends(i, c, tables, offset, inverse)
    least, most, step = 0, symbols - 1, 1
    while True:
        # doubling steps away from the guess, bisection where they would go too far
        if target < low:
            most = i - 1
            i = i - step if i - step > least else (least + most) >> 1
        elif target >= high:
            least = i + 1
            i = i + step if i + step < most else (least + most) >> 1
        else:
            return i, low, high
        step *= 2
        low, high = ends(i, c, tables, offset, inverse)
