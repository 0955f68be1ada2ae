"""The adaptive flow for samples of more than 16 bits: the same predictors and mixture on a finer scale.

A sample is high + low / 2^k with a 16-bit integer high and 0 ≤ low < 2^k, where k, 0 … 8, may change from segment to
segment. Predictors learn from the whole sample. The high part is coded as usual but with the mixture shifted down by
half a step, because the sample is between high and high + 1, not around high. The low part is then coded with the
same mixture between these two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray as Array

from idf.coding.codec import LOW_SEGMENT
from idf.coding.kernels import HALF, cdf, prepare, taken
from idf.compiled import compiled_loop, compiled_step
from idf.models.adaptive.loops import _expect, _find, _interval, other_channel
from idf.models.adaptive.network import mixture
from idf.models.adaptive.online import adapt
from idf.models.adaptive.steps import learn

MAX_LOW_BITS = 8
"""The means of the mixture are in units of 1/256 step."""
_HALF_STEP = 1 << (MAX_LOW_BITS - 1)
_RESERVED = 8
"""Every low part gets at least 2^8 of the coder's range of 2^28, so that it can be coded; this costs 0.0004 bits."""
_LEAST = 1 << 12
"""If the mixture has less mass than this, in units of 2^-38, between two high parts, low parts are equally likely."""
_LONGEST = 1 << 34


@compiled_step
def _distribution(c: int, k: int, constants: Any, weights: Any, tables: Any, state: Any, scratch: Any) -> int:
    """Prepare the entropy coder for a sample of k low bits and return the component with the largest weight."""
    mixture(c, constants, weights, state, scratch)
    s = scratch
    if k > 0:
        # half a step down, and half of a low step up
        for j in range(s.means.shape[1]):
            s.means[0, j] -= _HALF_STEP - (_HALF_STEP >> k)
    heaviest: int = prepare(0, s.logits, s.means, s.scales, tables.exp, tables.inverse, s.weight, s.offset, s.inverse)
    return heaviest


@compiled_step
def _span(high: int, sigma: Array, s: Any) -> tuple[int, int]:
    """Return the mixture's CDF at the start of a high part, and the mass of that part, in units of 2^-38."""
    edge = 256 * high - _HALF_STEP
    start = cdf(edge, sigma, s.weight, s.offset, s.inverse)
    whole: int = cdf(edge + 256, sigma, s.weight, s.offset, s.inverse) - start
    return start, whole


@compiled_step
def _low_start(low: int, k: int, high: int, start: int, whole: int, tables: Any, s: Any) -> int:
    """Return the start of a low part in [0, 2^precision)."""
    if low <= 0:
        return 0
    if low >= 1 << k:
        return 1 << tables.precision
    if whole < _LEAST:
        return low << (tables.precision - k)
    edge = 256 * high - _HALF_STEP + (low << (MAX_LOW_BITS - k))
    part: int = cdf(edge, tables.sigma, s.weight, s.offset, s.inverse) - start
    while whole >= _LONGEST:
        whole >>= 1
        part >>= 1
    return (low << _RESERVED) + ((1 << tables.precision) - (1 << (k + _RESERVED))) * part // whole


@compiled_step
def _find_low(target: int, k: int, high: int, start: int, whole: int, tables: Any, s: Any) -> tuple[int, int, int]:
    """Return the low part whose interval contains ``target``, and that interval."""
    part, end = 0, 1 << k
    low, above = 0, 1 << tables.precision
    while end - part > 1:
        middle = (part + end) >> 1
        edge = _low_start(middle, k, high, start, whole, tables, s)
        if edge <= target:
            part, low = middle, edge
        else:
            end, above = middle, edge
    return part, low, above


@compiled_loop
def code_wide(
    samples: Array,
    lows: Array,
    low_bits: Array,
    constants: Any,
    weights: Any,
    tables: Any,
    state: Any,
    scratch: Any,
    starts: Array,
    freqs: Array,
    heads: Array,
    words: Array,
    count: int,
) -> int:
    """Encode or decode; a single function for both halves the compilation time.

    If ``starts`` is not empty, fill ``starts`` and ``freqs`` with the intervals of high and low parts in the order of
    decoding, and return their number. Otherwise fill ``samples`` and ``lows`` from a message of ``count`` words, and
    return the number of words left, or -1 if there are too few.
    """
    decodes, channels, s = starts.shape[0] == 0, samples.shape[1], scratch
    head, mask = heads[0], (1 << tables.precision) - 1
    row, x, part = 0, np.int64(0), np.int64(0)
    for t in range(samples.shape[0]):
        for c in range(channels):
            other, k = other_channel(c, channels), low_bits[t // LOW_SEGMENT, c]
            _expect(c, other, t, constants, state, scratch)
            best = _distribution(c, k, constants, weights, tables, state, scratch)
            x = np.int64(samples[t, c])
            start, whole = 0, 0
            for is_low in range(2 if k > 0 else 1):
                target = head & mask
                if is_low:
                    start, whole = _span(x, tables.sigma, s)
                    if decodes:
                        part, low, high = _find_low(target, k, x, start, whole, tables, s)
                        lows[t, c] = part
                    else:
                        part = np.int64(lows[t, c])
                        low = _low_start(part, k, x, start, whole, tables, s)
                        high = _low_start(part + 1, k, x, start, whole, tables, s)
                elif decodes:
                    i, low, high = _find(target, best, c, tables, s)
                    x = np.int64(tables.values[c, i])
                    samples[t, c] = x
                else:
                    low, high = _interval(np.int64(tables.ranks[c, x + HALF]), c, tables, s)
                if not decodes:
                    starts[row], freqs[row] = low, high - low
                    row += 1
                    continue
                head, count = taken(head, target, low, high, tables.precision, words, count)
                if count < 0:
                    return -1
            sample = np.float64(x)
            centred = sample
            if k > 0:
                sample += np.float64(part) / np.float64(1 << k)
                centred = sample - 0.5
            if constants.plan.online:
                adapt(0, c, centred, constants, state, scratch)
            learn(c, other, t, sample, constants, state)
    heads[0] = head
    return count if decodes else row
