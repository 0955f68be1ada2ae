"""Which values of a range occur, as coded flags: one compiled model of their patterns, the same both ways.

Flags go outwards from zero, first the values from 0 up, then those from −1 down. Five predictions of each come
from what was seen in the same context before (the last flags, the flags around the value's mirror image, how the
gap that is open compares with the two before it); they are mixed as PAQ does (M. Mahoney, *Adaptive weighing of
context models for lossless data compression*, 2005), in integers only. Regular patterns, as of recordings made
louder or decoded from G.711, so cost next to nothing once they were seen.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HEAD_MIN, compiled

_INPUTS = 5
_HASH_BITS = 16
_CONTEXTS = 1 << _HASH_BITS
_LONG = (1 << 22) - 1
"""Flags that the longest context sees."""
_MIDDLE = (1 << 12) - 1
_SHORT = (1 << 5) - 1
_COUNT_LIMIT = 250
_RATE = 14
_BITS = 12
_SETS = 36
PAD = 3
"""Room on each side of the flags."""
# 4096 / (1 + e^(-x)) at x = -8, -7.5 … 8
_SQUASH = np.array(
    [
        *(1, 2, 4, 6, 10, 17, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546),
        *(2047, 2549, 2994, 3348, 3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094),
    ],
    np.int64,
)


def _stretched() -> np.ndarray:
    """The inverse of :func:`_squash`: int64 (4096,), -2047 … 2047."""
    table, place = np.full(4096, 2047, np.int64), 0
    for x in range(-2047, 2048):
        value = _squash_of(x)
        table[place : value + 1] = x
        place = max(place, value + 1)
    return table


def _squash_of(x: int) -> int:
    x = min(max(x, -2047), 2047)
    cell, part = (x >> 7) + 16, x & 127
    return int(_SQUASH[cell] * (128 - part) + _SQUASH[cell + 1] * part + 64) >> 7


_STRETCH = _stretched()


@compiled
def _gap_class(open_gap: int, before: int) -> int:
    """How long no value occurred, against a gap before: shorter, the same, up to twice it, twice it, longer."""
    if open_gap < before:
        return 0
    if open_gap == before:
        return 1
    if open_gap < 2 * before:
        return 2
    return 3 if open_gap == 2 * before else 4


@compiled
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
    """Give each flag between the ends its interval of [0, 2^precision), or take it off a message.

    Args:
        flags: uint8 (PAD + n + PAD,) for the values ``lowest`` … ``lowest + n - 1``; both ends are set. Written
            where ``decode``.
        starts, freqs: int64 (n - 2,) in the order of coding; written unless ``decode``.
        heads, words, count: the message; changed where ``decode``.

    Returns:
        The words left; -1 where they run out.
    """
    stretch, squash = _STRETCH, _SQUASH
    chance = np.full((_INPUTS, _CONTEXTS), 1 << 15, np.int64)
    seen = np.zeros((_INPUTS, _CONTEXTS), np.int64)
    weights = np.full((_SETS, _INPUTS), (1 << 16) * 2 // 5, np.int64)
    places, inputs = np.zeros(_INPUTS, np.int64), np.zeros(_INPUTS, np.int64)
    size = flags.shape[0] - 2 * PAD
    highest = lowest + size - 1
    head, mask, shift = np.int64(heads[0]), (1 << precision) - 1, precision - 16
    out = 0
    for side in range(2):
        first = max(lowest, 0) if side == 0 else min(highest, -1)
        last = highest if side == 0 else lowest
        step = 1 if side == 0 else -1
        past, open_gap, gap, gap_before = 0, 1, 1, 1
        value = first - step
        while value != last and (last - value) * step > 0:
            value += step
            place = value - lowest + PAD
            if value == lowest or value == highest:
                flag = 1
            else:
                mirror = 0
                if side == 1:
                    for j in range(5):
                        opposite = -value - 2 + j  # −1 is not known before its mirror image is asked for
                        if opposite >= 0 and opposite <= highest and opposite >= lowest:
                            mirror |= np.int64(flags[opposite - lowest + PAD]) << j
                    mirror |= 32
                class_1, class_2 = _gap_class(open_gap, gap), _gap_class(open_gap, gap_before)
                places[0] = past & _SHORT | (mirror & 4) << 3
                places[1] = past & _MIDDLE
                places[2] = (((past & _LONG) * 0x2545F491) >> 11) & (_CONTEXTS - 1)
                places[3] = mirror << 3 | past & 7
                places[4] = (class_1 * 5 + class_2) << 9 | min(gap, 15) << 5 | min(open_gap, 15) << 1 | side
                group = class_1 * 5 + class_2
                total = 0
                for j in range(_INPUTS):
                    inputs[j] = stretch[chance[j, places[j]] >> 4]
                    total += inputs[j] * weights[group, j]
                x = min(max(total >> 16, -2047), 2047)
                cell, part = (x >> 7) + 16, x & 127
                p = (squash[cell] * (128 - part) + squash[cell + 1] * part + 64) >> 7
                p = min(max(p, 1), 4095)
                width = (p << 4) << shift
                if decode:
                    target = head & mask
                    flag = 1 if target < width else 0
                    start, freq = (0, width) if flag else (width, (1 << precision) - width)
                    head = freq * (head >> precision) + target - start
                    if head < HEAD_MIN:
                        if count == 0:
                            return -1
                        count -= 1
                        head = (head << 32) | np.int64(words[count])
                    flags[place] = flag
                else:
                    flag = np.int64(flags[place])
                    starts[out], freqs[out] = (0, width) if flag else (width, (1 << precision) - width)
                out += 1
                error = ((flag << _BITS) - p) * _RATE
                for j in range(_INPUTS):
                    weights[group, j] += (inputs[j] * error + (1 << 15)) >> 16
                    at = places[j]
                    n = seen[j, at]
                    chance[j, at] += ((flag * 65535 - chance[j, at]) * 2) // (2 * n + 3)
                    if n < _COUNT_LIMIT:
                        seen[j, at] = n + 1
            past = past << 1 & 0xFFFFFFF | flag
            if flag:
                gap_before, gap, open_gap = gap, open_gap, 1
            else:
                open_gap += 1
    heads[0] = head
    return count
