"""The local level: the loudness of the known samples around a position, quantised to eight steps per octave.

Dividing a net's inputs by the level and multiplying its shifts and scales by it makes the flow
equivariant to loudness, which helped in every trial. Levels are found by comparing the mean power
with a table, so decoders do not depend on a logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

from idf.arithmetic import ACTIVATION_BITS, ACTIVATION_LIMIT, Arithmetic, Array
from idf.arithmetic.levels import LEVELS_PER_OCTAVE

PRIOR_ENERGY = 2000.0
"""Energy (squared 16-bit steps) added to that of the known samples, which avoids division by zero in silence."""
_MIDDLE_OCTAVE = 8.0


@dataclass(frozen=True)
class LocalLevel:
    """Levels of some positions.

    Attributes:
        value: the level in 16-bit steps, at least 1.
        octaves: its base-2 logarithm.
        feature: ``octaves`` centred near the level of speech, as an input for nets.
    """

    value: Array
    octaves: Array
    feature: Array


def level_of(a: Arithmetic, energy: Array, count: Array) -> LocalLevel:
    """The level of positions around which ``count`` (>= 1) samples with total ``energy`` are known."""
    index = a.level_index((energy + PRIOR_ENERGY) / count)
    octaves = index / LEVELS_PER_OCTAVE
    return LocalLevel(a.level_value(index), octaves, octaves - _MIDDLE_OCTAVE)


def local_level(a: Arithmetic, x: Array, frames: int) -> LocalLevel:
    """The level at each frame of ``x`` (batch, time, channels) over ``frames`` frames on each side: (batch, time, 1)."""
    energy = a.sum(x * x, -1)[..., None]
    known = x[:, :, :1] * 0.0 + float(x.shape[-1])
    return level_of(a, a.box_sum(energy, frames), a.box_sum(known, frames))


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
