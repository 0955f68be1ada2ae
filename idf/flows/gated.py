"""Small integer couplings: a linear prediction, gated linear experts and a residual net, each from zero.

::

    update    x_b ← wrap16(x_b + round(net(x_a)))    x_a: the last channel, which leaves next; x_b: those that stay
    predict   the same                               x_a: those that stay; x_b: the last channel
    split     the same                               x_a: the first channels, a fraction; x_b: the others

``update`` is the second half of a lifting step (W. Sweldens, *The lifting scheme*, 1998): the leaving channel
takes out of the others what they could not carry at their lower rate. Shifts follow the local level of x_a, so
the flow is equivariant to loudness. The nets of all couplings lie in one stack: few arrays, whatever the flow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from idf.arithmetic import (
    ACTIVATION_BITS,
    ACTIVATION_LIMIT,
    FINE_BITS,
    Arithmetic,
    Array,
    Parameters,
    Specs,
    normal,
    zeros,
)
from idf.nets.level import box_sum, level_of
from idf.nets.patches import patches

EXPERTS = 4
"""Linear experts of each shifted channel."""
_OFFSET_SCALE = 0.3
_BASIS_BITS, _BASIS_LIMIT = 4, 2.0**22
_GATE_LIMIT = 16.0


@dataclass(frozen=True)
class Split:
    """Which of its channels a coupling sees and which it shifts: the first ones and the others, or the reverse.

    Attributes:
        channels: of its input.
        seen: how many it sees.
        sees_last: whether it sees the last ones, and not the first.
    """

    channels: int
    seen: int
    sees_last: bool

    @property
    def shifted(self) -> int:
        """How many channels it shifts."""
        return self.channels - self.seen

    def parts(self, x: Array) -> tuple[Array, Array]:
        """What is seen and what is shifted."""
        if self.sees_last:
            return x[..., self.shifted :], x[..., : self.shifted]
        return x[..., : self.seen], x[..., self.seen :]

    def whole(self, a: Arithmetic, seen: Array, shifted: Array) -> Array:
        """Undo :meth:`parts`."""
        return a.concat([shifted, seen] if self.sees_last else [seen, shifted], -1)


def split_of(kind: str, channels: int, fraction: float) -> Split:
    """The split of a coupling of some kind.

    Args:
        fraction: of the channels that ``split`` sees; one at least.
    """
    if kind == "update":
        return Split(channels, 1, sees_last=True)
    if kind == "predict":
        return Split(channels, channels - 1, sees_last=False)
    seen = min(max(1, round(channels * fraction)), channels - 1)
    return Split(channels, seen, sees_last=False)


class GatedCouplings:
    """The couplings of a flow, one for each of ``splits``.

    Parameter axes: (coupling, ...); the kernels that read samples are (coupling, 2 · context + 1, seen, outputs),
    of which a coupling uses as many channels as it sees and shifts.

    Args:
        context_frames: frames seen on each side.
        hidden: units of the net's two layers.
    """

    def __init__(self, name: str, splits: Sequence[Split], *, hidden: int, context_frames: int) -> None:
        self.name, self.splits, self.hidden, self.context_frames = name, splits, hidden, context_frames
        count, taps = len(splits), 2 * context_frames + 1
        self.seen = max((split.seen for split in splits), default=1)
        self.shifted = max((split.shifted for split in splits), default=1)
        inputs = taps * self.seen
        self.specs: Specs = {
            f"{name}/linear": zeros((count, taps, self.seen, self.shifted), bits=FINE_BITS),
            f"{name}/experts": normal(
                (count, taps, self.seen, self.shifted * EXPERTS), 0.3 / math.sqrt(inputs), bits=FINE_BITS
            ),
            f"{name}/first/kernel": normal((count, taps, self.seen, hidden), 1 / math.sqrt(inputs)),
            f"{name}/first/bias": zeros((count, hidden)),
            f"{name}/inner/kernel": normal((count, hidden, hidden), 1 / math.sqrt(hidden)),
            f"{name}/inner/bias": zeros((count, hidden)),
            f"{name}/gates": zeros((count, hidden, self.shifted * EXPERTS)),
            f"{name}/last": zeros((count, hidden, self.shifted)),
        }

    def step(self, number: int) -> GatedCoupling:
        """The coupling of that number as a flow step."""
        return GatedCoupling(self, number)

    def shift(self, a: Arithmetic, p: Parameters, number: int, seen: Array) -> Array:
        """What is added to the shifted channels: integers (batch, time, shifted)."""
        split = self.splits[number]
        batch, time = a.shape(seen)[:2]
        taps, outputs = 2 * self.context_frames + 1, split.shifted

        def reads(name: str, outputs: int) -> Array:
            return p[f"{self.name}/{name}"][number, :, : split.seen, :outputs]

        kernel = a.concat(
            [reads("first/kernel", self.hidden), reads("linear", outputs), reads("experts", outputs * EXPERTS)], -1
        )
        kernel = a.reshape(kernel, (taps * split.seen, self.hidden + outputs * (1 + EXPERTS)))
        around = a.reshape(patches(a, seen, self.context_frames), (batch * time, taps * split.seen))
        read = a.matmul(around, kernel)
        first, linear = read[:, : self.hidden], read[:, self.hidden : self.hidden + outputs]
        basis = a.grid(read[:, self.hidden + outputs :], _BASIS_BITS, _BASIS_LIMIT)

        energy = a.sum(seen * seen, -1)[..., None]
        count = seen[..., :1] * 0.0 + float(split.seen)
        level = level_of(
            a,
            a.reshape(box_sum(a, energy, self.context_frames), (batch * time, 1)),
            a.reshape(box_sum(a, count, self.context_frames), (batch * time, 1)),
        )

        def of(name: str) -> Array:
            return p[f"{self.name}/{name}"][number]

        h = a.unit(first / level.value + of("first/bias"))
        inner = a.unit(a.matmul(h, of("inner/kernel")) + of("inner/bias"))
        h = a.grid(h + inner, ACTIVATION_BITS, ACTIVATION_LIMIT)
        gates = a.grid(a.matmul(h, of("gates")[:, : outputs * EXPERTS]), ACTIVATION_BITS, _GATE_LIMIT)
        gated = a.sum(a.reshape(basis * gates, (batch * time, outputs, EXPERTS)), -1)
        offset = a.matmul(h, of("last")[:, :outputs]) * level.value * _OFFSET_SCALE
        return a.reshape(a.grid(linear + gated + offset, 0, 65536.0), (batch, time, outputs))


@dataclass(frozen=True)
class GatedCoupling:
    """One of them: integers (batch, time, channels) to integers of the same shape."""

    couplings: GatedCouplings
    number: int

    @property
    def specs(self) -> Specs:
        """Of all of them."""
        return self.couplings.specs

    def forward(self, a: Arithmetic, p: Parameters, x: Array) -> Array:
        split = self.couplings.splits[self.number]
        seen, shifted = split.parts(x)
        return split.whole(a, seen, a.wrap16(shifted + self.couplings.shift(a, p, self.number, seen)))

    def inverse(self, a: Arithmetic, p: Parameters, z: Array) -> Array:
        split = self.couplings.splits[self.number]
        seen, shifted = split.parts(z)
        return split.whole(a, seen, a.wrap16(shifted - self.couplings.shift(a, p, self.number, seen)))
