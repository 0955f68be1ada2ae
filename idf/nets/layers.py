"""The layers of the small nets inside couplings and priors.

Arrays are (nets, positions, units), or (positions, units) for a single net. Each net has its own weights.
"""

from __future__ import annotations

import numpy as np

from idf.arithmetic import ACTIVATION_BITS, ACTIVATION_LIMIT, Arithmetic, Array, unit
from idf.arithmetic.steps import activation_of, unit_of
from idf.compiled import compiled_loop
from idf.nets.level import LocalLevel


def first_layer(
    a: Arithmetic,
    read: Array,
    level: LocalLevel,
    bias: Array,
    level_weights: Array | None = None,
    evidence: Array | None = None,
) -> Array:
    """Return the units of a first layer, which sees samples relative to their level.

    Args:
        read: (…, outputs), weighted sums of samples, of which the first are those of the units.
        bias: (…, 1, units).
        level_weights: (…, 1, units), weights of the level itself.
        evidence: (…, units), added to the other inputs.
    """
    return a.fused(_first_formula, _first_compiled, read, level, bias, level_weights, evidence)


def residual_layer(a: Arithmetic, h: Array, kernel: Array, bias: Array) -> Array:
    """Return ``h + unit(h @ kernel + bias)`` on the activation grid."""
    return a.fused(_residual_formula, _residual_compiled, h, kernel, bias)


def by_net(x: np.ndarray) -> np.ndarray:
    """Return ``x`` as a contiguous array (nets, positions, units), as loops require; (positions, units) is one net."""
    return np.ascontiguousarray(x).reshape(-1, *x.shape[-2:])


def _first_formula(
    a: Arithmetic, read: Array, level: LocalLevel, bias: Array, level_weights: Array | None, evidence: Array | None
) -> Array:
    x = read[..., : bias.shape[-1]] / level.value
    if level_weights is not None:
        x = x + level.feature * level_weights
    x = x + bias
    return unit(a, x if evidence is None else x + evidence)


def _first_compiled(
    read: np.ndarray,
    level: LocalLevel,
    bias: np.ndarray,
    level_weights: np.ndarray | None,
    evidence: np.ndarray | None,
) -> np.ndarray:
    out = np.empty((*read.shape[:-1], bias.shape[-1]))
    none = np.zeros((1, 1, bias.shape[-1]))
    _first(
        by_net(read),
        by_net(level.value),
        by_net(level.feature),
        bias.reshape(-1, bias.shape[-1]),
        none[0] if level_weights is None else level_weights.reshape(-1, bias.shape[-1]),
        none if evidence is None else by_net(evidence),
        by_net(out),
    )
    return out


@compiled_loop
def _first(
    read: np.ndarray,
    values: np.ndarray,
    features: np.ndarray,
    bias: np.ndarray,
    level_weights: np.ndarray,
    evidence: np.ndarray,
    out: np.ndarray,
) -> None:
    """Set ``out``; ``level_weights`` and ``evidence`` may have a single net or position, which then serves all."""
    nets, positions, units = out.shape
    for n in range(nets):
        weights = level_weights[min(n, level_weights.shape[0] - 1)]
        for i in range(positions):
            value, feature = values[n, i, 0], features[n, i, 0]
            more = evidence[min(n, evidence.shape[0] - 1), min(i, evidence.shape[1] - 1)]
            for j in range(units):
                x = read[n, i, j] / value + feature * weights[j]
                out[n, i, j] = unit_of(x + bias[n, j] + more[j])


def _residual_formula(a: Arithmetic, h: Array, kernel: Array, bias: Array) -> Array:
    return a.grid(h + unit(a, a.matmul(h, kernel) + bias), ACTIVATION_BITS, ACTIVATION_LIMIT)


def _residual_compiled(h: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    out = np.matmul(h, kernel)
    _residual(by_net(h), bias.reshape(-1, bias.shape[-1]), by_net(out))
    return out


@compiled_loop
def _residual(h: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Set ``out``, which contains the products ``h @ kernel`` at first."""
    nets, positions, units = out.shape
    for n in range(nets):
        for i in range(positions):
            for j in range(units):
                out[n, i, j] = activation_of(h[n, i, j] + unit_of(out[n, i, j] + bias[n, j]))
