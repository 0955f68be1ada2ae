"""The compiled loops of the turbo flow: predict, code, learn, for each sample, identical in both directions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HALF, taken
from idf.compiled import Loop, compiled_loop
from idf.models.turbo.logistic import ends, locate
from idf.models.turbo.steps import fixed, learn, predict, spread


class Loops(NamedTuple):
    """The loop in its two uses. Samples are (time, channels)."""

    intervals: Loop
    pop: Loop


@compiled_loop
def intervals(samples: Array, constants: Any, tables: Any, state: Any, starts: Array, freqs: Array) -> None:
    """Compute the interval of each sample in [0, 2^precision), in the order of decoding."""
    channels, row = samples.shape[1], 0
    for t in range(samples.shape[0]):
        for c in range(channels):
            mean = predict(c, channels, constants, state)
            scale = spread(c, constants, state)
            x = np.int64(samples[t, c])
            low, high = ends(np.int64(tables.ranks[c, x + HALF]), c, tables, fixed(mean), tables.inverse[scale])
            starts[row], freqs[row] = low, high - low
            learn(c, channels, x, mean, tables.inverse[scale], constants, tables.sigma, state)
            row += 1


@compiled_loop
def pop(
    samples: Array,
    constants: Any,
    tables: Any,
    guesses: Any,
    state: Any,
    heads: Array,
    words: Array,
    count: int,
) -> int:
    """Fill ``samples`` from a message; return the number of words left, or -1 if there are too few."""
    channels = samples.shape[1]
    head, mask = heads[0], (1 << tables.precision) - 1
    for t in range(samples.shape[0]):
        for c in range(channels):
            mean = predict(c, channels, constants, state)
            scale = spread(c, constants, state)
            target = head & mask
            i, low, high = locate(target, c, tables, guesses, fixed(mean), tables.inverse[scale], scale)
            x = np.int64(tables.values[c, i])
            samples[t, c] = x
            head, count = taken(head, target, low, high, tables.precision, words, count)
            if count < 0:
                return -1
            learn(c, channels, x, mean, tables.inverse[scale], constants, tables.sigma, state)
    heads[0] = head
    return count


LOOPS = Loops(intervals, pop)
