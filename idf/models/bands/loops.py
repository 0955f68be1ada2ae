"""The compiled loop over the samples of a band, window after window, in its four uses.

It runs the steps of :mod:`idf.models.adaptive.steps` with the same strict arithmetic. There are two differences:
predictors are reset in each window to a trained state (or resume from the window before), and the network also sees
the features of :mod:`idf.models.bands.features`. In the state, bands replace channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HALF, RING, find, interval, prepare, taken
from idf.compiled import Loop, compiled_loop, compiled_step
from idf.models.adaptive.least_squares import reset
from idf.models.adaptive.network import mixture
from idf.models.adaptive.state import LEVEL_RATES
from idf.models.adaptive.steps import CENTRE, LEVEL, centre, fill_inputs, learn, predict
from idf.models.adaptive.vectors import LANES, STAGE


class Start(NamedTuple):
    """The initial state of predictors; the first axis is the band."""

    stages: Array
    """float64 (bands, 4, stages · LANES): forward and backward reflection, forward and backward energy."""
    level: Array
    """float64 (bands,): the residual's mean magnitude, in sample steps."""
    signal: Array
    """float64 (bands,): the band's own RMS, in sample steps."""


class Bands(NamedTuple):
    """The loops' argument for one band. Windows are (rows, n)."""

    number: int
    first: int
    """Samples of this band that the state has seen, if windows follow each other; 0 if each window is reset."""
    resets: bool
    """Whether predictors are reset in each window."""
    features: Array
    """float32 (rows, n, features)."""
    scales: Array
    """float64 (rows,): expected loudness of each window relative to average sound."""


class Loops(NamedTuple):
    """The loops; the first arguments of each are (windows, band, constants, start, state, scratch)."""

    trace: Loop
    intervals: Loop
    pop: Loop
    examine: Loop


@compiled_step
def _begin(c: int, scale: float, constants: Any, start: Any, state: Any) -> None:
    """Reset the state of band c for a window that is ``scale`` times as loud as average sound."""
    plan, stages, first, energy = constants.plan, state.stages[c], start.stages[c], scale * scale
    for m in range(plan.stages):
        for j in range(LANES):
            place, lane = m * STAGE + j, m * LANES + j
            stages[place] = np.float32(first[0, lane])
            stages[place + LANES] = np.float32(first[1, lane])
            stages[place + 2 * LANES] = np.float32(first[2, lane] * energy)
            stages[place + 3 * LANES] = np.float32(first[3, lane] * energy)
            stages[place + 4 * LANES] = np.float32(1) / stages[place + 3 * LANES]
            stages[place + 5 * LANES] = np.float32(0)
            stages[place + 6 * LANES] = np.float32(1)
            state.by_order[c, lane] = np.float32(0)
    for q in range(state.lms_energy.shape[1]):
        for s in range(state.lms_energy.shape[2]):
            state.lms_energy[c, q, s] = state.lms_output[c, q, s] = 0.0
            for i in range(state.lms_weights.shape[3]):
                state.lms_weights[c, q, s, i] = np.float32(0)
            for i in range(state.lms_history.shape[3]):
                state.lms_history[c, q, s, i] = np.float32(0)
    reset(c, state.stacks)
    level = start.level[c] * scale
    for k in range(plan.experts):
        state.predictions[c, k] = 0.0
        for r in range(2):
            state.errors[c, r, k] = np.float32(0)
        for r in range(3):
            state.error_levels[c, r, k] = np.float32(level)
    for r in range(len(LEVEL_RATES)):
        state.levels[c, r] = level
    state.levels[c, 5] = start.signal[c] * start.signal[c] * energy
    for i in range(2 * plan.past):
        state.residuals[c, i] = state.samples[c, i] = np.float32(0)
    for i in range(state.now.shape[1]):
        state.now[c, i] = 0.0


@compiled_step
def _window(row: int, length: int, band: Any, constants: Any, start: Any, state: Any) -> int:
    """Prepare the state for a window and return the number of its first sample."""
    if band.resets:
        _begin(band.number, band.scales[row], constants, start, state)
        return 0
    first: int = band.first + row * length
    if first == 0:
        _begin(band.number, band.scales[row], constants, start, state)
    return first


@compiled_step
def _expect(c: int, t: int, features: Array, constants: Any, state: Any, scratch: Any) -> None:
    predict(c, c, t, constants, state)
    centre(c, constants, state)
    fill_inputs(c, c, t, constants, state, scratch)
    place = constants.plan.inputs - features.shape[0]
    for i in range(features.shape[0]):
        scratch.inputs[place + i] = features[i]


@compiled_step
def _distribution(
    c: int, t: int, features: Array, constants: Any, weights: Any, tables: Any, state: Any, scratch: Any
) -> int:
    """Prepare the entropy coder for the sample and return the mixture component with the largest weight."""
    _expect(c, t, features, constants, state, scratch)
    mixture(c, constants, weights, state, scratch)
    s = scratch
    heaviest: int = prepare(0, s.logits, s.means, s.scales, tables.exp, tables.inverse, s.weight, s.offset, s.inverse)
    return heaviest


