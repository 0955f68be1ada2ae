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
from idf.compiled.vectors import part
from idf.models.adaptive.least_squares import BATCH, expected, gather
from idf.models.adaptive.state import EXPERT_RATES, FIRST_LEVEL, LEVEL_RATES, Plan
from idf.models.adaptive.vectors import LANES, STAGE, lattice_update, update_dot

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
    """Working memory for one sample of each stream. The shapes are those of one stream; others follow it."""

    inputs: Array
    """float32 (inputs,)."""
    sizes: Array
    """float32 (logs,): the inputs that pass through a logarithm, before it."""
    size_bits: Array
    """int32 (logs,), a view of ``sizes``."""
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


def make_scratch(plan: Plan, streams: int = 1) -> Scratch:
    """Return working memory, which only one call at a time may use."""

    def room(count: int, kind: Any) -> np.ndarray:
        return np.zeros(streams * count, kind)

    sizes, powers = room(plan.logs, np.float32), room(plan.experts, np.float32)
    return Scratch(
        room(plan.inputs, np.float32),
        sizes,
        sizes.view(np.int32),
        room(max(-(-plan.inputs // 4) * 4, plan.hidden), np.int16),
        room(plan.hidden, np.int32),
        room(plan.hidden, np.float32),
        room(plan.outputs, np.float32),
        powers,
        powers.view(np.int32),
        room(plan.experts, np.float32),
        room(1, np.float64),
        *(np.zeros((streams, plan.components), np.int32) for _ in range(3)),
        *(room(plan.components, np.int64) for _ in range(3)),
    )


@compiled_step
def scratch_of(stream: int, plan: Plan, scratch: Any) -> Any:
    """Return the working memory of one stream, a view."""
    s = stream
    return Scratch(
        part(scratch.inputs, s * plan.inputs, plan.inputs),
        part(scratch.sizes, s * plan.logs, plan.logs),
        part(scratch.size_bits, s * plan.logs, plan.logs),
        scratch.steps,
        scratch.sums,
        part(scratch.hidden, s * plan.hidden, plan.hidden),
        part(scratch.outputs, s * plan.outputs, plan.outputs),
        part(scratch.powers, s * plan.experts, plan.experts),
        part(scratch.power_bits, s * plan.experts, plan.experts),
        part(scratch.shares, s * plan.experts, plan.experts),
        part(scratch.mean, s, 1),
        part(scratch.logits, s, 1),
        part(scratch.means, s, 1),
        part(scratch.scales, s, 1),
        part(scratch.weight, s * plan.components, plan.components),
        part(scratch.offset, s * plan.components, plan.components),
        part(scratch.inverse, s * plan.components, plan.components),
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
def _newest(t: int, count: int) -> int:
    """Return the start of the last ``count`` values before sample t, newest first, in a history of twice that length."""
    return (count - t % count) % count


@compiled_step
def _remember(history: Array, t: int, count: int, value: Any) -> None:
    place = count - 1 - t % count
    history[place] = value
    history[place + count] = value


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
            total += state.lms_output[c, q, s]
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
    plan, now = constants.plan, state.now[c]
    experts, past, logs = plan.experts, plan.past, plan.logs
    linear = plan.inputs - logs
    x, sizes = part(scratch.inputs, logs, linear), scratch.sizes
    level = np.float32(now[LEVEL])
    unit, signal_unit = _ONE / level, _ONE / np.float32(now[SIGNAL])
    sizes[0] = level
    sizes[1] = np.float32(now[SIGNAL]) * unit
    i = 2
    for r in range(len(LEVEL_RATES)):
        if r != 2:
            sizes[i] = np.float32(state.levels[c, r] + 1.0) * unit
            i += 1
    start = _newest(t, past)
    residuals, samples = part(state.residuals[c], start, past), part(state.samples[c], start, past)
    recent, heard = part(x, 0, past), part(x, past, past)
    for j in range(past):
        recent[j] = residuals[j] * unit
        heard[j] = samples[j] * signal_unit * _THIRD
    _add_sizes(recent, part(sizes, i, past))
    for j in range(past):
        recent[j] *= _THIRD
    _fill_experts(c, unit, plan, state, part(x, 2 * past, 3 * experts), part(sizes, i + past, 4 * experts))
    if plan.heard:
        # The second channel of a pair knows the error of the first at the same time.
        surprise = np.float32(0)
        if other < c:
            surprise = np.float32(state.now[other, ERROR] / state.now[other, LEVEL])
        sizes[logs - 1] = _ONE + abs(surprise)
        x[2 * past + 3 * experts] = surprise * _THIRD
    for j in range(linear):
        x[j] = min(max(x[j], -_FARTHEST), _FARTHEST)
    # Base-2 logarithms, linear between powers of two, from exponent and mantissa.
    for j in range(logs):
        scratch.inputs[j] = np.float32(scratch.size_bits[j] - EXPONENT) * MANTISSA
    scratch.inputs[0] *= _QUARTER


@compiled_step
def _fill_experts(c: int, unit: Any, plan: Any, state: Any, x: Array, sizes: Array) -> None:
    """Compute the experts' inputs: three linear ones each, and four sizes. One array after another is faster."""
    experts, p, centre = plan.experts, state.predictions[c], state.now[c, CENTRE]
    apart = part(x, 0, experts)
    for k in range(experts):
        apart[k] = np.float32(p[k] - centre) * unit
    _add_sizes(apart, part(sizes, 0, experts))
    for r in range(3):
        levels, out = state.error_levels[c, r], part(sizes, (1 + r) * experts, experts)
        for k in range(experts):
            out[k] = (levels[k] + _ONE) * unit
    for r in range(2):
        errors, out = state.errors[c, r], part(x, (1 + r) * experts, experts)
        for k in range(experts):
            out[k] = errors[k] * unit * _THIRD


@compiled_step
def _add_sizes(x: Array, out: Array) -> None:
    for k in range(x.shape[0]):
        out[k] = _ONE + abs(x[k])


@compiled_step
def learn(c: int, other: int, t: int, x: int, constants: Any, state: Any) -> None:
    """Adapt everything to sample x of channel c."""
    plan, now, p = constants.plan, state.now[c], state.predictions[c]
    sample = np.float64(x)
    for q in range(len(constants.cascade_sources)):
        rest = sample - p[constants.cascade_sources[q]]
        for s in range(len(constants.filter_orders)):
            order, weights, history = constants.filter_orders[s], state.lms_weights[c, q, s], state.lms_history[c, q, s]
            error = rest - state.lms_output[c, q, s]
            energy = state.lms_energy[c, q, s]
            gain = np.float32(constants.filter_rates[s] * error / (energy + 10.0 * order + 1.0))
            # room for twice the order, so that the oldest value is still there with the newest one
            start, following = _newest(t, 2 * order), _newest(t + 1, 2 * order)
            value, oldest = np.float32(rest), np.float64(history[start + order - 1])
            # Rounding must not make the energy negative, for example after a stretch of zeros.
            energy += np.float64(value) * np.float64(value) - oldest * oldest
            state.lms_energy[c, q, s] = max(energy, 0.0)
            _remember(history, t, 2 * order, value)
            state.lms_output[c, q, s] = np.float64(update_dot(weights, gain, history, start, following, order))
            rest = error
    lattice_update(state.stages[c], constants.orders, state.memory[c], np.float32(sample), state.by_order[c])
    residual = sample - now[CENTRE]
    now[ERROR], now[LAST] = residual, sample
    if plan.joint_own > 0 and other != c:
        gather(c, t, state.joint, sample)
    if plan.stacks > 0:
        gather(c, t, state.stacks, sample - now[MIDDLE])
    _learn_experts(c, sample, plan, state)
    averages, size = state.levels[c], abs(residual)
    for r in range(len(LEVEL_RATES)):
        averages[r] = _faded(averages[r] + LEVEL_RATES[r] * (size - averages[r]))
    averages[5] = _faded(averages[5] + 0.02 * (sample * sample - averages[5]))
    _remember(state.residuals[c], t, plan.past, np.float32(residual))
    _remember(state.samples[c], t, plan.past, np.float32(sample))


@compiled_step
def _learn_experts(c: int, sample: float, plan: Any, state: Any) -> None:
    """Update the experts' last errors and their running means. One array after another is faster."""
    p, newest, before = state.predictions[c], state.errors[c, 0], state.errors[c, 1]
    for k in range(plan.experts):
        before[k] = newest[k]
    for k in range(plan.experts):
        newest[k] = np.float32(sample - p[k])
    for r, rate in enumerate((_FASTEST, _FAST, _SLOW)):
        levels = state.error_levels[c, r]
        for k in range(plan.experts):
            levels[k] = _faded(levels[k] + rate * (abs(newest[k]) - levels[k]))
