"""Online learning of the network's last layer while coding: RMSprop on −log p of the coded samples.

The last layer adapts to properties of a recording such as the reliability of its experts and the weight of its tails.
Encoder and decoder make the same updates, from the same samples and with the same strict arithmetic
(:mod:`idf.models.adaptive.steps`). Gradients are those of densities: d/dlogit = π − r, d/dmean = −r tanh(z/2) / s and
d/d ln s = r (1 − z tanh(z/2)), with responsibilities r of the mixture's logistics and z = (x − mean) / s. They are
summed over :data:`BATCH` samples and divided by their root mean square (Tieleman & Hinton 2012, lecture 6.5). Weights
stay within :data:`_FARTHEST` of their trained values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from idf.compiled import compiled_step
from idf.models.adaptive.network import MEAN_STEP, power_of_two
from idf.models.adaptive.products import descend, outer_products
from idf.models.adaptive.state import BATCH
from idf.models.adaptive.steps import LEVEL

_KEPT, _LEAST, _FARTHEST, _SHARE = (np.float32(number) for number in (0.99, 1e-4, 0.5, 1 / BATCH))
_STEEPEST = np.float32(8)
"""Limit of the gradients with respect to outputs."""
_LOG2_E, _LN_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)
_ONE = np.float32(1)
_DEEPEST = np.float32(-60)
_RAREST = np.float32(1e-30)


@compiled_step
def adapt(stream: int, c: int, x: int, constants: Any, state: Any, scratch: Any) -> None:
    """Update a stream's layer from sample x of channel c, whose mixture is in ``scratch``."""
    online = state.online
    if not _slopes(c, x, constants, state, scratch):
        return
    plan, seen, all_slopes = constants.plan, online.seen[stream], online.slopes[stream]
    outputs, slopes, hidden = plan.outputs, all_slopes[seen], online.hidden[stream, seen]
    for k in range(outputs):
        slopes[k] = online.outputs[0, k]
    for i in range(plan.hidden):
        hidden[i] = scratch.hidden[i]
    online.seen[stream] = seen + 1
    if seen + 1 < BATCH:
        return
    online.seen[stream] = 0
    outer_products(online.hidden[stream], BATCH, plan.hidden, all_slopes, outputs, online.gradient)
    row = online.gradient[plan.hidden * outputs :]
    for k in range(outputs):
        row[k] = all_slopes[0, k]
    for t in range(1, BATCH):
        for k in range(outputs):
            row[k] += all_slopes[t, k]
    rate = constants.online_rate
    weights, squares = online.weights[stream], online.squares[stream]
    descend(weights, online.trained, online.gradient, squares, _SHARE, _KEPT, rate, _LEAST, _FARTHEST)


@compiled_step
def _slopes(c: int, x: int, constants: Any, state: Any, scratch: Any) -> bool:
    """Compute d(−ln p)/d(outputs) into ``state.online.outputs``; return False if p is too small."""
    plan, online, now = constants.plan, state.online, state.now[c]
    n = plan.components
    slopes = online.outputs[0]
    shares, inverse, near = online.outputs[1, :n], online.outputs[2, :n], online.outputs[3, :n]
    top = scratch.logits[0, 0]
    for j in range(1, n):
        top = max(top, scratch.logits[0, j])
    for j in range(n):
        shares[j] = max(np.float32(scratch.logits[0, j] - top) * (_LOG2_E * np.float32(1 / 64)), _DEEPEST)
        inverse[j] = np.float32(scratch.scales[0, j]) * np.float32(-1 / 32)
    power_of_two(shares, online.bits[1, :n])
    power_of_two(inverse, online.bits[2, :n])
    for j in range(n):
        distance = np.float32(256 * x - np.int64(scratch.means[0, j])) * np.float32(1 / 256)
        slopes[j] = distance * inverse[j]
        near[j] = max(abs(slopes[j]) * -_LOG2_E, _DEEPEST)
    power_of_two(near, online.bits[3, :n])
    total, likelihood = np.float32(0), np.float32(0)
    for j in range(n):
        total += shares[j]
        one = _ONE / (_ONE + near[j])
        z = slopes[j]
        tanh = (_ONE - near[j]) * one
        slopes[n + j] = tanh if z > np.float32(0) else -tanh
        slopes[2 * n + j] = shares[j] * near[j] * one * one * inverse[j]
        likelihood += slopes[2 * n + j]
    if not likelihood > _RAREST:
        return False
    level, pull = np.float32(now[LEVEL]), np.float32(0)
    for j in range(n):
        z, tanh = slopes[j], slopes[n + j]
        own = slopes[2 * n + j] / likelihood
        drawn = own * tanh * inverse[j]
        pull += drawn
        slopes[j] = shares[j] / total - own
        slopes[n + j] = _within(-drawn * (MEAN_STEP * level))
        slopes[2 * n + j] = _within(own * (_ONE - z * tanh) * _LN_2)
    p = state.predictions[c]
    for k in range(plan.experts):
        apart = np.float32(p[k] - scratch.mean[0])
        slopes[3 * n + k] = _within(-pull * scratch.shares[k] * apart * _LN_2)
    return True


@compiled_step
def _within(slope: Any) -> Any:
    return min(max(slope, -_STEEPEST), _STEEPEST)
