"""Fixed-point values in NumPy float64: the arithmetic of encoders and decoders. See :mod:`idf.arithmetic`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from idf.arithmetic import ParameterSpec, Result, logarithms
from idf.arithmetic.levels import LEVELS, THRESHOLDS
from idf.arithmetic.steps import grid_of
from idf.compiled import compiled_loop


class Exact:
    """Implements :class:`idf.arithmetic.Arithmetic` with the same bits on every machine."""

    def constant(self, value: np.ndarray) -> np.ndarray:
        return np.asarray(value, np.float64)

    def quantise(self, spec: ParameterSpec, value: np.ndarray) -> np.ndarray:
        return self.grid(np.asarray(value, np.float64), spec.bits, spec.limit)

    def matmul(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        return np.matmul(x, w)

    def grid(self, x: np.ndarray, bits: int, limit: float) -> np.ndarray:
        out = np.empty(x.shape)  # C order, so that the flat view below writes into it
        _grid(_flat(x), 2.0**bits, 2.0**-bits, limit, out.reshape(-1))
        return out

    def fused(self, formula: Callable[..., Result], compiled: Callable[..., Result], *arguments: Any) -> Result:
        return compiled(*arguments)

    def shape(self, x: np.ndarray) -> list[int]:
        return list(x.shape)

    def clip(self, x: np.ndarray, low: float, high: float) -> np.ndarray:
        return np.clip(x, low, high)

    def absolute(self, x: np.ndarray) -> np.ndarray:
        return np.abs(x)

    def concat(self, arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
        return np.concatenate(arrays, axis)

    def pad_time(self, x: np.ndarray, before: int, after: int) -> np.ndarray:
        batch, time, channels = x.shape
        padded = np.zeros((batch, before + time + after, channels))  # np.pad takes four times as long
        padded[:, before : before + time] = x
        return padded

    def box_sum(self, x: np.ndarray, frames: int) -> np.ndarray:
        out = np.zeros(x.shape)
        batch, _, channels = x.shape
        _box_sum(np.ascontiguousarray(x).reshape(batch, -1), channels, frames, out.reshape(batch, -1))
        return out

    def reshape(self, x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        return np.reshape(x, tuple(shape))

    def transpose(self, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        return np.transpose(x, axes)

    def take_channels(self, x: np.ndarray, order: np.ndarray) -> np.ndarray:
        return x[..., order]

    def sum(self, x: np.ndarray, axis: int) -> np.ndarray:
        if axis == -1:
            return np.matmul(x, np.ones(x.shape[-1]))  # five times faster than np.sum along short axes
        return np.sum(x, axis)

    def least(self, x: np.ndarray, axis: int) -> np.ndarray:
        return np.min(x, axis)

    def log2(self, x: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape)
        logarithms.log2(_flat(x), out.reshape(-1))
        return out

    def exp2(self, x: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape)
        logarithms.exp2(_flat(x), out.reshape(-1))
        return out

    def scan(
        self,
        step: Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray],
        start: np.ndarray,
        steps: dict[str, np.ndarray],
    ) -> np.ndarray:
        results = []
        for number in range(len(next(iter(steps.values())))):
            start = step(start, {name: value[number] for name, value in steps.items()})
            results.append(start)
        return np.stack(results)

    def detached(self, x: np.ndarray) -> np.ndarray:
        return x

    def wrap16(self, x: np.ndarray) -> np.ndarray:
        return x - 65536.0 * np.floor((x + 32768.0) / 65536.0)

    def level_index(self, power: np.ndarray) -> np.ndarray:
        # thresholds[k] is the smallest power of level k + 1, so the search gives the floor of the logarithm
        return np.searchsorted(THRESHOLDS, power, side="right").astype(np.float64)

    def level_value(self, index: np.ndarray) -> np.ndarray:
        return LEVELS[index.astype(np.int64)]


_BOX_FRAMES = 16


def _flat(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).reshape(-1)


@compiled_loop
def _grid(x: np.ndarray, scale: float, step: float, limit: float, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = grid_of(x[i], scale, step, limit)


@compiled_loop
def _box_sum(x: np.ndarray, channels: int, frames: int, out: np.ndarray) -> None:
    """Add box sums of ``x`` (batch, time · channels) to ``out``, which must be zero at first."""
    batch, length = x.shape
    for b in range(batch):
        # frames are summed in tiles, which make the inner loop long and fit the nearest cache
        for first in range(0, length, _BOX_FRAMES * channels):
            for offset in range(-frames * channels, (frames + 1) * channels, channels):
                begin, end = max(first, -offset), min(first + _BOX_FRAMES * channels, length, length - offset)
                if begin < end:
                    own, given = out[b, begin:end], x[b, begin + offset : end + offset]
                    for i in range(end - begin):
                        own[i] += given[i]
