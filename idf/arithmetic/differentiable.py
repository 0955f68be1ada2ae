"""Float32 TensorFlow with straight-through rounding: the arithmetic of training. See :mod:`idf.arithmetic`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from idf.arithmetic import ParameterSpec, Result
from idf.arithmetic.levels import LAST_LEVEL, LEVELS_PER_OCTAVE
from idf.quiet_tensorflow import tf


def _straight_through(x: tf.Tensor, rounded: tf.Tensor) -> tf.Tensor:
    return x + tf.stop_gradient(rounded - x)


class Differentiable:
    """Implements :class:`idf.arithmetic.Arithmetic` for gradients (Bengio et al. 2013's straight-through estimator)."""

    def constant(self, value: np.ndarray) -> tf.Tensor:
        return tf.constant(value, tf.float32)

    def quantise(self, spec: ParameterSpec, value: tf.Tensor) -> tf.Tensor:
        scale = 2.0**spec.bits
        return _straight_through(value, tf.clip_by_value(tf.round(value * scale) / scale, -spec.limit, spec.limit))

    def matmul(self, x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        if len(x.shape) == 2 and len(w.shape) == 3:
            # the same input for a stack of nets: one large product instead of one per net
            return tf.einsum("ni,lih->lnh", x, w)
        return tf.matmul(x, w)

    def grid(self, x: tf.Tensor, bits: int, limit: float) -> tf.Tensor:
        scale = 2.0**bits
        x = tf.clip_by_value(x, -limit, limit)
        return _straight_through(x, tf.round(x * scale) / scale)

    def fused(self, formula: Callable[..., Result], compiled: Callable[..., Result], *arguments: Any) -> Result:
        return formula(self, *arguments)

    def shape(self, x: tf.Tensor) -> list[Any]:
        return [tf.shape(x)[axis] if length is None else length for axis, length in enumerate(x.shape)]

    def clip(self, x: tf.Tensor, low: float, high: float) -> tf.Tensor:
        return tf.clip_by_value(x, low, high)

    def absolute(self, x: tf.Tensor) -> tf.Tensor:
        return tf.abs(x)

    def concat(self, arrays: Sequence[tf.Tensor], axis: int) -> tf.Tensor:
        return tf.concat(list(arrays), axis)

    def pad_time(self, x: tf.Tensor, before: int, after: int) -> tf.Tensor:
        return tf.pad(x, [[0, 0], [before, after], [0, 0]])

    def box_sum(self, x: tf.Tensor, frames: int) -> tf.Tensor:
        time = self.shape(x)[1]
        padded = self.pad_time(x, frames, frames)
        total = padded[:, :time]
        for offset in range(1, 2 * frames + 1):
            total = total + padded[:, offset : offset + time]
        return total

    def reshape(self, x: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
        return tf.reshape(x, shape)

    def transpose(self, x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
        return tf.transpose(x, axes)

    def take_channels(self, x: tf.Tensor, order: np.ndarray) -> tf.Tensor:
        return tf.gather(x, order, axis=-1)

    def sum(self, x: tf.Tensor, axis: int) -> tf.Tensor:
        return tf.reduce_sum(x, axis)

    def least(self, x: tf.Tensor, axis: int) -> tf.Tensor:
        return tf.reduce_min(x, axis)

    def log2(self, x: tf.Tensor) -> tf.Tensor:
        return tf.math.log(x) * float(1 / np.log(2.0))

    def exp2(self, x: tf.Tensor) -> tf.Tensor:
        return tf.exp(x * float(np.log(2.0)))

    def scan(
        self,
        step: Callable[[tf.Tensor, dict[str, tf.Tensor]], tf.Tensor],
        start: tf.Tensor,
        steps: dict[str, tf.Tensor],
    ) -> tf.Tensor:
        return tf.scan(step, steps, start)

    def detached(self, x: tf.Tensor) -> tf.Tensor:
        return tf.stop_gradient(x)

    def wrap16(self, x: tf.Tensor) -> tf.Tensor:
        return x - tf.stop_gradient(65536.0 * tf.floor((x + 32768.0) / 65536.0))

    def level_index(self, power: tf.Tensor) -> tf.Tensor:
        octaves = tf.math.log(tf.maximum(power, 1.0)) * (0.5 / np.log(2.0))
        return tf.stop_gradient(tf.clip_by_value(tf.floor(octaves * LEVELS_PER_OCTAVE), 0.0, float(LAST_LEVEL)))

    def level_value(self, index: tf.Tensor) -> tf.Tensor:
        return tf.exp(index * float(np.log(2.0) / LEVELS_PER_OCTAVE))
