"""The compiled steps of the turbo flow: prediction of a sample, and adaptation to it.

The arithmetic is strict IEEE in the order written, as in :mod:`idf.models.adaptive.steps`: nothing is fused, reordered
or approximated, and no library function is called. Logarithms come from the bits of float32 numbers, and tanh from the
entropy coder's table. ``docs/adaptive.md`` explains the method.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray as Array

from idf.coding.tables import (
    INVERSE_BITS,
    SCALE_MAX,
    SCALE_MIN,
    SCALE_STEPS_PER_OCTAVE,
    SIGMA_BITS,
    SIGMA_LIMIT_NATS,
    SIGMA_STEPS_PER_NAT,
)
from idf.compiled import compiled_step
from idf.models.turbo.regression import SLACK, expect, take
from idf.models.turbo.vectors import DOUBLES, judge, learn_and_expect, weighed

LIMIT = 65536.0
"""Limit of predictions, twice that of samples."""
_LEAST_ERROR = 1e-3
"""Added to every error before averaging, in sample steps. In silence, means converge to this instead of to subnormal
numbers, which are slow on some processors."""
_LEAST_LEVEL = 0.3
_STEEPEST = -4.0
"""Limit of the gradient by which a sample increases the scale."""
_EXPONENT, _MANTISSA = np.int32(127 << 23), np.float32(2.0**-23)
_SIGMA_LAST = 2 * SIGMA_LIMIT_NATS * SIGMA_STEPS_PER_NAT


@compiled_step
def bounded(x: float) -> float:
    if not x > -LIMIT:  # true for NaN as well
        return -LIMIT
    return LIMIT if x > LIMIT else x


@compiled_step
def predict(c: int, channels: int, constants: Any, state: Any) -> float:
    """Compute the experts' predictions of channel c and return their weighted mean."""
    p, first = state.predictions, c * DOUBLES
    p[first] = bounded(expect(state.near, c, 1, 0, 0.0))
    pair = min(channels - (c & ~1), 2)
    total = bounded(expect(state.joint, c >> 1, pair, c & 1, state.samples[c & ~1]))
    p[first + 1] = total
    for s in range(constants.orders.shape[0]):
        total = bounded(total + state.outputs[c, s])
        p[first + 2 + s] = total
    mean: float = weighed(p, state.errors, first)
    return bounded(mean)


@compiled_step
def fixed(mean: float) -> Any:
    """Return a mean in the entropy coder's units."""
    return np.int64(np.rint(256.0 * mean))


@compiled_step
def spread(c: int, constants: Any, state: Any) -> Any:
    """Return the scale of the logistic, predicted from the levels, as an index of the entropy coder's table."""
    levels, weights, logs, bits = state.levels[c], state.scale_weights[c], state.logs, state.log_bits
    count = levels.shape[0]
    for r in range(count):
        logs[r] = np.float32(levels[r] + _LEAST_LEVEL)
    for r in range(count):
        # base 2, linear between powers of two
        logs[r] = np.float32(bits[r] - _EXPONENT) * _MANTISSA
    middle = logs[1]
    octave = np.float64(middle) + weights[1]
    for r in range(count):
        logs[r] -= middle
        if r != 1:
            octave += weights[r] * np.float64(logs[r])
    index: Any = np.int64(np.rint(SCALE_STEPS_PER_OCTAVE * min(max(octave, -10.0), 20.0)))
    return min(max(index, SCALE_MIN), SCALE_MAX) - SCALE_MIN


@compiled_step
def learn(c: int, channels: int, x: int, mean: float, inverse: int, constants: Any, sigma: Array, state: Any) -> None:
    """Adapt everything to sample x of channel c."""
    sample, first = np.float64(x), c * DOUBLES
    _learn_scale(c, abs(sample - mean), inverse, constants, sigma, state)
    judge(state.predictions, state.errors, first, sample, constants.error_rate, _LEAST_ERROR)
    _learn_filters(c, sample - state.predictions[first + 1], constants, state)
    state.samples[c] = sample
    take(state.near, c, 1, state.samples, c)
    if c & 1:
        take(state.joint, c >> 1, 2, state.samples, c - 1)
    elif c == channels - 1:
        take(state.joint, c >> 1, 1, state.samples, c)


@compiled_step
def _learn_scale(c: int, size: float, inverse: int, constants: Any, sigma: Array, state: Any) -> None:
    """Do a gradient step on −log p; its derivative by the log-scale is 1 − z tanh(z / 2), with z in scales."""
    z = size * (np.float64(inverse) * 2.0**-INVERSE_BITS)
    cell = np.int64(min(z, np.float64(SIGMA_LIMIT_NATS)) * SIGMA_STEPS_PER_NAT) + _SIGMA_LAST // 2
    tanh = np.float64(np.int64(sigma[cell])) * 2.0 ** (1 - SIGMA_BITS) - 1.0
    step = constants.scale_rate * max(1.0 - z * tanh, _STEEPEST)
    levels, weights, logs = state.levels[c], state.scale_weights[c], state.logs
    for r in range(levels.shape[0]):
        levels[r] += constants.level_rates[r] * (size + _LEAST_ERROR - levels[r])
        if r != 1:
            weights[r] -= step * np.float64(logs[r])
    weights[1] -= step


@compiled_step
def _learn_filters(c: int, rest: float, constants: Any, state: Any) -> None:
    """Do a step of normalised LMS: each filter adapts to its error and predicts the next sample in the same pass."""
    history, weights, orders = state.history[c], state.weights[c], constants.orders
    filters = orders.shape[0]
    longest, length = weights.shape[0] // filters, history.shape[0] // filters
    newest = state.newest[c] - 1
    if newest < 0:
        newest = SLACK - 1
        for s in range(filters):
            for i in range(orders[s] - 1, -1, -1):
                history[s * length + SLACK + i] = history[s * length + i]
    state.newest[c] = newest
    for s in range(filters):
        order = orders[s]
        error = rest - state.outputs[c, s]
        energy = state.energies[c, s]
        gain = np.float32(constants.rates[s] * error / (energy + 10.0 * order + 1.0))
        place = s * length + newest
        value = np.float32(rest)
        history[place] = value
        oldest = np.float64(history[place + order])
        # Rounding must not make the energy negative, for example after a stretch of zeros.
        state.energies[c, s] = max(energy + (np.float64(value) * np.float64(value) - oldest * oldest), 0.0)
        state.outputs[c, s] = np.float64(learn_and_expect(weights, s * longest, order, history, place, gain))
        rest = error
