"""Coding which values of a range occur, as flags: one compiled adaptive model for encoding and decoding.

Flags are coded outwards from zero: first those of the values from 0 up, then those from −1 down. Each is predicted in
five contexts by the flags seen there before: the last 5, 12 and 22 flags, the flags around the value's mirror image, and
the open gap compared with the two gaps before it. The predictions are mixed as in PAQ (M. Mahoney, *Adaptive weighing of
context models for lossless data compression*, 2005), in integers only. The patterns of amplified recordings, or of ones
decoded from G.711, cost almost nothing once seen. ``docs/format.md`` gives the exact steps.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import taken
from idf.compiled import compiled_loop, compiled_step

_INPUTS = 5
_CONTEXTS = 1 << 16
_SHORT, _MIDDLE, _LONG, _LONGEST = (1 << 5) - 1, (1 << 12) - 1, (1 << 22) - 1, (1 << 28) - 1
_HASH = 0x2545F491
_GAP_CLASSES = 5
_SEEN_LIMIT = 250
_BITS = 12
"""Bits of a mixed probability; those of contexts have 16."""
_RATE = 14
_FIRST_WEIGHT = (1 << 16) * 2 // _INPUTS
_STRETCH_LIMIT = 2047
# 4096 / (1 + e^(-x)) at x = -8, -7.5 … 8, never 0 nor 4096
_SQUASH = np.array(
    [
        *(1, 2, 4, 6, 10, 17, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546),
        *(2047, 2549, 2994, 3348, 3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094),
    ],
    np.int64,
)


@compiled_step
def _squash(x: int, table: Array) -> int:
    x = min(max(x, -_STRETCH_LIMIT), _STRETCH_LIMIT)
    cell, part = (x >> 7) + 16, x & 127
    found: int = (table[cell] * (128 - part) + table[cell + 1] * part + 64) >> 7
    return found


def _stretched() -> np.ndarray:
    """Return the inverse of :func:`_squash`: the lowest x that reaches each probability, int64 (4096,)."""
    x = np.arange(-_STRETCH_LIMIT, _STRETCH_LIMIT + 1)
    cell, part = (x >> 7) + 16, x & 127
    reached = (_SQUASH[cell] * (128 - part) + _SQUASH[cell + 1] * part + 64) >> 7
    places = np.searchsorted(reached, np.arange(1 << _BITS))
    return np.minimum(places, 2 * _STRETCH_LIMIT) - _STRETCH_LIMIT


_STRETCH = _stretched()


@compiled_step
def _gap_class(open_gap: int, before: int) -> int:
    """Compare the open gap with an earlier one: 0 shorter, 1 equal, 2 less than twice, 3 twice, 4 longer."""
    if open_gap <= before:
        return 0 if open_gap < before else 1
    if open_gap <= 2 * before:
        return 2 if open_gap < 2 * before else 3
    return 4


@compiled_step
def _mirror_image(flags: Array, value: int, lowest: int, highest: int) -> int:
    """Return the flags of the five values around −value (those from 0 up) as bits, for values from −1 down."""
    bits = 1 << 5
    for j in range(5):
        opposite = -value - 2 + j
        if opposite >= max(lowest, 0) and opposite <= highest and flags[opposite - lowest]:
            bits |= 1 << j
    return bits


def code(
    flags: Array,
    lowest: int,
    decode: bool,
    precision: int,
    starts: Array,
    freqs: Array,
    heads: Array,
    words: Array,
    count: int,
) -> int:
    """Compute the interval in [0, 2^precision) of each flag between the ends, or decode the flags from a message.

    Args:
        flags: flags of the values ``lowest`` … ``lowest + n - 1``, uint8 (n,), both ends set. Written if ``decode``.
        lowest: the lowest value.
        decode: whether to decode.
        precision: bits of frequency resolution.
        starts, freqs: the intervals, int64 (n - 2,), in coding order. Written unless ``decode``.
        heads, words, count: the message. Changed if ``decode``.

    Returns:
        The number of words left; -1 if they ran out.
    """
    chance = np.full((_INPUTS, _CONTEXTS), 1 << 15, np.int64)
    seen = np.zeros((_INPUTS, _CONTEXTS), np.int64)
    weights = np.full((_GAP_CLASSES * _GAP_CLASSES, _INPUTS), _FIRST_WEIGHT, np.int64)
    scratch = np.zeros((2, _INPUTS), np.int64)
    left: int = _code(
        *(flags, lowest, decode, precision, starts, freqs, heads, words, count),
        *(chance, seen, weights, scratch),
    )
    return left


@compiled_loop
def _code(
    flags: Array,
    lowest: int,
    decode: bool,
    precision: int,
    starts: Array,
    freqs: Array,
    heads: Array,
    words: Array,
    count: int,
    chance: Array,
    seen: Array,
    weights: Array,
    scratch: Array,
) -> int:
    places, inputs = scratch[0], scratch[1]
    highest = lowest + flags.shape[0] - 1
    head, whole, out = np.int64(heads[0]), np.int64(1) << precision, 0
    for side in range(2):
        step = 1 - 2 * side
        value, end = (max(lowest, 0), highest + 1) if side == 0 else (min(highest, -1), lowest - 1)
        past, open_gap, gap, gap_before = np.int64(0), 1, 1, 1
        while (end - value) * step > 0:
            flag = 1
            if lowest < value < highest:
                mirror = _mirror_image(flags, value, lowest, highest) if side == 1 else 0
                group = _gap_class(open_gap, gap) * _GAP_CLASSES + _gap_class(open_gap, gap_before)
                places[0] = past & _SHORT | (mirror & 4) << 3
                places[1] = past & _MIDDLE
                places[2] = ((past & _LONG) * _HASH >> 11) & (_CONTEXTS - 1)
                places[3] = mirror << 3 | past & 7
                places[4] = group << 9 | min(gap, 15) << 5 | min(open_gap, 15) << 1 | side
                total = np.int64(0)
                for j in range(_INPUTS):
                    inputs[j] = _STRETCH[chance[j, places[j]] >> 4]
                    total += inputs[j] * weights[group, j]
                p = _squash(total >> 16, _SQUASH)
                width = p << (precision - _BITS)  # interval of a set flag, which comes first
                if decode:
                    target = head & (whole - 1)
                    flag = 1 if target < width else 0
                else:
                    flag = 1 if flags[value - lowest] else 0
                start, freq = (0, width) if flag else (width, whole - width)
                if decode:
                    head, count = taken(head, target, start, start + freq, precision, words, count)
                    if count < 0:
                        return -1
                    flags[value - lowest] = flag
                else:
                    starts[out], freqs[out] = start, freq
                out += 1
                error = ((flag << _BITS) - p) * _RATE
                for j in range(_INPUTS):
                    weights[group, j] += (inputs[j] * error + (1 << 15)) >> 16
                    at = places[j]
                    chance[j, at] += (flag * 65535 - chance[j, at]) * 2 // (2 * seen[j, at] + 3)
                    seen[j, at] = min(seen[j, at] + 1, _SEEN_LIMIT)
            past = (past << 1 | flag) & _LONGEST
            if flag:
                gap_before, gap, open_gap = gap, open_gap, 1
            else:
                open_gap += 1
            value += step
    heads[0] = head
    return count
