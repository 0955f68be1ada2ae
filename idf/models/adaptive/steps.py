"""The compiled steps of the adaptive flow: prediction of a sample, and adaptation to it.

The arithmetic is strict IEEE in the order written: no operation is fused, reordered or approximated, and the
only library function is the square root, which IEEE 754 defines to the last bit. Logarithms come from the
bits of float32 numbers. Every machine therefore computes the same; ``docs/adaptive.md`` explains the method.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.compiled import compiled_step
from idf.models.adaptive.least_squares import BATCH, expected, gather
from idf.models.adaptive.state import EXPERT_RATES, FIRST_LEVEL, LEVEL_RATES, Plan
from idf.models.adaptive.vectors import LANES, STAGE, dot, lattice_update

CENTRE, MIDDLE, TOTAL, WEIGHTED, LEVEL, SIGNAL, ERROR, LAST = range(8)
"""Columns of ``State.now``: the weighted mean of the experts, and of those below the stacks; the two sums of a weighted
mean; the local level of the residual and the level of the signal; the last residual and the last sample."""

LIMIT = 65536.0
"""Limit of predictions, twice that of samples."""
_FARTHEST = np.float32(16)
"""Limit of the network's linear inputs. It keeps inputs within the range of training where one expert is right and
others err by thousands of levels, as on a square wave."""
_SILENT = np.float32(1e-30)
"""Smaller running means are set to zero. This does not affect their use, and without it long silence would give
subnormal numbers, which are slow on some processors."""
_ASTRAY = 1e9
"""If the predictions of the highest orders sum to more than this, a lattice has diverged and is reset."""

_ONE = np.float32(1)
_THIRD = np.float32(0.3)
_QUARTER = np.float32(0.25)
EXPONENT = np.int32(127 << 23)
MANTISSA = np.float32(2.0**-23)
_FASTEST, _FAST, _SLOW = (np.float32(rate) for rate in EXPERT_RATES)


class Scratch(NamedTuple):
    """Working memory for one sample."""

    inputs: Array
    """float32 (inputs,)."""
    input_bits: Array
    """int32 (inputs,), a view of ``inputs``."""
    steps: Array
    """int16: the inputs of a layer; the length is that of the widest layer's inputs, a multiple of 4."""
    sums: Array
    """int32 (hidden,): the sums of a layer."""
    hidden: Array
    """float32 (hidden,)."""
    outputs: Array
    """float32 (outputs,)."""
    powers: Array
    """float32 (experts,)."""
    power_bits: Array
    """int32 (experts,), a view of ``powers``."""
    shares: Array
    """float32 (experts,): the network's weights of the experts, which sum to 1."""
    mean: Array
    """float64 (1,): the experts' mean with these weights."""
    logits: Array
    """int32 (1, components), and the same for means and scales."""
    means: Array
    scales: Array
    weight: Array
    """int64 (components,), like the next two: for the entropy coder."""
    offset: Array
    inverse: Array


