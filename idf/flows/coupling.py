"""Integer additive coupling (Hoogeboom et al. 2019, eq. 8): ``x_b ← wrap16(x_b + round(s · net(x_a / s)))``.

The net sees the first channels (x_a) and shifts the others (x_b). Wrapping modulo 2^16 keeps every
latent inside 16 bits, so that any input whatever stays codable.
"""

from __future__ import annotations

from dataclasses import dataclass

from idf.arithmetic import ACTIVATION_BITS, ACTIVATION_LIMIT, Arithmetic, Array, Parameters
from idf.nets import WaveNet, local_level

FULL_SCALE = 32768.0
LEVEL_FRAMES = 4
"""Frames on each side over which a level-equivariant net measures the level."""


@dataclass(frozen=True)
class NormalisedInput:
    """A net's input on its grid and the scale s that its outputs are multiplied by, in 16-bit steps."""

    x: Array
    scale: Array
    octaves: Array


def normalise_full_scale(a: Arithmetic, x: Array) -> NormalisedInput:
    """The original's: samples on [-1, 1)."""
    return NormalisedInput(a.grid(x / FULL_SCALE, 15, 1.0), FULL_SCALE, 15.0)


def normalise_by_level(a: Arithmetic, x: Array) -> NormalisedInput:
    """Samples divided by their local level, with the level itself as one more channel."""
    level = local_level(a, x, LEVEL_FRAMES)
    scaled = a.grid(x / level.value, ACTIVATION_BITS, ACTIVATION_LIMIT)
    return NormalisedInput(a.concat([scaled, level.feature], -1), level.value, level.octaves)


class AdditiveCoupling:
    """Shifts ``channels - seen`` channels by what a WaveNet makes of the first ``seen``.

    Args:
        level_equivariant: which of the two normalisations above the net gets.
        offset: 16-bit steps added to every shift; not 0 only to show what the original's wrap does to training.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        seen: int,
        *,
        level_equivariant: bool,
        layers: int,
        hidden: int,
        kernel: int,
        offset: int = 0,
    ) -> None:
        self.seen = seen
        self.offset = float(offset)
        self.normalise = normalise_by_level if level_equivariant else normalise_full_scale
        inputs = seen + (1 if level_equivariant else 0)
        self.net = WaveNet(name, inputs, channels - seen, layers=layers, channels=hidden, kernel=kernel)
        self.specs = self.net.specs

    def forward(self, a: Arithmetic, p: Parameters, x: Array) -> Array:
        seen = x[..., : self.seen]
        return a.concat([seen, a.wrap16(x[..., self.seen :] + self._shift(a, p, seen))], -1)

    def inverse(self, a: Arithmetic, p: Parameters, z: Array) -> Array:
        seen = z[..., : self.seen]
        return a.concat([seen, a.wrap16(z[..., self.seen :] - self._shift(a, p, seen))], -1)

    def _shift(self, a: Arithmetic, p: Parameters, seen: Array) -> Array:
        normalised = self.normalise(a, seen)
        return a.grid(self.net(a, p, normalised.x) * normalised.scale, 0, 65536.0) + self.offset
