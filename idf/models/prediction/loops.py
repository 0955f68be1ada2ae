"""The compiled loops of prediction inside windows: predict, weigh, learn, for each sample, the same both ways.

Two kinds of predictors run side by side.

*Classes.* K predictors of order p. While fewer than p samples of the window are known, class k predicts with its own
predictor of that lower order. From then on each is a Bayesian linear regression: a normal prior around the class's
mean, updated by recursive least squares. All classes share the covariance, hence also the gain, so that K regressions
cost little more than one.

*Lattices.* Eight least-squares lattices of higher orders and different memories (:mod:`idf.models.adaptive.vectors`),
reset in each window to those of average sound. They take over in longer windows.

Predictions are averaged with weights share · (sum of recent error magnitudes)^(-n), n growing with the samples seen:
the posterior of Laplace-distributed errors of unknown scale.

Strict like :mod:`idf.models.adaptive.steps`: IEEE operations in the order written; loops over classes and
coefficients are elementwise, so that vectorising them changes nothing; sums run in one order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HALF, RING
from idf.compiled import Loop, compiled_loop, compiled_step
from idf.models.adaptive.network import power_of_two
from idf.models.adaptive.steps import EXPONENT, LIMIT, MANTISSA, bounded
from idf.models.adaptive.vectors import LANES, STAGE, lattice_update

MEMORY = 0.98
"""Of the error magnitudes that weigh predictions: kept from sample to sample."""
_EVIDENCE = 1.5
"""How much of the exponent n each sample adds."""
_MOST_EVIDENCE = 16.0
_FADING = 256.0
"""Samples after which the weights before the first sample count as much as those that stand after many."""
_SMALLEST = 10.0
"""Added to sums of error magnitudes: in silence no predictor is better than another."""
_NOISE_MEMORY = 0.85
_NOISE = 0.5 * 1.25 * 1.25
"""Variance that the regressions expect of the residual, relative to its squared mean magnitude."""
FORGETTING = 0.995
"""Of the regressions, per sample."""
_ASTRAY = 1e9
"""Predictions that add up to more say that predictors diverged: they are reset."""
_FAINT = 1e-30
"""Sums below this are zero; decaying further would leave numbers that some processors are slow with."""
_LOUDEST = 30000.0
_BIAS = 4 * int(LIMIT)
_LOWEST = np.float32(-60)

COUNT, SIZE, SEEN = range(3)
"""Columns of ``State.now``: samples that errors are summed over, decaying; the residual's magnitudes summed, and
their number, both decaying faster."""


class Constants(NamedTuple):
    """What never changes in a model. float64 unless noted."""

    growing: Array
    """(order, order, classes), see :func:`idf.models.prediction.start.growing_predictors`."""
    means: Array
    """(order, classes)."""
    spread: Array
    """(order, order)."""
    trace: float
    """Of ``spread``."""
    prior: Array
    """float32 (experts,), log2 of the weights before the first sample: lattice predictions, then classes."""
    late: Array
    """float32 (experts,), the same after many samples, apart from errors."""
    stages: Array
    """float32 (stages · STAGE,), the lattices before the first sample."""
    memory: Array
    """float32 (2 · LANES,), see :func:`idf.models.adaptive.vectors.lattice_update`."""
    orders: Array
    """int64, ascending."""
    taps: Array
    """int64: the lattice predictions that count."""


class State(NamedTuple):
    """What is learned within a window."""

    stages: Array
    by_order: Array
    history: Array
    """(order,), newest sample first."""
    weights: Array
    """(order, classes): in the first ``order`` samples the growing predictors stand in for it."""
    covariance: Array
    """(order, order)."""
    gain: Array
    """(order,)."""
    predictions: Array
    """(experts,)."""
    errors: Array
    """(classes,)."""
    sizes: Array
    """(experts,): sums of error magnitudes."""
    logs: Array
    """float32 (experts,)."""
    log_bits: Array
    """int32 (experts,): the same memory."""
    now: Array
    """(3,)."""


class Loops(NamedTuple):
    """Both take (from, constants, state, to): int32 (windows, samples)."""

    forward: Loop
    inverse: Loop


def make_state(constants: Constants) -> State:
    """Return fresh space, to be used by one call at a time."""
    order, classes = constants.means.shape
    experts, logs = len(constants.prior), np.zeros(len(constants.prior), np.float32)
    return State(
        stages=constants.stages.copy(),
        by_order=np.zeros(len(constants.stages) // STAGE * LANES, np.float32),
        history=np.zeros(order),
        weights=np.zeros((order, classes)),
        covariance=np.zeros((order, order)),
        gain=np.zeros(order),
        predictions=np.zeros(experts),
        errors=np.zeros(classes),
        sizes=np.zeros(experts),
        logs=logs,
        log_bits=logs.view(np.int32),
        now=np.zeros(3),
    )


@compiled_step
def _product(matrix: Array, vector: Array, known: int, out: Array) -> None:
    """out[k] = Σ vector[i] · matrix[i, k] over the first ``known`` rows, added one after another."""
    columns = out.shape[0]
    for k in range(columns):
        out[k] = 0.0
    for i in range(known):
        x, row = vector[i], matrix[i]
        for k in range(columns):
            out[k] += row[k] * x


@compiled_step
def _downdate(matrix: Array, gain: Array, growth: float) -> None:
    """matrix ← (matrix − gain gainᵀ) · growth, which ends a step of recursive least squares."""
    order = gain.shape[0]
    for i in range(order):
        own, row = gain[i], matrix[i]
        for j in range(order):
            row[j] = (row[j] - own * gain[j]) * growth


@compiled_step
def _reset_lattices(constants: Any, state: Any) -> None:
    for i in range(state.stages.shape[0]):
        state.stages[i] = constants.stages[i]
    for i in range(state.by_order.shape[0]):
        state.by_order[i] = np.float32(0)


@compiled_step
def _reset_classes(constants: Any, state: Any) -> None:
    order, classes = constants.means.shape
    for i in range(order):
        for k in range(classes):
            state.weights[i, k] = constants.means[i, k]
        for j in range(order):
            state.covariance[i, j] = constants.spread[i, j]


@compiled_step
def _begin(constants: Any, state: Any) -> None:
    """The state before the first sample of a window."""
    _reset_lattices(constants, state)
    _reset_classes(constants, state)
    for i in range(state.history.shape[0]):
        state.history[i] = 0.0
    for k in range(state.sizes.shape[0]):
        state.sizes[k] = 0.0
    for i in range(3):
        state.now[i] = 0.0


@compiled_step
def _predict(t: int, constants: Any, state: Any) -> float:
    """What is expected of sample t of the window."""
    by_order, p, sizes, logs = state.by_order, state.predictions, state.sizes, state.logs
    last = by_order.shape[0] - LANES
    total = 0.0
    for j in range(last, last + LANES):
        total += np.float64(abs(by_order[j]))
    if not total < _ASTRAY:  # nor if it is not a number
        _reset_lattices(constants, state)
    lattices, order = constants.taps.shape[0], constants.means.shape[0]
    for k in range(lattices):
        p[k] = bounded(np.float64(by_order[constants.taps[k]]))
    own = p[lattices:]
    if t < order:
        _product(constants.growing[t], state.history, t, own)
    else:
        _product(state.weights, state.history, order, own)
    experts = p.shape[0]
    evidence = np.float32(min(_EVIDENCE * state.now[COUNT], _MOST_EVIDENCE))
    early = np.float32(_FADING / (_FADING + t))
    late = np.float32(1) - early
    for k in range(experts):
        logs[k] = np.float32(sizes[k] + _SMALLEST)
    # Base-2 logarithms, linear between powers of two, from the exponent and mantissa.
    for k in range(experts):
        size = np.float32(state.log_bits[k] - EXPONENT) * MANTISSA
        logs[k] = constants.prior[k] * early + constants.late[k] * late - evidence * size
    top = logs[0]
    for k in range(1, experts):
        top = max(top, logs[k])
    for k in range(experts):
        logs[k] = max(logs[k] - top, _LOWEST)
    power_of_two(logs, state.log_bits)
    total, weighted = 0.0, 0.0
    for k in range(experts):
        total += np.float64(logs[k])
        weighted += np.float64(logs[k]) * p[k]
    expected = weighted / total
    if not abs(expected) < _ASTRAY:
        _reset_lattices(constants, state)
        _reset_classes(constants, state)
        for k in range(experts):
            p[k] = 0.0
        expected = 0.0
    return bounded(expected)


@compiled_step
def _learn(t: int, x: float, expected: float, constants: Any, state: Any) -> None:
    """Update everything with sample x, of which ``expected`` was predicted."""
    now, p, sizes, history, order = state.now, state.predictions, state.sizes, state.history, constants.means.shape[0]
    now[COUNT] = now[COUNT] * MEMORY + 1.0
    now[SIZE] = now[SIZE] * _NOISE_MEMORY + min(abs(x - expected), _LOUDEST)
    now[SEEN] = now[SEEN] * _NOISE_MEMORY + 1.0
    for k in range(sizes.shape[0]):
        size = sizes[k] * MEMORY + abs(x - p[k])
        sizes[k] = size if size > _FAINT else 0.0
    lattice_update(state.stages, constants.orders, constants.memory, np.float32(x), state.by_order)
    if t >= order:
        level = now[SIZE] / now[SEEN] + 0.8
        _learn_classes(x, _NOISE * level * level, p[constants.taps.shape[0] :], constants, state)
    for i in range(order - 1, 0, -1):
        history[i] = history[i - 1]
    history[0] = x


@compiled_step
def _learn_classes(x: float, noise: float, predictions: Array, constants: Any, state: Any) -> None:
    """One step of recursive least squares for all classes (Haykin, table 9.1, with the variance of the noise)."""
    weights, covariance, gain, history = state.weights, state.covariance, state.gain, state.history
    errors = state.errors
    order, classes = weights.shape
    _product(covariance, history, order, gain)
    power, trace = noise, 0.0
    for i in range(order):
        power += gain[i] * history[i]
        trace += covariance[i, i]
    if not power > 0.0:
        _reset_classes(constants, state)
        return
    # Without an input the covariance would grow for ever.
    growth = 1.0 / FORGETTING if trace < constants.trace else 1.0
    inverse, root = 1.0 / power, 1.0 / np.sqrt(power)
    for k in range(classes):
        errors[k] = x - predictions[k]
    for i in range(order):
        step, row = gain[i] * inverse, weights[i]
        for k in range(classes):
            row[k] += step * errors[k]
    for i in range(order):
        gain[i] *= root
    _downdate(covariance, gain, growth)


@compiled_step
def _rounded(expected: float) -> int:
    """The nearest integer, halves upwards."""
    return int(expected + (_BIAS + 0.5)) - _BIAS


@compiled_step
def _wrap16(value: int) -> int:
    return ((value + HALF) & (RING - 1)) - HALF


@compiled_loop
def forward(samples: Array, constants: Any, state: Any, residuals: Array) -> None:
    for row in range(samples.shape[0]):
        _begin(constants, state)
        for t in range(samples.shape[1]):
            expected = _predict(t, constants, state)
            x = np.int64(samples[row, t])
            residuals[row, t] = _wrap16(x - _rounded(expected))
            _learn(t, np.float64(x), expected, constants, state)


@compiled_loop
def inverse(residuals: Array, constants: Any, state: Any, samples: Array) -> None:
    for row in range(residuals.shape[0]):
        _begin(constants, state)
        for t in range(residuals.shape[1]):
            expected = _predict(t, constants, state)
            x = _wrap16(np.int64(residuals[row, t]) + _rounded(expected))
            samples[row, t] = x
            _learn(t, np.float64(x), expected, constants, state)


LOOPS = Loops(forward, inverse)
