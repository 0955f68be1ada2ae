"""A pass of a prior over the blocks of windows, in the order of decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from idf.arithmetic import Arithmetic, Array, Parameters
from idf.priors.mixture import Mixture


class PriorPass(Protocol):
    """Gives the distribution of each block and then receives its latents, last block first."""

    def mixture(self, block: int, remaining: Array) -> Mixture:
        """Return the distribution of factored block ``block`` given ``remaining`` (batch, time, channels)."""

    def decoded(self, block: int, latents: Array) -> None:
        """Record the block's latents, (batch, time, factored)."""


class _Memoryless(Protocol):
    def mixture(self, a: Arithmetic, p: Parameters, block: int, remaining: Array) -> Mixture: ...


@dataclass(frozen=True)
class MemorylessPass:
    """The pass of a prior that depends only on the remaining channels."""

    prior: _Memoryless
    arithmetic: Arithmetic
    parameters: Parameters

    def mixture(self, block: int, remaining: Array) -> Mixture:
        return self.prior.mixture(self.arithmetic, self.parameters, block, remaining)

    def decoded(self, block: int, latents: Array) -> None:
        pass
