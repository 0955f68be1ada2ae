"""The compiled loops of the adaptive flow: predict, code, learn, for each sample, identical in both directions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HALF, find, interval, prepare, taken
from idf.compiled import Loop, compiled_loop, compiled_step
from idf.models.adaptive.network import mixture
from idf.models.adaptive.online import adapt
from idf.models.adaptive.steps import CENTRE, LEVEL, centre, fill_inputs, learn, predict


class Tables(NamedTuple):
    """The entropy coder's tables (:mod:`idf.coding.tables`), its precision, and the alphabet of each channel."""

    sigma: Array
    exp: Array
    inverse: Array
    precision: int
    symbols: Array
    """int64 (channels,): the number of values that occur."""
    values: Array
    """int32 (channels, 65,536): these values."""
    edges: Array
    """int32 (channels, 65,537), see :class:`idf.coding.alphabet.Alphabet`."""
    ranks: Array
    """int32 (channels, 65,536)."""


class Loops(NamedTuple):
    """The loop in its three uses. Samples are (time, channels); rows count time · channels + channel."""

    trace: Loop
    intervals: Loop
    pop: Loop


@compiled_step
def _expect(c: int, other: int, t: int, constants: Any, state: Any, scratch: Any) -> None:
    predict(c, other, t, constants, state)
    centre(c, constants, state)
    fill_inputs(c, other, t, constants, state, scratch)


@compiled_step
def _distribution(c: int, constants: Any, weights: Any, tables: Any, state: Any, scratch: Any) -> int:
    """Prepare the entropy coder for the sample and return the mixture component with the largest weight."""
    mixture(c, constants, weights, state, scratch)
    s = scratch
    heaviest: int = prepare(0, s.logits, s.means, s.scales, tables.exp, tables.inverse, s.weight, s.offset, s.inverse)
    return heaviest


@compiled_step
def _interval(i: int, c: int, tables: Any, s: Any) -> tuple[int, int]:
    symbols, edges = tables.symbols[c], tables.edges[c]
    found: tuple[int, int] = interval(i, tables.precision, tables.sigma, s.weight, s.offset, s.inverse, symbols, edges)
    return found


@compiled_step
def _find(target: int, best: int, c: int, tables: Any, s: Any) -> tuple[int, int, int]:
    symbols, edges, ranks = tables.symbols[c], tables.edges[c], tables.ranks[c]
    found: tuple[int, int, int] = find(
        target, best, tables.precision, tables.sigma, s.weight, s.offset, s.inverse, symbols, edges, ranks
    )
    return found


@compiled_step
def other_channel(c: int, channels: int) -> int:
    """Return the other channel of a pair (0 and 1, 2 and 3, …); ``c`` itself for a last channel without a partner."""
    partner = c ^ 1
    return partner if partner < channels else c


@compiled_loop
def trace(samples: Array, constants: Any, state: Any, scratch: Any, inputs: Array, targets: Array) -> None:
    """Compute the network's inputs and targets; see :meth:`idf.models.adaptive.model.AdaptiveModel.trace`."""
    plan, channels = constants.plan, samples.shape[1]
    row = 0
    for t in range(samples.shape[0]):
        for c in range(channels):
            other = other_channel(c, channels)
            _expect(c, other, t, constants, state, scratch)
            now = state.now[c]
            for i in range(plan.inputs):
                inputs[row, i] = scratch.inputs[i]
            targets[row, 0] = samples[t, c] - now[CENTRE]
            targets[row, 1] = now[LEVEL]
            for k in range(plan.experts):
                targets[row, 2 + k] = (state.predictions[c, k] - now[CENTRE]) / now[LEVEL]
            learn(c, other, t, np.int64(samples[t, c]), constants, state)
            row += 1


@compiled_loop
def intervals(
    samples: Array,
    constants: Any,
    weights: Any,
    tables: Any,
    state: Any,
    scratch: Any,
    starts: Array,
    freqs: Array,
) -> None:
    """Compute the interval of each sample in [0, 2^precision), in the order of decoding."""
    channels, s = samples.shape[1], scratch
    row = 0
    for t in range(samples.shape[0]):
        for c in range(channels):
            other = other_channel(c, channels)
            _expect(c, other, t, constants, state, scratch)
            _distribution(c, constants, weights, tables, state, scratch)
            x = np.int64(samples[t, c])
            i = np.int64(tables.ranks[c, x + HALF])
            low, high = _interval(i, c, tables, s)
            starts[row], freqs[row] = low, high - low
            if constants.plan.online:
                adapt(c, x, constants, state, scratch)
            learn(c, other, t, x, constants, state)
            row += 1


@compiled_loop
def pop(
    samples: Array,
    constants: Any,
    weights: Any,
    tables: Any,
    state: Any,
    scratch: Any,
    heads: Array,
    words: Array,
    count: int,
) -> int:
    """Fill ``samples`` from a message; return the number of words left, or -1 if there are too few."""
    channels, s = samples.shape[1], scratch
    head, mask = heads[0], (1 << tables.precision) - 1
    for t in range(samples.shape[0]):
        for c in range(channels):
            other = other_channel(c, channels)
            _expect(c, other, t, constants, state, scratch)
            best = _distribution(c, constants, weights, tables, state, scratch)
            target = head & mask
            i, low, high = _find(target, best, c, tables, s)
            x = np.int64(tables.values[c, i])
            samples[t, c] = x
            head, count = taken(head, target, low, high, tables.precision, words, count)
            if count < 0:
                return -1
            if constants.plan.online:
                adapt(c, x, constants, state, scratch)
            learn(c, other, t, x, constants, state)
    heads[0] = head
    return count


LOOPS = Loops(trace, intervals, pop)
