"""The compiled loops of the adaptive flow: predict, code, learn, for each sample, identical in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HALF, find, interval, prepare, taken
from idf.compiled import Loop, compiled_loop, compiled_step
from idf.compiled.vectors import part
from idf.models.adaptive.network import mix, networks
from idf.models.adaptive.online import adapt
from idf.models.adaptive.steps import CENTRE, LEVEL, centre, fill_inputs, learn, predict, scratch_of


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


class Streams(NamedTuple):
    """One or two runs of samples that are coded together but do not depend on each other.

    Working on two at once takes less time per sample, because the network's weights are read once for both.
    """

    samples: Array
    """int32: the samples of all streams, stream after stream, each ordered by time, then by channel."""
    first: Array
    """int64 (streams,): place of each stream's first sample, like the next three."""
    rows: Array
    """The samples of all channels of a stream, 0 or more."""
    channels: Array
    """The number of channels of a stream."""
    channel: Array
    """The stream's first channel in the state and in tables."""


def make_streams(shapes: Sequence[tuple[int, int]]) -> Streams:
    """Return streams whose samples are still to be set, given the shape (time, channels) of each."""
    channels = np.array([channels for _, channels in shapes], np.int64)
    rows = np.array([time for time, _ in shapes], np.int64) * channels
    room = np.empty(int(rows.sum()), np.int32)
    return Streams(room, np.cumsum(rows) - rows, rows, channels, np.cumsum(channels) - channels)


def split(values: Array, streams: Streams) -> list[Array]:
    """Return the part of each stream of an array that is ordered like ``streams.samples``."""
    return np.split(values, streams.first[1:])


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
def _distribution(c: int, constants: Any, tables: Any, state: Any, scratch: Any) -> int:
    """Prepare the entropy coder for the sample and return the mixture component with the largest weight."""
    mix(c, constants, state, scratch)
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


@compiled_step
def _place(stream: int, row: int, streams: Any) -> tuple[int, int, int]:
    """Return the channel of a stream's row, the other channel of its pair, both among all streams, and the time."""
    channels, first = streams.channels[stream], streams.channel[stream]
    t = row // channels
    c = row - t * channels
    return first + c, first + other_channel(c, channels), t


@compiled_step
def _begin_row(row: int, streams: Any, constants: Any, weights: Any, state: Any, scratch: Any) -> tuple[int, int]:
    """Compute the network's outputs for the row of all streams that have it. Returns the first of these and the end."""
    rows = streams.rows
    first = 0 if row < rows[0] else 1
    end = rows.shape[0] if row < rows[rows.shape[0] - 1] else 1
    for s in range(first, end):
        c, other, t = _place(s, row, streams)
        _expect(c, other, t, constants, state, scratch_of(s, constants.plan, scratch))
    networks(first, end, constants.plan, weights, state, scratch)
    return first, end


@compiled_step
def _end_row(s: int, row: int, x: int, streams: Any, constants: Any, state: Any, scratch: Any) -> None:
    """Adapt everything to sample x of a stream."""
    c, other, t = _place(s, row, streams)
    if constants.plan.online:
        adapt(s, c, x, constants, state, scratch)
    learn(c, other, t, x, constants, state)


@compiled_loop
def intervals(
    streams: Any, constants: Any, weights: Any, tables: Any, state: Any, scratch: Any, starts: Array, freqs: Array
) -> None:
    """Compute the interval of each sample in [0, 2^precision), stream after stream, in the order of decoding."""
    row = 0
    while row < max(streams.rows[0], streams.rows[-1]):
        first, end = _begin_row(row, streams, constants, weights, state, scratch)
        for s in range(first, end):
            own, place = scratch_of(s, constants.plan, scratch), streams.first[s] + row
            c, _, _ = _place(s, row, streams)
            _distribution(c, constants, tables, state, own)
            x = np.int64(streams.samples[place])
            low, high = _interval(np.int64(tables.ranks[c, x + HALF]), c, tables, own)
            starts[place], freqs[place] = low, high - low
            _end_row(s, row, x, streams, constants, state, own)
        row += 1


@compiled_loop
def pop(
    streams: Any,
    constants: Any,
    weights: Any,
    tables: Any,
    state: Any,
    scratch: Any,
    heads: Array,
    words: Array,
    first_words: Array,
    counts: Array,
) -> None:
    """Fill the samples from a message for each stream, and set ``counts`` to the numbers of words left.

    The number is -1 if there are too few words. The stream then ends, without effect on the other one.
    """
    mask, row = (1 << tables.precision) - 1, 0
    while row < max(streams.rows[0], streams.rows[-1]):
        first, end = _begin_row(row, streams, constants, weights, state, scratch)
        for s in range(first, end):
            own = scratch_of(s, constants.plan, scratch)
            c, _, _ = _place(s, row, streams)
            best = _distribution(c, constants, tables, state, own)
            target = heads[s] & mask
            i, low, high = _find(target, best, c, tables, own)
            x = np.int64(tables.values[c, i])
            streams.samples[streams.first[s] + row] = x
            heads[s], counts[s] = taken(
                heads[s], target, low, high, tables.precision, part(words, first_words[s], counts[s]), counts[s]
            )
            if counts[s] < 0:
                streams.rows[s] = 0
            else:
                _end_row(s, row, x, streams, constants, state, own)
        row += 1


LOOPS = Loops(trace, intervals, pop)
