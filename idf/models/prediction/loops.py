"""The compiled loops of prediction within windows: predict, weight, learn, for each sample, identical in both directions.

Two kinds of predictors run in parallel.

*Classes.* K predictors of order p. While fewer than p samples of the window are known, class k predicts with its
predictor of that lower order. After that, each is a Bayesian linear regression with a normal prior around the class's
mean, updated by recursive least squares. All classes share the covariance and hence the gain, so K regressions cost
little more than one.

*Lattices.* Eight least-squares lattices of higher orders and with different memories
(:mod:`idf.models.adaptive.vectors`), reset in each window to the state of average sound. They dominate in longer
windows.

Predictions are averaged with weights share · (sum of recent error magnitudes)^(-n), where n grows with the samples
seen. This is the posterior for Laplace-distributed errors of unknown scale.

The arithmetic is strict as in :mod:`idf.models.adaptive.steps`: IEEE operations run in the order written. Loops over
classes and coefficients are elementwise, so vectorising them changes nothing, and sums run in a fixed order.
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
from idf.models.prediction.vectors import COLUMNS, combine_rows, update_rows

MEMORY = 0.98
"""Decay per sample of the error magnitudes that weight predictions."""
_EVIDENCE = 1.5
"""Increase of the exponent n per sample."""
_MOST_EVIDENCE = 16.0
_FADING = 256.0
"""Samples after which the weights for the start of a window count as much as those for long windows."""
_SMALLEST = 10.0
"""Added to sums of error magnitudes, because in silence no predictor is better than another."""
_NOISE_MEMORY = 0.85
_NOISE = 0.5 * 1.25 * 1.25
"""Variance of the residual that the regressions assume, relative to its squared mean magnitude."""
FORGETTING = 0.995
"""Forgetting factor of the regressions, per sample."""
_DIVERGED = 1e9
"""If predictions sum to more than this, predictors have diverged and are reset."""
_FAINT = 1e-30
"""Smaller sums are set to zero, because further decay would give subnormal numbers, which are slow on some processors."""
_LOUDEST = 30000.0
_BIAS = 4 * int(LIMIT)
_LOWEST = np.float32(-60)

COUNT, SIZE, SEEN = range(3)
"""Entries of ``State.now``: the number of samples over which errors are summed, with decay; the sum of the residual's
magnitudes and its number of samples, both with faster decay."""


class Constants(NamedTuple):
    """The constants of a model, float64 unless noted."""

    growing: Array
    """(order, order, classes), see :func:`idf.models.prediction.start.growing_predictors`."""
    means: Array
    """(order, classes)."""
    spread: Array
    """(order, order)."""
    trace: float
    """The trace of ``spread``."""
    prior: Array
    """float32 (experts,), log2 of the weights before the first sample: lattice predictions, then classes."""
    late: Array
    """float32 (experts,), log2 of the weights after many samples, not counting errors."""
    stages: Array
    """float32 (stages · STAGE,), the lattices before the first sample."""
    memory: Array
    """float32 (2 · LANES,), see :func:`idf.models.adaptive.vectors.lattice_update`."""
    orders: Array
    """int64, ascending: the lattice orders that are used."""
    taps: Array
    """int64, indices of the lattice predictions that are used."""


class State(NamedTuple):
    """The state within a window."""

    stages: Array
    by_order: Array
    history: Array
    """(order,), newest sample first."""
    weights: Array
    """(order, classes); the first ``order`` samples use the growing predictors instead."""
    covariance: Array
    """(order, order)."""
    gain: Array
    """(order,): the covariance times the history, once that is full."""
    steps: Array
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
    """int32 (experts,), a view of ``logs``."""
    now: Array
    """(3,)."""


class Loops(NamedTuple):
    """Both directions, with the arguments (input, constants, state, output); input and output are int32 (windows, samples)."""

    forward: Loop
    inverse: Loop


def make_state(constants: Constants) -> State:
    """Return memory for a state, which only one call at a time may use."""
    order, classes = constants.means.shape
    experts, logs = len(constants.prior), np.zeros(len(constants.prior), np.float32)
    return State(
        stages=constants.stages.copy(),
        by_order=np.zeros(len(constants.stages) // STAGE * LANES, np.float32),
        history=np.zeros(order),
        weights=np.zeros((order, classes)),
        covariance=np.zeros((order, order)),
        gain=np.zeros(order),
        steps=np.zeros(order),
        predictions=np.zeros(experts),
        errors=np.zeros(classes),
        sizes=np.zeros(experts),
        logs=logs,
        log_bits=logs.view(np.int32),
        now=np.zeros(3),
    )


@compiled_step
def _product(matrix: Array, vector: Array, known: int, out: Array) -> None:
    """Set out[k] = Σ vector[i] · matrix[i, k] over the first ``known`` rows, summed in order."""
    columns = out.shape[0]
    together = columns // COLUMNS * COLUMNS
    combine_rows(matrix, columns, vector, known, together, out)
    for k in range(together, columns):
        out[k] = 0.0
        for i in range(known):
            out[k] += matrix[i, k] * vector[i]


@compiled_step
def _updated_product(matrix: Array, steps: Array, own: Array, growth: float, vector: Array, out: Array) -> None:
    """Set matrix[i] ← (matrix[i] + steps[i] · own) · growth for all rows and do :func:`_product`, in one pass."""
    columns = out.shape[0]
    together = columns // COLUMNS * COLUMNS
    update_rows(matrix, columns, steps, own, growth, matrix.shape[0], together, vector, out)
    for k in range(together, columns):
        factor = own[k]
        out[k] = 0.0
        for i in range(matrix.shape[0]):
            matrix[i, k] = (matrix[i, k] + steps[i] * factor) * growth
            out[k] += matrix[i, k] * vector[i]


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
    """Reset the state to that before the first sample of a window."""
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
    """Return the prediction of sample t of the window."""
    by_order, p, sizes, logs = state.by_order, state.predictions, state.sizes, state.logs
    last = by_order.shape[0] - LANES
    total = 0.0
    for j in range(last, last + LANES):
        total += np.float64(abs(by_order[j]))
    if not total < _DIVERGED:  # true for NaN as well
        _reset_lattices(constants, state)
    lattices, order = constants.taps.shape[0], constants.means.shape[0]
    for k in range(lattices):
        p[k] = bounded(np.float64(by_order[constants.taps[k]]))
    own = p[lattices:]
    if t < order:
        _product(constants.growing[t], state.history, t, own)
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
    if not abs(expected) < _DIVERGED:
        _reset_lattices(constants, state)
        _reset_classes(constants, state)
        _product(state.covariance, state.history, order, state.gain)
        for k in range(experts):
            p[k] = 0.0
        expected = 0.0
    return bounded(expected)


@compiled_step
def _learn(t: int, x: float, expected: float, constants: Any, state: Any) -> None:
    """Update the state with sample x, whose prediction was ``expected``."""
    now, p, sizes = state.now, state.predictions, state.sizes
    now[COUNT] = now[COUNT] * MEMORY + 1.0
    now[SIZE] = now[SIZE] * _NOISE_MEMORY + min(abs(x - expected), _LOUDEST)
    now[SEEN] = now[SEEN] * _NOISE_MEMORY + 1.0
    for k in range(sizes.shape[0]):
        size = sizes[k] * MEMORY + abs(x - p[k])
        sizes[k] = size if size > _FAINT else 0.0
    lattice_update(state.stages, constants.orders, constants.memory, np.float32(x), state.by_order)
    level = now[SIZE] / now[SEEN] + 0.8
    _learn_classes(t, x, _NOISE * level * level, p[constants.taps.shape[0] :], constants, state)


@compiled_step
def _learn_classes(t: int, x: float, noise: float, predictions: Array, constants: Any, state: Any) -> None:
    """Do a step of recursive least squares for all classes (Haykin, table 9.1, with the variance of the noise).

    A single pass over a matrix updates it and multiplies it by the history before the next sample. Afterwards
    ``predictions`` are those of the next sample, and ``state.gain`` is the covariance times that history.
    """
    weights, covariance, gain, history = state.weights, state.covariance, state.gain, state.history
    steps, errors = state.steps, state.errors
    order, classes = weights.shape
    growth, inverse, root = 1.0, 0.0, 0.0
    learning = t >= order
    if learning:
        power, trace = noise, 0.0
        for i in range(order):
            power += gain[i] * history[i]
            trace += covariance[i, i]
        learning = power > 0.0
        if learning:
            # The bound keeps the covariance from growing without limit in silence.
            growth = 1.0 / FORGETTING if trace < constants.trace else 1.0
            inverse, root = 1.0 / power, 1.0 / np.sqrt(power)
        else:
            _reset_classes(constants, state)
    for i in range(order - 1, 0, -1):
        history[i] = history[i - 1]
    history[0] = x
    if learning:
        for k in range(classes):
            errors[k] = x - predictions[k]
        for i in range(order):
            steps[i] = gain[i] * inverse
        _updated_product(weights, steps, errors, 1.0, history, predictions)
        for i in range(order):
            gain[i] *= root
            steps[i] = -gain[i]
        _updated_product(covariance, steps, gain, growth, history, gain)
    elif t >= order - 1:
        _product(weights, history, order, predictions)
        _product(covariance, history, order, gain)


@compiled_step
def _rounded(expected: float) -> int:
    """Return the nearest integer, rounding half up."""
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
