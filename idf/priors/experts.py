"""The shared part of the priors of single channels: linear experts that a net gates, and the mixture around them.

For M components and E experts, a net's outputs at a position are M logits, M offsets of the means and M log-scales,
both relative to the level, and E gates.
"""

from __future__ import annotations

import numpy as np

from idf.arithmetic import Arithmetic, Array
from idf.arithmetic.steps import grid_of
from idf.compiled import compiled_loop
from idf.nets.gates import OFFSET_SCALE, basis_of, basis_on_grid, gate_of, gates_on_grid
from idf.nets.layers import by_net
from idf.nets.level import LocalLevel
from idf.priors.mixture import (
    LAST_OCTAVE,
    LEAST_OCTAVE,
    LOGIT_BITS,
    LOGIT_LIMIT,
    MEAN_BITS,
    MEAN_LIMIT,
    SCALE_BITS,
    Mixture,
    mixture_on_grid,
)


def expert_basis(a: Arithmetic, read: Array, first: int) -> Array:
    """Return each expert's difference from the common prediction, and last a 0: (nets, positions, experts + 1).

    Args:
        read: (nets, positions, outputs), weighted sums of samples; those of the experts start at ``first``.
    """
    return a.fused(_basis_formula, _basis_compiled, read, first)


def expert_mixture(
    a: Arithmetic, outputs: Array, bias: Array, basis: Array, prediction: Array, level: LocalLevel, components: int
) -> Mixture:
    """Return the mixture around the prediction of all experts: fields (nets, positions, components), on the coder's grid.

    Args:
        outputs: (nets, positions, 3 · components + experts), the net's outputs without bias; overwritten when coding.
        bias: (nets, 1, 3 · components + experts).
        basis: the result of :func:`expert_basis`.
        prediction: (nets, positions, 1), without the gated experts.
    """
    return a.fused(_mixture_formula, _mixture_compiled, outputs, bias, basis, prediction, level, components)


def _basis_formula(a: Arithmetic, read: Array, first: int) -> Array:
    return a.concat([basis_on_grid(a, read[..., first:]), read[..., :1] * 0.0], -1)


def _basis_compiled(read: np.ndarray, first: int) -> np.ndarray:
    out = np.empty((*read.shape[:-1], read.shape[-1] - first + 1))
    _basis(read.reshape(-1, read.shape[-1]), first, out.reshape(-1, out.shape[-1]))
    return out


@compiled_loop
def _basis(read: np.ndarray, first: int, out: np.ndarray) -> None:
    positions, experts = out.shape[0], out.shape[1] - 1
    for i in range(positions):
        own = read[i, first:]
        for j in range(experts):
            out[i, j] = basis_of(own[j])
        out[i, experts] = 0.0


def _mixture_formula(
    a: Arithmetic, outputs: Array, bias: Array, basis: Array, prediction: Array, level: LocalLevel, components: int
) -> Mixture:
    out, m = outputs + bias, components
    gates = gates_on_grid(a, out[..., 3 * m :])
    prediction = prediction + a.sum(basis[..., : out.shape[-1] - 3 * m] * gates, -1)[..., None]
    means = prediction + out[..., m : 2 * m] * level.value * OFFSET_SCALE
    return mixture_on_grid(a, out[..., :m], means, out[..., 2 * m : 3 * m] + level.octaves)


def _mixture_compiled(
    outputs: np.ndarray,
    bias: np.ndarray,
    basis: np.ndarray,
    prediction: np.ndarray,
    level: LocalLevel,
    components: int,
) -> Mixture:
    mixture = Mixture(*(np.empty((*outputs.shape[:-1], components)) for _ in range(3)))
    _mixture(
        outputs,
        bias.reshape(-1, bias.shape[-1]),
        basis,
        by_net(prediction),
        level.value,
        level.octaves,
        *(mixture.logits, mixture.means, mixture.octaves),
    )
    return mixture


@compiled_loop
def _mixture(
    outputs: np.ndarray,
    bias: np.ndarray,
    basis: np.ndarray,
    prediction: np.ndarray,
    values: np.ndarray,
    level_octaves: np.ndarray,
    logits: np.ndarray,
    means: np.ndarray,
    octaves: np.ndarray,
) -> None:
    nets, positions, m = logits.shape
    experts = outputs.shape[2] - 3 * m
    for n in range(nets):
        for i in range(positions):
            own, gates, gate_bias = outputs[n, i], outputs[n, i, 3 * m :], bias[n, 3 * m :]
            for j in range(experts):
                gates[j] = basis[n, i, j] * gate_of(gates[j] + gate_bias[j])
            gated = 0.0
            for j in range(experts):
                gated += gates[j]
            expected = prediction[n, i, 0] + gated
            value, octave = values[n, i, 0], level_octaves[n, i, 0]
            for j in range(m):
                logits[n, i, j] = grid_of(own[j] + bias[n, j], 2.0**LOGIT_BITS, 2.0**-LOGIT_BITS, LOGIT_LIMIT)
                mean = expected + (own[m + j] + bias[n, m + j]) * value * OFFSET_SCALE
                means[n, i, j] = grid_of(mean, 2.0**MEAN_BITS, 2.0**-MEAN_BITS, MEAN_LIMIT)
                scale = min(max(own[2 * m + j] + bias[n, 2 * m + j] + octave, LEAST_OCTAVE), LAST_OCTAVE)
                octaves[n, i, j] = grid_of(scale, 2.0**SCALE_BITS, 2.0**-SCALE_BITS, LAST_OCTAVE)
