"""The composition of a window flow: squeeze, flow steps, factor-outs and the rest.

::

    x (batch, N) ── squeeze ──► h (batch, N/G, G)
                                │ k steps of (permutation, coupling)
                                ├──► z_1  leaves (m channels), its prior sees what remains
                                │ k steps
                                ├──► z_2
                                ⋮
                                └──► last m channels: the base prior, or (m = 1) another hierarchy

Decoding runs from the bottom up: the remaining channels are known before the block that left above them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from idf.arithmetic import Arithmetic, Array, Parameters, Specs
from idf.flows.permutation import Permutation
from idf.flows.squeeze import squeeze, unsqueeze
from idf.priors.mixture import Mixture
from idf.priors.passes import PriorPass


class FlowStep(Protocol):
    """An invertible map of integers (batch, time, channels)."""

    def forward(self, a: Arithmetic, p: Parameters, x: Array) -> Array: ...

    def inverse(self, a: Arithmetic, p: Parameters, z: Array) -> Array: ...


class BlockPrior(Protocol):
    """The distribution of each factored block given the remaining channels."""

    specs: Specs

    def begin(self, a: Arithmetic, p: Parameters) -> PriorPass: ...


class BasePrior(Protocol):
    """The distribution of the last block, which is decoded first."""

    specs: Specs

    def mixture(self, a: Arithmetic, p: Parameters, latents_like: Array, log_scale: Array) -> Mixture: ...


@dataclass(frozen=True)
class Block:
    """Latents that leave together, and their distribution.

    Attributes:
        name: ``z1`` … in the order of leaving; ``scale2/z3`` in an inner hierarchy; ``base``.
        latents: (batch, time, channels), integers.
        mixture: fields (batch, time, channels, components).
    """

    name: str
    latents: Array
    mixture: Mixture


Pop = Callable[[Mixture], Array]
"""Returns the latents (batch, time, channels) that are coded with a mixture."""


class Base:
    """The last block, which ends every chain of hierarchies."""

    multiple = 1
    names = ("base",)

    def __init__(self, prior: BasePrior, channels: int) -> None:
        self.prior, self.channels, self.specs = prior, channels, prior.specs

    def forward(self, a: Arithmetic, p: Parameters, h: Array, log_scale: Array) -> Iterator[Block]:
        yield Block("base", h, self.prior.mixture(a, p, h, log_scale))

    def inverse(self, a: Arithmetic, p: Parameters, pop: Pop, like: Array, log_scale: Array) -> Array:
        return pop(self.prior.mixture(a, p, like, log_scale))


class Hierarchy:
    """Squeezes into ``channels``, runs the steps, and factors out ``factored`` channels at a time.

    Args:
        steps: the steps before each factor-out, and last those before the base:
            ``channels / factored`` lists in total.
        rest: codes the remaining channels: a :class:`Base`, or, if one channel remains, a hierarchy that
            squeezes it again.
    """

    def __init__(
        self,
        channels: int,
        factored: int,
        steps: Sequence[Sequence[FlowStep]],
        prior: BlockPrior,
        rest: Base | Hierarchy,
    ) -> None:
        self.channels, self.factored, self.steps, self.prior, self.rest = channels, factored, steps, prior, rest
        self.specs: Specs = {**prior.specs, **rest.specs}
        for level in steps:
            for step in level:
                self.specs |= getattr(step, "specs", {})

    @property
    def multiple(self) -> int:
        """The number of samples of which window lengths are multiples."""
        return self.channels * self.rest.multiple

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the blocks in the order of leaving."""
        inner = (name if name == "base" else f"rest/{name}" for name in self.rest.names)
        return (*(f"z{block + 1}" for block in range(len(self.steps) - 1)), *inner)

    @property
    def moves_samples(self) -> bool:
        """Whether latents differ from samples, here or in an inner hierarchy."""
        return any(self.steps) or (isinstance(self.rest, Hierarchy) and self.rest.moves_samples)

    def forward(self, a: Arithmetic, p: Parameters, x: Array, log_scale: Array) -> Iterator[Block]:
        """Yield the blocks in the order of leaving.

        Args:
            x: (batch, N), N a multiple of ``multiple``; integers in [-32768, 32767].
            log_scale: the sharpness (:class:`idf.priors.ScheduledBase`).
        """
        factored, h = self.factor(a, p, x)
        prior = self.prior.begin(a, p)
        mixtures: dict[int, Mixture] = {}
        # in the order of decoding, because a prior may learn from decoded blocks
        for block, (remaining, leaving) in reversed(list(enumerate(factored))):
            mixtures[block] = prior.mixture(block, remaining)
            prior.decoded(block, leaving)
        for block, (_, leaving) in enumerate(factored):
            yield Block(self.names[block], leaving, mixtures.pop(block))
        yield from self.rest_blocks(a, p, h, log_scale)

    def factor(self, a: Arithmetic, p: Parameters, x: Array) -> tuple[list[tuple[Array, Array]], Array]:
        """Run the flow without its priors.

        Args:
            x: (batch, N).

        Returns:
            A list with the remaining channels (batch, time, channels) and the leaving channels
            (batch, time, factored) of each factor-out, and the channels of the base.
        """
        h = squeeze(a, x, self.channels)
        factored = []
        for level in self.steps[:-1]:
            for step in level:
                h = step.forward(a, p, h)
            h, leaving = h[..., : -self.factored], h[..., -self.factored :]
            factored.append((h, leaving))
        for step in self.steps[-1]:
            h = step.forward(a, p, h)
        return factored, h

    def channel_orders(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the squeezed channels that remain after each factor-out, and those that leave, ignoring couplings.

        Both are in the order in which the prior sees them.
        """
        channels = np.arange(self.channels)
        orders = []
        for level in self.steps[:-1]:
            for step in level:
                if isinstance(step, Permutation):
                    channels = channels[step.order]
            channels, leaving = channels[: -self.factored], channels[-self.factored :]
            orders.append((channels, leaving))
        return orders

    def rest_blocks(self, a: Arithmetic, p: Parameters, h: Array, log_scale: Array) -> Iterator[Block]:
        """Yield the blocks of the remaining channels ``h`` (batch, time, factored)."""
        if isinstance(self.rest, Base):
            yield from self.rest.forward(a, p, h, log_scale)
        else:
            for block in self.rest.forward(a, p, unsqueeze(a, h), log_scale):
                yield block if block.name == "base" else Block(f"rest/{block.name}", block.latents, block.mixture)

    def latents(self, a: Arithmetic, p: Parameters, x: Array) -> Iterator[Array]:
        """Yield the latents of :meth:`forward` without their distributions, which take most of its time."""
        factored, h = self.factor(a, p, x)
        for _, leaving in factored:
            yield leaving
        if isinstance(self.rest, Base):
            yield h
        else:
            yield from self.rest.latents(a, p, unsqueeze(a, h))

    def split(self, a: Arithmetic, x: Array) -> Iterator[Array]:
        """Yield the parts of ``x`` (batch, N) after squeeze and factor-out alone, in the order of the blocks.

        If the flow leaves samples in place, these are the samples that each block codes.
        """
        h = squeeze(a, x, self.channels)
        for _ in self.steps[:-1]:
            yield h[..., -self.factored :]
            h = h[..., : -self.factored]
        if isinstance(self.rest, Base):
            yield h
        else:
            yield from self.rest.split(a, unsqueeze(a, h))

    def inverse(self, a: Arithmetic, p: Parameters, pop: Pop, like: Array, log_scale: Array) -> Array:
        """Undo :meth:`forward`; ``pop`` returns each block's latents, last block first.

        Args:
            like: any array of the windows' shape (batch, N).

        Returns:
            The windows (batch, N).
        """
        shape = squeeze(a, like, self.channels)
        if isinstance(self.rest, Base):
            h = self.rest.inverse(a, p, pop, shape[..., : self.factored], log_scale)
        else:
            inner = self.rest.inverse(a, p, pop, unsqueeze(a, shape[..., :1]), log_scale)
            h = squeeze(a, inner, 1)
        for step in reversed(self.steps[-1]):
            h = step.inverse(a, p, h)
        prior = self.prior.begin(a, p)
        for block in reversed(range(len(self.steps) - 1)):
            latents = pop(prior.mixture(block, h))
            prior.decoded(block, latents)
            h = a.concat([h, latents], -1)
            for step in reversed(self.steps[block]):
                h = step.inverse(a, p, h)
        return unsqueeze(a, h)
