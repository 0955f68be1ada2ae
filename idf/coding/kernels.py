"""The compiled inner loops: mixture CDFs in integers, and rANS over them.

All arithmetic is in int64, so a message has the same bytes on every processor and with every compiler. There are no
floats and no unsigned integers: mixing signed and unsigned integers would make numba compute in floats.

Nothing is allocated here. The scratch space is int64 (3, components). The arguments are explained in
:mod:`idf.coding.mixture` and :mod:`idf.coding.message`; nothing here is public.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray as Array

from idf.coding.tables import (
    EXP_BITS,
    EXP_STEPS_PER_NAT,
    INVERSE_BITS,
    SCALE_MAX,
    SCALE_MIN,
    SIGMA_BITS,
    SIGMA_LIMIT_NATS,
    SIGMA_STEPS_PER_NAT,
)
from idf.compiled import compiled_loop, compiled_step

RING = 1 << 16
"""Number of 16-bit values; value z has index k = z + HALF."""
HALF = 1 << 15
MEAN_LIMIT = 1 << 24
MEAN_BITS = 8
CDF_BITS = 38
HEAD_MIN = 1 << 31
"""Heads stay in [2^31, 2^63), so they fit a signed 64-bit integer."""

# An edge minus a mean is below 2^25 in magnitude (2^23 + 2^7 + 2^24) and an inverse scale at most
# 2^36: their product stays below 2^61. Shifted right by 16 it is in units of 2^-22 nats: 6 bits of table
# index per nat and 16 bits for interpolation.
_INDEX_BITS = SIGMA_STEPS_PER_NAT.bit_length() - 1
_INTERPOLATION_BITS = 16
_INTERPOLATION_MASK = (1 << _INTERPOLATION_BITS) - 1
_ARGUMENT_SHIFT = MEAN_BITS + INVERSE_BITS - _INDEX_BITS - _INTERPOLATION_BITS
_ARGUMENT_LIMIT = SIGMA_LIMIT_NATS * SIGMA_STEPS_PER_NAT << _INTERPOLATION_BITS
_EXP_LAST = SIGMA_LIMIT_NATS * EXP_STEPS_PER_NAT
_RISE_SHIFT = 22
"""Bits dropped from a component's slope before it is multiplied by its inverse scale."""
_NEWTON_STEPS = 10
_HALF_STEP = 1 << (MEAN_BITS - 1)


@compiled_step
def _clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


@compiled_step
def prepare(
    i: int,
    logits: Array,
    means: Array,
    scales: Array,
    exp_table: Array,
    inverse_table: Array,
    weight: Array,
    offset: Array,
    inverse: Array,
) -> int:
    """Fill the scratch space for symbol i. Returns its heaviest component (the first of equals)."""
    components = logits.shape[1]
    heaviest = 0
    for j in range(1, components):
        if logits[i, j] > logits[i, heaviest]:
            heaviest = j
    top = np.int64(logits[i, heaviest])
    total = 0
    for j in range(components):
        weight[j] = exp_table[_clip(top - np.int64(logits[i, j]), 0, _EXP_LAST)]
        total += weight[j]
    rest = 1 << EXP_BITS
    for j in range(components):
        weight[j] = (weight[j] << EXP_BITS) // total
        rest -= weight[j]
        offset[j] = _clip(np.int64(means[i, j]), -MEAN_LIMIT, MEAN_LIMIT)
        inverse[j] = inverse_table[_clip(np.int64(scales[i, j]), SCALE_MIN, SCALE_MAX) - SCALE_MIN]
    weight[heaviest] += rest
    return heaviest


@compiled_step
def _weighed(edge: int, sigma: Array, weight: Array, offset: Array, inverse: Array) -> int:
    """Return the prepared mixture's CDF at an edge, in units of 2^-(EXP_BITS + SIGMA_BITS)."""
    total = 0
    for j in range(weight.shape[0]):
        argument = ((edge - offset[j]) * inverse[j]) >> _ARGUMENT_SHIFT
        argument = _clip(argument, -_ARGUMENT_LIMIT, _ARGUMENT_LIMIT - 1) + _ARGUMENT_LIMIT
        cell = argument >> _INTERPOLATION_BITS
        lo = np.int64(sigma[cell])
        hi = np.int64(sigma[cell + 1])
        total += weight[j] * (lo + (((hi - lo) * (argument & _INTERPOLATION_MASK)) >> _INTERPOLATION_BITS))
    return total


@compiled_step
def cumulative(
    i: int, precision: int, sigma: Array, weight: Array, offset: Array, inverse: Array, symbols: int, edges: Array
) -> int:
    """Return C(i) of the prepared symbol: strictly increasing in i, C(0) = 0, C(symbols) = 2^precision.

    Every step is monotone: the argument (a positive factor, a floor, a clip), the interpolation
    (``hi >= lo``, and the floor of a product never passes ``hi``), the weighted sum (weights >= 0)
    and the last two floors. F < 1 before the right end, since the table stays below 2^32.
    """
    if i <= 0:
        return 0
    if i >= symbols:
        return 1 << precision
    total = _weighed(np.int64(edges[i]), sigma, weight, offset, inverse)
    return i + ((((1 << precision) - symbols) * (total >> EXP_BITS)) >> SIGMA_BITS)


