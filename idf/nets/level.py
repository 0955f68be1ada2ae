"""The local level: the loudness of the known samples around a position, quantised to eight steps per octave.

Dividing a net's inputs by the level and multiplying its shifts and scales by it makes the flow
equivariant to loudness, which helped in every trial. Levels are found by comparing the mean power
with a table, so decoders do not depend on a logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idf.arithmetic import ACTIVATION_BITS, ACTIVATION_LIMIT, Arithmetic, Array
from idf.arithmetic.levels import LAST_LEVEL, LEVELS, LEVELS_PER_OCTAVE, THRESHOLDS
from idf.compiled import compiled_loop

PRIOR_ENERGY = 2000.0
"""Energy (squared 16-bit steps) added to that of the known samples, which avoids division by zero in silence."""
_MIDDLE_OCTAVE = 8.0


@dataclass(frozen=True)
class LocalLevel:
    """The levels at some positions.

    Attributes:
        value: the level in 16-bit steps, at least 1.
        octaves: its base-2 logarithm.
        feature: ``octaves`` centred near the level of speech, as an input for nets.
    """

    value: Array
    octaves: Array
    feature: Array


def mean_power(energy: Array, count: Array) -> Array:
    """Return the squared level of ``count`` (>= 1) known samples whose total energy is ``energy``."""
    return (energy + PRIOR_ENERGY) / count


def power_around(a: Arithmetic, x: Array, frames: int, known: Array | float) -> Array:
    """Return the mean power at each frame of ``x`` over ``frames`` frames on each side: (batch, time, 1).

    Args:
        x: (batch, time, channels), integers.
        known: number of known channels, as a number or (batch, 1, 1); the others must be 0.
    """
    return a.fused(_power_formula, _power_compiled, x, frames, known)


def level_of(a: Arithmetic, power: Array) -> LocalLevel:
    """Return the levels of mean powers, in the same shape."""
    return a.fused(_level_formula, _level_compiled, power)


def local_level(a: Arithmetic, x: Array, frames: int) -> LocalLevel:
    """Return the level at each frame of ``x`` (batch, time, channels) over ``frames`` frames on each side: (batch, time, 1)."""
    return level_of(a, power_around(a, x, frames, float(x.shape[-1])))


def _power_formula(a: Arithmetic, x: Array, frames: int, known: Array | float) -> Array:
    energy = a.box_sum(a.sum(x * x, -1)[..., None], frames)
    return mean_power(energy, a.box_sum(x[:, :, :1] * 0.0 + known, frames))


def _power_compiled(x: np.ndarray, frames: int, known: np.ndarray | float) -> np.ndarray:
    batch, time, _ = x.shape
    counts = np.broadcast_to(np.reshape(known, -1), batch).astype(np.float64)
    out = np.empty((batch, time, 1))
    _power(np.ascontiguousarray(x), frames, counts, np.empty(time), out)
    return out


@compiled_loop
def _power(x: np.ndarray, frames: int, counts: np.ndarray, energies: np.ndarray, out: np.ndarray) -> None:
    """Compute running sums: squares of integers add up exactly, so frames can be added and subtracted one by one."""
    batch, time, channels = x.shape
    for b in range(batch):
        for t in range(time):
            energies[t] = 0.0
            for c in range(channels):
                energies[t] += x[b, t, c] * x[b, t, c]
        total = 0.0
        for t in range(-frames, time):
            if t + frames < time:
                total += energies[t + frames]
            if t > frames:
                total -= energies[t - frames - 1]
            if t >= 0:
                count = (min(t + frames, time - 1) - max(t - frames, 0) + 1) * counts[b]
                out[b, t, 0] = (total + PRIOR_ENERGY) / count


def _level_formula(a: Arithmetic, power: Array) -> LocalLevel:
    index = a.level_index(power)
    octaves = index / LEVELS_PER_OCTAVE
    return LocalLevel(a.level_value(index), octaves, octaves - _MIDDLE_OCTAVE)


def _level_compiled(power: np.ndarray) -> LocalLevel:
    value, octaves, feature = (np.empty(power.shape) for _ in range(3))
    flat = np.ascontiguousarray(power).reshape(-1)
    _levels(flat, THRESHOLDS, LEVELS, value.reshape(-1), octaves.reshape(-1), feature.reshape(-1))
    return LocalLevel(value, octaves, feature)


@compiled_loop
def _levels(
    power: np.ndarray,
    thresholds: np.ndarray,
    levels: np.ndarray,
    value: np.ndarray,
    octaves: np.ndarray,
    feature: np.ndarray,
) -> None:
    for i in range(power.size):
        index, step = 0, LAST_LEVEL >> 1  # LAST_LEVEL is a power of two
        while step > 0:
            index += step if thresholds[index + step - 1] <= power[i] else 0
            step >>= 1
        index += 1 if thresholds[index] <= power[i] else 0
        value[i] = levels[index]
        octaves[i] = index / LEVELS_PER_OCTAVE
        feature[i] = octaves[i] - _MIDDLE_OCTAVE


FULL_SCALE = 32768.0


LEVEL_FRAMES = 4
"""Frames on each side over which level-equivariant nets measure the level."""


@dataclass(frozen=True)
class NormalisedInput:
    """A net's input on its grid, and the scale s by which its outputs are multiplied, in 16-bit steps."""

    x: Array
    scale: Array
    octaves: Array


def normalise_full_scale(a: Arithmetic, x: Array) -> NormalisedInput:
    """Return samples on [-1, 1), the original's normalisation."""
    return NormalisedInput(a.grid(x / FULL_SCALE, 15, 1.0), FULL_SCALE, 15.0)


def normalise_by_level(a: Arithmetic, x: Array) -> NormalisedInput:
    """Return samples divided by their local level, with the level itself as an additional channel."""
    level = local_level(a, x, LEVEL_FRAMES)
    scaled = a.grid(x / level.value, ACTIVATION_BITS, ACTIVATION_LIMIT)
    return NormalisedInput(a.concat([scaled, level.feature], -1), level.value, level.octaves)
