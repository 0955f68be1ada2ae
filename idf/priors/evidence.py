"""The past errors of the experts of :mod:`idf.priors.tracked`, as their weights and as inputs of the net.

Arrays are (nets, positions, ...). The experts include the common predictor, which comes last.
"""

from __future__ import annotations

import numpy as np

from idf.arithmetic import ACTIVATION_BITS, ACTIVATION_LIMIT, Arithmetic, Array
from idf.arithmetic.logarithms import exp2_of, log2_of
from idf.arithmetic.steps import activation_of
from idf.compiled import compiled_loop
from idf.nets.layers import by_net

_ERROR_FLOOR = 2.0**-20
"""Added to mean squared errors relative to the level."""
_MAGNITUDE_FLOOR = 2.0**-10


def squared_errors(a: Arithmetic, residual: Array, basis: Array, value: Array) -> Array:
    """Return each expert's squared error relative to the level: (nets, positions, experts).

    Args:
        residual: (nets, positions, 1), the latents minus the common prediction.
        basis: (nets, positions, experts), each expert's difference from the common prediction.
        value: (nets, positions, 1), the level.
    """
    return a.fused(_squares_formula, _squares_compiled, residual, basis, value)


def log_errors(a: Arithmetic, errors: Array, weight: Array | float) -> Array:
    """Return log2 of RMS errors relative to the level: (nets, positions, experts).

    Args:
        errors: weighted sums of squared errors, of the same shape.
        weight: sum of the weights, a number or (nets, 1, 1).
    """
    return a.fused(_log_formula, _log_compiled, errors, weight)


def experts_average(a: Arithmetic, errors: Array, basis: Array, power: Array) -> Array:
    """Return the average of ``basis`` with weights 2^(−power · error): (nets, positions, 1); ``power`` is (nets, 1, 1)."""
    return a.fused(_average_formula, _average_compiled, errors, basis, power)


def evidence_features(a: Arithmetic, errors: Array, recent: Array) -> Array:
    """Return inputs of a net: each expert's error minus their mean, the mean, and ``recent`` (nets, positions, any)."""
    return a.fused(_features_formula, _features_compiled, errors, recent)


def magnitudes(a: Arithmetic, residual: Array, value: Array) -> Array:
    """Return half of log2 of residuals relative to the level ``value``, plus 2, on the activation grid."""
    return a.fused(_magnitudes_formula, _magnitudes_compiled, residual, value)


def _squares_formula(a: Arithmetic, residual: Array, basis: Array, value: Array) -> Array:
    error = a.detached((residual - basis) / value)
    return error * error


def _squares_compiled(residual: np.ndarray, basis: np.ndarray, value: np.ndarray) -> np.ndarray:
    out = np.empty(basis.shape)
    _squares(by_net(residual), basis, by_net(value), out)
    return out


@compiled_loop
def _squares(residual: np.ndarray, basis: np.ndarray, value: np.ndarray, out: np.ndarray) -> None:
    nets, positions, experts = out.shape
    for n in range(nets):
        for i in range(positions):
            own, level = residual[n, i, 0], value[n, i, 0]
            for j in range(experts):
                error = (own - basis[n, i, j]) / level
                out[n, i, j] = error * error


def _log_formula(a: Arithmetic, errors: Array, weight: Array | float) -> Array:
    return a.detached(a.log2(errors / weight + _ERROR_FLOOR) * 0.5)


def _log_compiled(errors: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    out = np.empty(errors.shape)
    nets = len(errors)
    weights = np.broadcast_to(np.reshape(weight, -1), nets).astype(np.float64)
    _logs(errors.reshape(nets, -1), weights, out.reshape(nets, -1))
    return out


@compiled_loop
def _logs(errors: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[n, i] = log2_of(errors[n, i] / weights[n] + _ERROR_FLOOR) * 0.5


def _average_formula(a: Arithmetic, errors: Array, basis: Array, power: Array) -> Array:
    lead = errors - a.least(errors, -1)[..., None]
    weight = a.exp2(lead * power * -1.0)
    return (a.sum(weight * basis, -1) / a.sum(weight, -1))[..., None]


def _average_compiled(errors: np.ndarray, basis: np.ndarray, power: np.ndarray) -> np.ndarray:
    out = np.empty((*errors.shape[:-1], 1))
    _average(errors, basis, power.reshape(-1), np.empty(errors.shape[-1]), out)
    return out


@compiled_loop
def _average(errors: np.ndarray, basis: np.ndarray, power: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Set ``out``; all sums are exact in any order, and ``weights`` (experts,) is working memory."""
    nets, positions, experts = errors.shape
    for n in range(nets):
        for i in range(positions):
            least = errors[n, i, 0]
            for j in range(1, experts):
                least = min(least, errors[n, i, j])
            for j in range(experts):
                weights[j] = exp2_of((errors[n, i, j] - least) * power[n] * -1.0)
            total, weighted = 0.0, 0.0
            for j in range(experts):
                total += weights[j]
                weighted += weights[j] * basis[n, i, j]
            out[n, i, 0] = weighted / total


def _features_formula(a: Arithmetic, errors: Array, recent: Array) -> Array:
    mean = a.sum(errors, -1)[..., None] / float(errors.shape[-1])
    differences = a.grid(errors - mean, ACTIVATION_BITS, ACTIVATION_LIMIT)
    return a.concat([differences, a.grid(mean, ACTIVATION_BITS, ACTIVATION_LIMIT), recent], -1)


def _features_compiled(errors: np.ndarray, recent: np.ndarray) -> np.ndarray:
    out = np.empty((*errors.shape[:-1], errors.shape[-1] + 1 + recent.shape[-1]))
    _features(errors, recent, out)
    return out


@compiled_loop
def _features(errors: np.ndarray, recent: np.ndarray, out: np.ndarray) -> None:
    nets, positions, experts = errors.shape
    for n in range(nets):
        for i in range(positions):
            total = 0.0
            for j in range(experts):
                total += errors[n, i, j]
            mean = total / experts
            for j in range(experts):
                out[n, i, j] = activation_of(errors[n, i, j] - mean)
            out[n, i, experts] = activation_of(mean)
            for j in range(recent.shape[2]):
                out[n, i, experts + 1 + j] = recent[n, i, j]


def _magnitudes_formula(a: Arithmetic, residual: Array, value: Array) -> Array:
    size = a.log2(a.absolute(a.detached(residual)) / value + _MAGNITUDE_FLOOR) * 0.5 + 2.0
    return a.detached(a.grid(size, ACTIVATION_BITS, ACTIVATION_LIMIT))


def _magnitudes_compiled(residual: np.ndarray, value: np.ndarray) -> np.ndarray:
    out = np.empty(residual.shape)
    _sizes(np.ascontiguousarray(residual).reshape(-1), value.reshape(-1), out.reshape(-1))
    return out


@compiled_loop
def _sizes(residual: np.ndarray, value: np.ndarray, out: np.ndarray) -> None:
    for i in range(out.size):
        out[i] = activation_of(log2_of(abs(residual[i]) / value[i] + _MAGNITUDE_FLOOR) * 0.5 + 2.0)