@compiled_step
def interval(
    i: int, precision: int, sigma: Array, weight: Array, offset: Array, inverse: Array, symbols: int, edges: Array
) -> tuple[int, int]:
    """Return C(i) and C(i + 1) of the prepared symbol, 0 <= i < symbols, computed in one loop."""
    lower, upper = np.int64(edges[i]), np.int64(edges[i + 1])
    below, above = 0, 0
    for j in range(weight.shape[0]):
        argument = ((lower - offset[j]) * inverse[j]) >> _ARGUMENT_SHIFT
        argument = _clip(argument, -_ARGUMENT_LIMIT, _ARGUMENT_LIMIT - 1) + _ARGUMENT_LIMIT
        cell = argument >> _INTERPOLATION_BITS
        lo, hi = np.int64(sigma[cell]), np.int64(sigma[cell + 1])
        below += weight[j] * (lo + (((hi - lo) * (argument & _INTERPOLATION_MASK)) >> _INTERPOLATION_BITS))
        argument = ((upper - offset[j]) * inverse[j]) >> _ARGUMENT_SHIFT
        argument = _clip(argument, -_ARGUMENT_LIMIT, _ARGUMENT_LIMIT - 1) + _ARGUMENT_LIMIT
        cell = argument >> _INTERPOLATION_BITS
        lo, hi = np.int64(sigma[cell]), np.int64(sigma[cell + 1])
        above += weight[j] * (lo + (((hi - lo) * (argument & _INTERPOLATION_MASK)) >> _INTERPOLATION_BITS))
    room = (1 << precision) - symbols
    start = i + ((room * (below >> EXP_BITS)) >> SIGMA_BITS) if i > 0 else 0
    end = i + 1 + ((room * (above >> EXP_BITS)) >> SIGMA_BITS) if i + 1 < symbols else 1 << precision
    return start, end


@compiled_step
def cdf(edge: int, sigma: Array, weight: Array, offset: Array, inverse: Array) -> int:
    """Return the prepared mixture's CDF at an edge, in units of 2^-38. It is monotone, see :func:`cumulative`."""
    total = _weighed(edge, sigma, weight, offset, inverse)
    return total >> (EXP_BITS + SIGMA_BITS - CDF_BITS)


@compiled_step
def _cumulative_and_slope(
    i: int, precision: int, sigma: Array, weight: Array, offset: Array, inverse: Array, symbols: int, edge: int
) -> tuple[int, int]:
    """Return :func:`cumulative` for 0 < i < symbols and its approximate slope per sample step, at least 1.

    Encoding needs no slope and would be 3 % slower with this loop, so it has its own.
    """
    total, slope = 0, 0
    for j in range(weight.shape[0]):
        argument = ((edge - offset[j]) * inverse[j]) >> _ARGUMENT_SHIFT
        argument = _clip(argument, -_ARGUMENT_LIMIT, _ARGUMENT_LIMIT - 1) + _ARGUMENT_LIMIT
        cell = argument >> _INTERPOLATION_BITS
        lo = np.int64(sigma[cell])
        rise = np.int64(sigma[cell + 1]) - lo
        total += weight[j] * (lo + ((rise * (argument & _INTERPOLATION_MASK)) >> _INTERPOLATION_BITS))
        # weights sum to 2^30, rises stay below 2^25 and inverses up to 2^36: all sums below 2^61
        slope += ((weight[j] * rise) >> _RISE_SHIFT) * (inverse[j] >> (_ARGUMENT_SHIFT - MEAN_BITS))
    c = i + ((((1 << precision) - symbols) * (total >> EXP_BITS)) >> SIGMA_BITS)
    return c, (slope >> (EXP_BITS + SIGMA_BITS + _INTERPOLATION_BITS - _RISE_SHIFT - precision)) + 1


@compiled_step
def find(
    target: int,
    heaviest: int,
    precision: int,
    sigma: Array,
    weight: Array,
    offset: Array,
    inverse: Array,
    symbols: int,
    edges: Array,
    ranks: Array,
) -> tuple[int, int, int]:
    """Return the i with C(i) <= target < C(i + 1), and both values. 0 <= target < 2^precision.

    Takes Newton steps from the heaviest component's mean, clipped to the known bracket (usually about four), then
    bisects: at most 26 evaluations for any mixture. The result does not depend on the path.
    """
    low, c_low = 0, 0
    high, c_high = symbols, 1 << precision
    edge, ahead = offset[heaviest], 0
    steps = 0
    while high - low > 1:
        if steps < _NEWTON_STEPS:
            k = _clip(((edge + _HALF_STEP) >> MEAN_BITS) + HALF + ahead, 0, RING - 1)
            i = _clip(np.int64(ranks[k]), low + 1, high - 1)
        else:
            i = (low + high) >> 1
        edge = np.int64(edges[i])
        c, slope = _cumulative_and_slope(i, precision, sigma, weight, offset, inverse, symbols, edge)
        if c <= target:
            low, c_low = i, c
        else:
            high, c_high = i, c
        ahead = (target - c) // slope
        steps += 1
    return low, c_low, c_high