@compiled_step
def _interval(k: int, tables: Any, s: Any) -> tuple[int, int]:
    edges = tables.edges[0]
    found: tuple[int, int] = interval(k, tables.precision, tables.sigma, s.weight, s.offset, s.inverse, RING, edges)
    return found


@compiled_step
def _find(target: int, best: int, tables: Any, s: Any) -> tuple[int, int, int]:
    edges, ranks = tables.edges[0], tables.ranks[0]
    found: tuple[int, int, int] = find(
        target, best, tables.precision, tables.sigma, s.weight, s.offset, s.inverse, RING, edges, ranks
    )
    return found


@compiled_loop
def trace(
    windows: Array,
    band: Any,
    constants: Any,
    start: Any,
    state: Any,
    scratch: Any,
    inputs: Array,
    targets: Array,
) -> None:
    """Compute the network's inputs and targets; see :class:`idf.models.adaptive.model.Trace`."""
    plan, c, out = constants.plan, band.number, 0
    for row in range(windows.shape[0]):
        first = _window(row, windows.shape[1], band, constants, start, state)
        for t in range(windows.shape[1]):
            _expect(c, first + t, band.features[row, t], constants, state, scratch)
            now, x = state.now[c], np.int64(windows[row, t])
            for i in range(plan.inputs):
                inputs[out, i] = scratch.inputs[i]
            targets[out, 0] = x - now[CENTRE]
            targets[out, 1] = now[LEVEL]
            for k in range(plan.experts):
                targets[out, 2 + k] = (state.predictions[c, k] - now[CENTRE]) / now[LEVEL]
            learn(c, c, first + t, x, constants, state)
            out += 1


@compiled_loop
def intervals(
    windows: Array,
    band: Any,
    constants: Any,
    start: Any,
    state: Any,
    scratch: Any,
    weights: Any,
    tables: Any,
    starts: Array,
    freqs: Array,
) -> None:
    """Compute the interval of each sample in [0, 2^precision): int64 (rows · n,)."""
    c, out = band.number, 0
    for row in range(windows.shape[0]):
        first = _window(row, windows.shape[1], band, constants, start, state)
        for t in range(windows.shape[1]):
            _distribution(c, first + t, band.features[row, t], constants, weights, tables, state, scratch)
            x = np.int64(windows[row, t])
            low, high = _interval(x + HALF, tables, scratch)
            starts[out], freqs[out] = low, high - low
            learn(c, c, first + t, x, constants, state)
            out += 1


@compiled_loop
def pop(
    windows: Array,
    band: Any,
    constants: Any,
    start: Any,
    state: Any,
    scratch: Any,
    weights: Any,
    tables: Any,
    heads: Array,
    words: Array,
    count: int,
) -> int:
    """Fill ``windows`` from a message; return the number of words left, or -1 if there are too few."""
    c, s = band.number, scratch
    head, mask = heads[0], (1 << tables.precision) - 1
    for row in range(windows.shape[0]):
        first = _window(row, windows.shape[1], band, constants, start, state)
        for t in range(windows.shape[1]):
            best = _distribution(c, first + t, band.features[row, t], constants, weights, tables, state, scratch)
            target = head & mask
            k, low, high = _find(target, best, tables, s)
            windows[row, t] = k - HALF
            head, count = taken(head, target, low, high, tables.precision, words, count)
            if count < 0:
                return -1
            learn(c, c, first + t, k - HALF, constants, state)
    heads[0] = head
    return count


@compiled_loop
def examine(
    windows: Array,
    band: Any,
    constants: Any,
    start: Any,
    state: Any,
    scratch: Any,
    weights: Any,
    tables: Any,
    medians: Array,
    octaves: Array,
    freqs: Array,
) -> None:
    """Compute the median of each sample's distribution, the mean log2 of its scales, and its share of 2^precision."""
    c, s, out = band.number, scratch, 0
    for row in range(windows.shape[0]):
        first = _window(row, windows.shape[1], band, constants, start, state)
        for t in range(windows.shape[1]):
            best = _distribution(c, first + t, band.features[row, t], constants, weights, tables, state, scratch)
            half = 1 << (tables.precision - 1)
            k, _, _ = _find(half, best, tables, s)
            medians[out] = k - HALF
            total, mean = 0.0, 0.0
            for j in range(s.weight.shape[0]):
                total += np.float64(s.weight[j])
                mean += np.float64(s.weight[j]) * np.float64(s.scales[0, j])
            octaves[out] = mean / total / 32.0
            x = np.int64(windows[row, t])
            low, high = _interval(x + HALF, tables, scratch)
            freqs[out] = high - low
            learn(c, c, first + t, x, constants, state)
            out += 1


LOOPS = Loops(trace, intervals, pop, examine)
