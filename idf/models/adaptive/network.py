"""The compiled network of the adaptive flow: from a sample's inputs to the mixture that codes it.

The arithmetic is strict as in :mod:`idf.models.adaptive.steps`. :mod:`idf.training.families.adaptive` has the same
network in TensorFlow for training.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.compiled import compiled_step
from idf.compiled.vectors import aligned, part, scaled
from idf.models.adaptive.products import multiply, multiply_integers
from idf.models.adaptive.state import Plan
from idf.models.adaptive.steps import EXPONENT, LEVEL, MANTISSA, bounded

# 2^x on [0, 1] with a relative error below 4e-6; training computes the exact power.
_P1, _P2, _P3, _P4 = (np.float32(c) for c in (0.6931530732, 0.2401536186, 0.0558263180, 0.0089893397))
LOWEST_OCTAVE, HIGHEST_OCTAVE = np.float32(-10), np.float32(6)
"""Range of the scales of the mixture's components relative to the local level, in octaves."""
MEAN_STEP = np.float32(0.3)
"""Unit of the network's offsets of the means, relative to the local level."""
_VALUE_BITS, _MOST_WEIGHT_BITS = 9, 11
"""Fraction bits in all layers except the last: of values, and of weights below 16."""
_VALUE = np.float32(1 << _VALUE_BITS)
_HIGHEST = np.float32(32767)
_HALF_UP = np.float32(32768.5)
_ONE = np.float32(1)


class Weights(NamedTuple):
    """The network for the loops, in integers except for the last layer."""

    pairs: Array
    """int16: W of each layer as (inputs / 2, width, 2), two inputs at a time, with inputs zero-padded to a multiple of 4."""
    biases: Array
    """int32 (layers · width,)."""
    units: Array
    """float32 (layers,): unit of each layer's biases and sums."""
    last: Array
    """float32: the last layer, with its biases last."""


def integer_weights(plan: Plan, weights: Array) -> Weights:
    """Return the network for the loops from float32 weights, layer by layer, each by inputs with the biases last.

    Raises:
        ValueError: a weight is impossibly large.
    """
    pairs, biases, units, place, width = [], [], [], 0, plan.hidden
    for inputs in [plan.inputs, *[width] * plan.layers]:
        end = place + inputs * width
        rows = np.zeros((-(-inputs // 4) * 4, width))
        rows[:inputs] = weights[place:end].reshape(inputs, width)
        place = end + width
        shifts = weights[end:place].astype(np.float64)
        bits = _weight_bits(float(np.abs(rows).max()), float(np.abs(shifts).max()))
        pairs.append(np.rint(rows * 2.0**bits).reshape(-1, 2, width).transpose(0, 2, 1).astype(np.int16).ravel())
        biases.append(np.rint(shifts * 2.0 ** (bits + _VALUE_BITS)).astype(np.int32))
        units.append(np.float32(2.0 ** -(bits + _VALUE_BITS)))
    integers = (aligned(np.concatenate(pairs)), aligned(np.concatenate(biases)))
    return Weights(*integers, np.array(units, np.float32), aligned(weights[place:]))


def _weight_bits(largest: float, largest_bias: float) -> int:
    """Return the fraction bits with which a layer's weights fit into 16 bits and its biases into 32."""
    for bits in range(_MOST_WEIGHT_BITS, -1, -1):
        if largest * 2**bits <= np.iinfo(np.int16).max and largest_bias * 2 ** (bits + _VALUE_BITS) < 2**30:
            return bits
    raise ValueError(f"weights of {max(largest, largest_bias):g} in its network")


@compiled_step
def _activation(x: Any) -> Any:
    """Return x above 0 and x / (1 - x) below, a smooth function with values above -1."""
    return x if x > np.float32(0) else x / (_ONE - x)


@compiled_step
def _in_steps(values: Array, out: Array) -> None:
    """Round values to fixed point in 16 bits, with saturation."""
    for i in range(values.shape[0]):
        value = min(max(values[i] * _VALUE, -_HIGHEST), _HIGHEST)
        out[i] = np.int16(np.int32(value + _HALF_UP) - np.int32(32768))


@compiled_step
def networks(first: int, end: int, plan: Any, weights: Any, state: Any, scratch: Any) -> None:
    """Compute the outputs from the inputs: a layer, residual layers, and a linear layer, which may learn.

    This is done for the streams ``first`` … ``end`` - 1, one or two, with a single pass over the integer weights.
    Reading these from the processor's second-level cache takes longer than the products.
    """
    width, outputs, streams = plan.hidden, plan.outputs, end - first
    room = max((plan.inputs + 3) // 4 * 4, width)
    hidden = part(scratch.hidden, first * width, streams * width)
    steps, sums = part(scratch.steps, first * room, streams * room), part(scratch.sums, first * width, streams * width)
    place, inputs, values = 0, plan.inputs, part(scratch.inputs, first * plan.inputs, streams * plan.inputs)
    for layer in range(plan.layers + 1):
        for s in range(streams):
            _in_steps(part(values, s * inputs, inputs), part(steps, s * room, inputs))
        fours, bias = (inputs + 3) // 4, layer * width
        multiply_integers(steps, room, streams, fours, weights.pairs, place, weights.biases, bias, width, sums)
        for i in range(streams * width):
            made = _activation(np.float32(sums[i]) * weights.units[layer])
            hidden[i] = made if layer == 0 else hidden[i] + made
        place += 4 * fours * width
        inputs, values = width, hidden
    for s in range(first, end):
        last = state.online.weights[s] if plan.online else weights.last
        own, out = part(scratch.hidden, s * width, width), part(scratch.outputs, s * outputs, outputs)
        multiply(own, width, last, 0, width * outputs, outputs, out)


@compiled_step
def power_of_two(x: Array, bits: Array) -> None:
    """Set x = 2^x, float32 from -60 to 0; ``bits`` is a view of x as int32."""
    for k in range(x.shape[0]):
        whole = np.floor(x[k])
        f = x[k] - whole
        x[k] = scaled(_ONE + f * (_P1 + f * (_P2 + f * (_P3 + f * _P4))), np.int32(whole))


@compiled_step
def mixture(c: int, constants: Any, weights: Any, state: Any, scratch: Any) -> None:
    """Run the network of the only stream, then do :func:`mix`."""
    networks(0, 1, constants.plan, weights, state, scratch)
    mix(c, constants, state, scratch)


@compiled_step
def mix(c: int, constants: Any, state: Any, scratch: Any) -> None:
    """Compute the coder's integer mixture from the network's outputs, with means around the experts' weighted mean."""
    plan, now, out, w = constants.plan, state.now[c], scratch.outputs, scratch.powers
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
    if plan.online:  # for the online update
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