def make_scratch(plan: Plan) -> Scratch:
    """Return working memory, which only one call at a time may use."""
    inputs, powers = np.zeros(plan.inputs, np.float32), np.zeros(plan.experts, np.float32)
    return Scratch(
        inputs,
        inputs.view(np.int32),
        np.zeros(max(-(-plan.inputs // 4) * 4, plan.hidden), np.int16),
        np.zeros(plan.hidden, np.int32),
        np.zeros(plan.hidden, np.float32),
        np.zeros(plan.outputs, np.float32),
        powers,
        powers.view(np.int32),
        np.zeros(plan.experts, np.float32),
        np.zeros(1),
        *(np.zeros((1, plan.components), np.int32) for _ in range(3)),
        *(np.zeros(plan.components, np.int64) for _ in range(3)),
    )


@compiled_step
def bounded(x: float) -> float:
    if not x > -LIMIT:  # true for NaN as well
        return -LIMIT
    return LIMIT if x > LIMIT else x


@compiled_step
def _faded(average: Any) -> Any:
    return average if average > _SILENT else np.float32(0)


@compiled_step
def _newest(t: int, order: int) -> int:
    """Return the start of the last ``order`` values before sample t, newest first, in a history of twice that length."""
    return (order - t % order) % order


@compiled_step
def _remember(history: Array, t: int, order: int, value: Any) -> None:
    place = order - 1 - t % order
    history[place] = value
    history[place + order] = value


@compiled_step
def begin_lattice(stages: Array, count: int) -> None:
    """Reset a lattice."""
    for m in range(count):
        for j in range(LANES):
            place = m * STAGE + j
            stages[place] = stages[place + LANES] = stages[place + 5 * LANES] = np.float32(0)
            stages[place + 2 * LANES] = stages[place + 3 * LANES] = np.float32(FIRST_LEVEL)
            stages[place + 4 * LANES] = np.float32(1.0 / FIRST_LEVEL)
            stages[place + 6 * LANES] = _ONE


@compiled_step
def predict(c: int, other: int, t: int, constants: Any, state: Any) -> None:
    """Compute every expert's prediction of channel c at time t."""
    plan, p = constants.plan, state.predictions[c]
    by_order = state.by_order[c]
    total = 0.0
    for j in range((plan.stages - 1) * LANES, plan.stages * LANES):
        total += np.float64(abs(by_order[j]))
    if not total < _ASTRAY:  # true for NaN as well
        begin_lattice(state.stages[c], plan.stages)
        for j in range(plan.stages * LANES):
            by_order[j] = np.float32(0)
    for k in range(plan.taps):
        p[k] = bounded(np.float64(by_order[constants.tap_places[k]]))
    place = plan.taps
    if plan.joint_own > 0:
        p[place] = p[place - 1]
        if other != c:
            _fill_joint(c, other, t, plan, state)
            p[place] = bounded(expected(state.joint.rows[c, t % BATCH], state.joint.weights[c, 0]))
        place += 1
    for q in range(len(constants.cascade_sources)):
        total = p[constants.cascade_sources[q]]
        for s in range(len(constants.filter_orders)):
            order = constants.filter_orders[s]
            output = np.float64(dot(state.lms_weights[c, q, s], state.lms_history[c, q, s], _newest(t, order), order))
            state.lms_output[c, q, s] = output
            total += output
            p[place] = bounded(total)
            if plan.partial_sums:
                place += 1
        if not plan.partial_sums:
            place += 1
    if plan.stacks > 0:
        middle = _mean(0, place, p, state.error_levels[c, 1], state.now[c])
        state.now[c, MIDDLE] = middle
        row = state.stacks.rows[c, t % BATCH]
        for k in range(plan.stacked):
            row[k] = p[k] - middle
        for s in range(plan.stacks):
            p[place + s] = bounded(middle + expected(row, state.stacks.weights[c, s]))


@compiled_step
def _fill_joint(c: int, other: int, t: int, plan: Any, state: Any) -> None:
    """Compute the joint expert's inputs: the previous ones, shifted by the newest sample of each channel."""
    own = plan.joint_own
    row, before = state.joint.rows[c, t % BATCH], state.joint.rows[c, (t - 1) % BATCH]
    for i in range(1, own):
        row[i] = before[i - 1]
    for i in range(own + 1, own + plan.joint_other):
        row[i] = before[i - 1]
    row[0] = state.now[c, LAST]
    row[own] = state.now[other, LAST]


@compiled_step
def _mean(first: int, end: int, p: Array, levels: Array, now: Array) -> float:
    """Return the mean of the experts before ``end`` with weights 1 / (recent error)^8.

    ``now`` contains the sums over the experts before ``first``.
    """
    total, weighted = 0.0, 0.0
    if first:
        total, weighted = now[TOTAL], now[WEIGHTED]
    for k in range(first, end):
        square = np.float64(levels[k]) * np.float64(levels[k]) + 1e-3
        fourth = square * square
        weight = 1.0 / (fourth * fourth)
        total += weight
        weighted += weight * p[k]
    now[TOTAL], now[WEIGHTED] = total, weighted
    return weighted / total


@compiled_step
def centre(c: int, constants: Any, state: Any) -> None:
    """Compute the mean of all experts, weighted by their recent errors, and the levels."""
    now = state.now[c]
    plan = constants.plan
    now[CENTRE] = _mean(plan.stacked, plan.experts, state.predictions[c], state.error_levels[c, 1], now)
    now[LEVEL] = state.levels[c, 2] + 1.0
    now[SIGNAL] = np.sqrt(state.levels[c, 5]) + 1.0


@compiled_step
def fill_inputs(c: int, other: int, t: int, constants: Any, state: Any, scratch: Any) -> None:
    """Compute the network's inputs, all relative to the local level, with magnitudes as logarithms."""
    plan, now, x, bits = constants.plan, state.now[c], scratch.inputs, scratch.input_bits
    level = np.float32(now[LEVEL])
    unit, signal_unit = _ONE / level, _ONE / np.float32(now[SIGNAL])
    experts, past = plan.experts, plan.past
    linear = plan.logs
    x[0] = level
    x[1] = np.float32(now[SIGNAL]) * unit
    i = 2
    for r in range(len(LEVEL_RATES)):
        if r != 2:
            x[i] = np.float32(state.levels[c, r] + 1.0) * unit
            i += 1
    start = _newest(t, past)
    residuals, samples = state.residuals[c], state.samples[c]
    for j in range(past):
        e = residuals[start + j] * unit
        x[i + j] = _ONE + abs(e)
        x[linear + j] = e * _THIRD
        x[linear + past + j] = samples[start + j] * signal_unit * _THIRD
    i += past
    linear += 2 * past
    p, errors, levels = state.predictions[c], state.errors[c], state.error_levels[c]
    centre = now[CENTRE]
    for k in range(experts):
        d = np.float32(p[k] - centre) * unit
        x[linear + k] = d
        x[i + k] = _ONE + abs(d)
        x[i + experts + k] = (levels[0, k] + _ONE) * unit
        x[i + 2 * experts + k] = (levels[1, k] + _ONE) * unit
        x[i + 3 * experts + k] = (levels[2, k] + _ONE) * unit
        x[linear + experts + k] = errors[0, k] * unit * _THIRD
        x[linear + 2 * experts + k] = errors[1, k] * unit * _THIRD
    if plan.heard:
        # The second channel of a pair knows the error of the first at the same time.
        surprise = np.float32(0)
        if other < c:
            surprise = np.float32(state.now[other, ERROR] / state.now[other, LEVEL])
        x[plan.logs - 1] = _ONE + abs(surprise)
        x[linear + 3 * experts] = surprise * _THIRD
    for j in range(plan.logs, plan.inputs):
        x[j] = min(max(x[j], -_FARTHEST), _FARTHEST)
    # Base-2 logarithms, linear between powers of two, from exponent and mantissa.
    for j in range(plan.logs):
        x[j] = np.float32(bits[j] - EXPONENT) * MANTISSA
    x[0] *= _QUARTER


@compiled_step
def learn(c: int, other: int, t: int, x: int, constants: Any, state: Any) -> None:
    """Adapt everything to sample x of channel c."""
    plan, now, p = constants.plan, state.now[c], state.predictions[c]
    sample = np.float64(x)
    for q in range(len(constants.cascade_sources)):
        rest = sample - p[constants.cascade_sources[q]]
        for s in range(len(constants.filter_orders)):
            order, history = constants.filter_orders[s], state.lms_history[c, q, s]
            error = rest - state.lms_output[c, q, s]
            energy = state.lms_energy[c, q, s]
            gain = np.float32(constants.filter_rates[s] * error / (energy + 10.0 * order + 1.0))
            weights, start = state.lms_weights[c, q, s], _newest(t, order)
            window = history[start : start + order]
            for i in range(order):
                weights[i] += gain * window[i]
            value, oldest = np.float32(rest), np.float64(window[order - 1])
            # Rounding must not make the energy negative, for example after a stretch of zeros.
            energy += np.float64(value) * np.float64(value) - oldest * oldest
            state.lms_energy[c, q, s] = max(energy, 0.0)
            _remember(history, t, order, value)
            rest = error
    lattice_update(state.stages[c], constants.orders, state.memory[c], np.float32(sample), state.by_order[c])
    residual = sample - now[CENTRE]
    now[ERROR], now[LAST] = residual, sample
    if plan.joint_own > 0 and other != c:
        gather(c, t, state.joint, sample)
    if plan.stacks > 0:
        gather(c, t, state.stacks, sample - now[MIDDLE])
    errors, levels = state.errors[c], state.error_levels[c]
    for k in range(plan.experts):
        e = np.float32(sample - p[k])
        errors[1, k] = errors[0, k]
        errors[0, k] = e
        e = abs(e)
        levels[0, k] = _faded(levels[0, k] + _FASTEST * (e - levels[0, k]))
        levels[1, k] = _faded(levels[1, k] + _FAST * (e - levels[1, k]))
        levels[2, k] = _faded(levels[2, k] + _SLOW * (e - levels[2, k]))
    averages, size = state.levels[c], abs(residual)
    for r in range(len(LEVEL_RATES)):
        averages[r] = _faded(averages[r] + LEVEL_RATES[r] * (size - averages[r]))
    averages[5] = _faded(averages[5] + 0.02 * (sample * sample - averages[5]))
    _remember(state.residuals[c], t, plan.past, np.float32(residual))
    _remember(state.samples[c], t, plan.past, np.float32(sample))
