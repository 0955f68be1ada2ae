"""The original's hierarchical prior: a WaveNet on the remaining channels gives each factored block's mixture."""

from __future__ import annotations

import math

import numpy as np

from idf.arithmetic import FINE_BITS, Arithmetic, Array, Parameters, Specs, zeros
from idf.nets import WaveNet
from idf.nets.level import normalise_by_level, normalise_full_scale
from idf.priors.mixture import Mixture, mixture_on_grid
from idf.priors.passes import MemorylessPass

_START_OCTAVES = -7.0
"""Initial scales are full scale times 2^-7, that is, 256 16-bit steps."""
_SKIP_FRAMES = 2


class WaveNetPrior:
    """One net for each factored block.

    Args:
        factored: number m of channels in each block.
        remaining: number of remaining channels when each block leaves (the net's input).
        linear_skip: add to the means a trained linear prediction from the remaining channels, ±2 frames.
    """

    def __init__(
        self,
        name: str,
        factored: int,
        remaining: list[int],
        *,
        components: int,
        level_equivariant: bool,
        linear_skip: bool,
        layers: int,
        hidden: int,
        kernel: int,
    ) -> None:
        self.factored, self.components, self.linear_skip = factored, components, linear_skip
        self.name = name
        self.level_equivariant = level_equivariant
        self.normalise = normalise_by_level if level_equivariant else normalise_full_scale
        spread = np.linspace(-1.5, 1.5, components) / math.log(2.0) if components > 1 else np.zeros(1)
        bias = np.zeros((factored, 3, components))
        bias[:, 2] = spread + (_START_OCTAVES if not level_equivariant else -2.0)
        self.nets = [
            WaveNet(
                f"{name}/{block}",
                inputs + (1 if level_equivariant else 0),
                factored * 3 * components,
                layers=layers,
                channels=hidden,
                kernel=kernel,
                output_bias=bias.reshape(-1),
            )
            for block, inputs in enumerate(remaining)
        ]
        self.specs: Specs = {}
        for net in self.nets:
            self.specs |= net.specs
        if linear_skip:
            for block, inputs in enumerate(remaining):
                self.specs[f"{name}/{block}/linear"] = zeros((2 * _SKIP_FRAMES + 1, inputs, factored), bits=FINE_BITS)

    def begin(self, a: Arithmetic, p: Parameters) -> MemorylessPass:
        """Return a pass over the blocks of windows."""
        return MemorylessPass(self, a, p)

    def mixture(self, a: Arithmetic, p: Parameters, block: int, remaining: Array) -> Mixture:
        """Return the mixture of factored block ``block``.

        The result is (batch, time, factored, components), from (batch, time, remaining).
        """
        batch, time = a.shape(remaining)[:2]
        normalised = self.normalise(a, remaining)
        out = a.grid(self.nets[block](a, p, normalised.x), 20, 64.0)
        out = a.reshape(out, (batch, time, self.factored, 3 * self.components))
        scale, octaves = normalised.scale, normalised.octaves
        if self.level_equivariant:
            scale, octaves = scale[..., None], octaves[..., None]
        m = self.components
        means = out[..., m : 2 * m] * scale
        if self.linear_skip:
            means = means + self._linear(a, p, block, remaining)[..., None]
        return mixture_on_grid(a, out[..., :m], means, out[..., 2 * m :] + octaves)

    def _linear(self, a: Arithmetic, p: Parameters, block: int, remaining: Array) -> Array:
        kernel = p[f"{self.name}/{block}/linear"]
        time = a.shape(remaining)[1]
        padded = a.pad_time(remaining, _SKIP_FRAMES, _SKIP_FRAMES)
        total: Array = 0.0
        for tap in range(2 * _SKIP_FRAMES + 1):
            total = total + a.matmul(padded[:, tap : tap + time], kernel[tap])
        return total