@compiled_step
def taken(head: int, target: int, low: int, high: int, precision: int, words: Array, count: int) -> tuple[int, int]:
    """Pop a symbol with interval [low, high). Returns the new head and the number of words left, -1 if they ran out."""
    head = (high - low) * (head >> precision) + target - low
    if head < HEAD_MIN:
        if count == 0:
            return head, -1
        count -= 1
        word: int = np.int64(words[count])  # type: ignore[assignment]
        head = (head << 32) | word
    return head, count


@compiled_loop
def intervals(
    symbols: Array,
    logits: Array,
    means: Array,
    scales: Array,
    precision: int,
    sigma: Array,
    exp_table: Array,
    inverse_table: Array,
    edges: Array,
    ranks: Array,
    scratch: Array,
    starts: Array,
    freqs: Array,
) -> None:
    """Compute starts[i] = C(k_i) and freqs[i] = C(k_i + 1) - C(k_i) of each symbol."""
    weight, offset, inverse = scratch[0], scratch[1], scratch[2]
    for i in range(symbols.shape[0]):
        prepare(i, logits, means, scales, exp_table, inverse_table, weight, offset, inverse)
        k = np.int64(symbols[i]) + HALF
        start, end = interval(k, precision, sigma, weight, offset, inverse, RING, edges)
        starts[i] = start
        freqs[i] = end - start


@compiled_loop
def locate(
    targets: Array,
    logits: Array,
    means: Array,
    scales: Array,
    precision: int,
    sigma: Array,
    exp_table: Array,
    inverse_table: Array,
    edges: Array,
    ranks: Array,
    scratch: Array,
    symbols: Array,
    starts: Array,
    freqs: Array,
) -> None:
    """Invert :func:`intervals`: find the symbol whose interval contains targets[i], and that interval."""
    weight, offset, inverse = scratch[0], scratch[1], scratch[2]
    for i in range(targets.shape[0]):
        best = prepare(i, logits, means, scales, exp_table, inverse_table, weight, offset, inverse)
        k, start, end = find(targets[i], best, precision, sigma, weight, offset, inverse, RING, edges, ranks)
        symbols[i] = k - HALF
        starts[i] = start
        freqs[i] = end - start


@compiled_loop
def cumulative_all(
    i: int,
    logits: Array,
    means: Array,
    scales: Array,
    precision: int,
    sigma: Array,
    exp_table: Array,
    inverse_table: Array,
    edges: Array,
    ranks: Array,
    scratch: Array,
    out: Array,
) -> None:
    """Compute out[k] = C(k) of symbol i for k = 0 ... 2^16. For tests and plots, not for coding."""
    weight, offset, inverse = scratch[0], scratch[1], scratch[2]
    prepare(i, logits, means, scales, exp_table, inverse_table, weight, offset, inverse)
    for k in range(RING + 1):
        out[k] = cumulative(k, precision, sigma, weight, offset, inverse, RING, edges)


@compiled_loop
def push(starts: Array, freqs: Array, precision: int, heads: Array, words: Array, count: int) -> int:
    """Push symbols n-1 ... 0 by their intervals, symbol i onto head i mod lanes. Returns the new number of words.

    ``words`` must have room for n more. A head emits at most one word before each symbol.
    """
    lanes = heads.shape[0]
    for i in range(starts.shape[0] - 1, -1, -1):
        freq = freqs[i]
        head = heads[i % lanes]
        if head >= ((HEAD_MIN >> precision) << 32) * freq:
            words[count] = head & 0xFFFFFFFF
            count += 1
            head >>= 32
        quotient = head // freq
        heads[i % lanes] = (quotient << precision) + (head - quotient * freq) + starts[i]
    return count


@compiled_loop
def pop(
    symbols: Array,
    logits: Array,
    means: Array,
    scales: Array,
    precision: int,
    sigma: Array,
    exp_table: Array,
    inverse_table: Array,
    edges: Array,
    ranks: Array,
    scratch: Array,
    heads: Array,
    words: Array,
    count: int,
) -> int:
    """Invert :func:`push` for symbols 0 ... n-1. Returns the new number of words, or -1 if they ran out.

    Safe for any heads in [2^31, 2^63) and any words: a head never leaves that range, because
    ``head >> precision`` is at least 2^(31 - 28) and one word lifts it above 2^31.
    """
    weight, offset, inverse = scratch[0], scratch[1], scratch[2]
    lanes = heads.shape[0]
    for i in range(symbols.shape[0]):
        best = prepare(i, logits, means, scales, exp_table, inverse_table, weight, offset, inverse)
        head = heads[i % lanes]
        target = head & ((1 << precision) - 1)
        k, start, end = find(target, best, precision, sigma, weight, offset, inverse, RING, edges, ranks)
        symbols[i] = k - HALF
        head, count = taken(head, target, start, end, precision, words, count)
        if count < 0:
            return -1
        heads[i % lanes] = head
    return count
