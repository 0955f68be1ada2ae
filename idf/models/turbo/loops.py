"""The compiled loops of the turbo flow: predict, code, learn, for each sample, the same both ways.

Numba's cache looks only at the file of the function that it compiles, so both loops carry a digest of all files that
go into them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding import kernels
from idf.coding.kernels import HALF, HEAD_MIN, compiled_loop, compiled_step, find, interval
from idf.models.turbo import regression, state, steps, vectors
from idf.models.turbo.steps import learn, predict, spread

_GUESS_BITS = 10


class Loops(NamedTuple):
    """The loop in its two uses. Samples are (time, channels)."""

    intervals: Callable[..., None]
    pop: Callable[..., int]


def logits() -> Array:
    """Where the logistic reaches (k + ½) / 1024: float64 (1024,), in scales. Only where to look first: see ``_locate``."""
    half = np.array([np.log((k + 0.5) / (1023.5 - k)) for k in range(1 << _GUESS_BITS)])
    return half


@compiled_step
def _locate(target: int, c: int, tables: Any, guesses: Array, s: Any) -> tuple[int, int, int]:
    """The symbol whose interval holds the target. The guess does not change what is found."""
    symbols, edges, ranks = tables.symbols[c], tables.edges[c], tables.ranks[c]
    scales = guesses[target >> (tables.precision - _GUESS_BITS)]
    near = np.float64(s.offset[0]) * 2.0**-8 + scales * (2.0**30 / np.float64(s.inverse[0]))
    k = np.int64(np.rint(min(max(near, -32768.0), 32767.0))) + HALF
    i = np.int64(ranks[k])
    for _ in range(3):
        low, high = interval(i, tables.precision, tables.sigma, s.weight, s.offset, s.inverse, symbols, edges)
        if target < low:
            i -= 1
        elif target >= high:
            i += 1
        else:
            return i, low, high
    found: tuple[int, int, int] = find(
        target, 0, tables.precision, tables.sigma, s.weight, s.offset, s.inverse, symbols, edges, ranks
    )
    return found


def _make(sources: str) -> Loops:
    @compiled_loop
    def intervals(samples: Array, constants: Any, tables: Any, state: Any, starts: Array, freqs: Array) -> None:
        """The interval of [0, 2^precision) that each sample takes, in the order of decoding."""
        sources  # noqa: B018  (see the module)
        channels, row = samples.shape[1], 0
        for t in range(samples.shape[0]):
            for c in range(channels):
                mean = predict(c, channels, constants, state)
                spread(c, mean, constants, tables.inverse, state)
                x = np.int64(samples[t, c])
                i = np.int64(tables.ranks[c, x + HALF])
                low, high = interval(
                    *(i, tables.precision, tables.sigma, state.weight, state.offset, state.inverse),
                    *(tables.symbols[c], tables.edges[c]),
                )
                starts[row], freqs[row] = low, high - low
                learn(c, channels, x, mean, constants, tables.sigma, state)
                row += 1

    @compiled_loop
    def pop(
        samples: Array,
        constants: Any,
        tables: Any,
        guesses: Array,
        state: Any,
        heads: Array,
        words: Array,
        count: int,
    ) -> int:
        """Fill ``samples`` from a message; returns the words that are left, or -1 when they run out."""
        sources  # noqa: B018
        channels = samples.shape[1]
        head, mask = heads[0], (1 << tables.precision) - 1
        for t in range(samples.shape[0]):
            for c in range(channels):
                mean = predict(c, channels, constants, state)
                spread(c, mean, constants, tables.inverse, state)
                target = head & mask
                i, low, high = _locate(target, c, tables, guesses, state)
                x = np.int64(tables.values[c, i])
                samples[t, c] = x
                head = (high - low) * (head >> tables.precision) + target - low
                if head < HEAD_MIN:
                    if count == 0:
                        return -1
                    count -= 1
                    head = (head << 32) | np.int64(words[count])
                learn(c, channels, x, mean, constants, tables.sigma, state)
        heads[0] = head
        return count

    return Loops(intervals, pop)


def _digest() -> str:
    modules = (regression, state, steps, vectors, kernels)
    files = [Path(str(module.__file__)) for module in modules] + [Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


SOURCES = _digest()
"""Names the version of all that is computed here."""
LOOPS = _make(SOURCES)
