"""The compiled network of the adaptive flow: from a sample's inputs to the mixture that codes it.

Strict like :mod:`idf.models.adaptive.steps`. The same network in TensorFlow, to be trained, is
:mod:`idf.training.families.adaptive`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import compiled_step
from idf.models.adaptive.steps import EXPONENT, LEVEL, MANTISSA, bounded
from idf.models.adaptive.vectors import multiply

# 2^x on [0, 1], relative error below 4e-6; training computes the true power.
_P1, _P2, _P3, _P4 = (np.float32(c) for c in (0.6931530732, 0.2401536186, 0.0558263180, 0.0089893397))
LOWEST_OCTAVE, HIGHEST_OCTAVE = np.float32(-10), np.float32(6)
"""Scales of the mixture's components against the local level, in octaves."""
MEAN_STEP = np.float32(0.3)
"""Unit of the network's offsets of the means, in local levels."""
_ONE = np.float32(1)


@compiled_step
def _activation(x: Any) -> Any:
    """x above 0 and x / (1 - x) below: smooth, between -1 and infinity."""
    return x if x > np.float32(0) else x / (_ONE - x)


@compiled_step
def _network(plan: Any, weights: Array, state: Any, scratch: Any) -> None:
    """Inputs to outputs: a layer, residual layers, and a linear one, which may learn."""
    hidden, width = scratch.hidden[0], plan.hidden
    place = plan.inputs * width
    multiply(scratch.inputs, plan.inputs, weights, 0, place, width, hidden)
    for i in range(width):
        hidden[i] = _activation(hidden[i])
    place += width
    for _ in range(plan.layers):
        branch = scratch.hidden[1]
        multiply(hidden, width, weights, place, place + width * width, width, branch)
        for i in range(width):
            hidden[i] += _activation(branch[i])
        place += (width + 1) * width
    if plan.online:
        weights, place = state.online.weights, 0
    multiply(hidden, width, weights, place, place + width * plan.outputs, plan.outputs, scratch.outputs)


@compiled_step
def power_of_two(x: Array, bits: Array) -> None:
    """x = 2^x, float32 from -60 to 0; ``bits`` is the same memory as int32."""
    for k in range(x.shape[0]):
        whole = np.floor(x[k])
        f = x[k] - whole
        x[k] = _ONE + f * (_P1 + f * (_P2 + f * (_P3 + f * _P4)))
        bits[k] += np.int32(whole) << np.int32(23)


@compiled_step
def mixture(c: int, constants: Any, weights: Array, state: Any, scratch: Any) -> None:
    """The network's outputs as the coder's integers: a mixture around the experts as the network weighs them."""
    plan, now, out, w = constants.plan, state.now[c], scratch.outputs, scratch.powers
    _network(plan, weights, state, scratch)
    components, experts = plan.components, plan.experts
    first = 3 * components
    top = out[first]
    for k in range(1, experts):
        top = max(top, out[first + k])
    for k in range(experts):
        w[k] = max(out[first + k] - top, np.float32(-60))
    power_of_two(w, scratch.power_bits)
    total, weighted = 0.0, 0.0
    for k in range(experts):
        total += np.float64(w[k])
        weighted += np.float64(w[k]) * state.predictions[c, k]
    mean = weighted / total
    if plan.online:  # what it learns from
        scratch.mean[0] = mean
        for k in range(experts):
            scratch.shares[k] = np.float32(np.float64(w[k]) / total)
    level = now[LEVEL]
    scratch.powers[0] = np.float32(level)
    octave = np.float32(scratch.power_bits[0] - EXPONENT) * MANTISSA
    for j in range(components):
        scratch.logits[0, j] = np.int32(np.rint(64.0 * min(max(np.float64(out[j]), -100.0), 100.0)))
        offset = min(max(np.float64(out[components + j] * MEAN_STEP), -1e3), 1e3) * level
        scratch.means[0, j] = np.int32(np.rint(256.0 * bounded(mean + offset)))
        own = min(max(out[2 * components + j], LOWEST_OCTAVE), HIGHEST_OCTAVE)
        scratch.scales[0, j] = np.int32(np.rint(32.0 * np.float64(own + octave)))
