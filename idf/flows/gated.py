"""Small integer couplings: a linear prediction, gated linear experts and a residual net, all starting at zero.

::

    update    x_b ← wrap16(x_b + round(net(x_a)))    x_a: the last channel, which leaves next; x_b: those that stay
    predict   the same                               x_a: those that stay; x_b: the last channel
    split     the same                               x_a: the first channels, a fraction; x_b: the others

``update`` is the second half of a lifting step (W. Sweldens, *The lifting scheme*, 1998): the leaving channel removes
from the others the frequencies that they cannot represent at their lower rate. Shifts scale with the local level of
x_a, so the flow is equivariant to loudness. The nets of all couplings are stacked by number and by the channels'
places in the squeezed frame, so training compiles a single step and loops over the couplings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idf.arithmetic import FINE_BITS, Arithmetic, Array, Parameters, Specs, normal, zeros
from idf.arithmetic.steps import grid_of
from idf.compiled import compiled_loop
from idf.nets.gates import OFFSET_SCALE, basis_of, basis_on_grid, gate_of, gates_on_grid
from idf.nets.layers import first_layer, residual_layer
from idf.nets.level import LocalLevel, level_of, power_around
from idf.nets.patches import patches

EXPERTS = 4
"""Linear experts per shifted channel."""
_SHIFT_LIMIT = 65536.0


@dataclass(frozen=True)
class Split:
    """The channels that a coupling sees and those that it shifts.

    Attributes:
        seen, shifted: int (n,), places in the squeezed frame, in the order of the coupling's input.
        sees_last: whether the seen channels are the last of its input instead of the first.
    """

    seen: np.ndarray
    shifted: np.ndarray
    sees_last: bool

    def parts(self, x: Array) -> tuple[Array, Array]:
        """Return the seen and the shifted channels of the coupling's input (batch, time, channels)."""
        if self.sees_last:
            return x[..., len(self.shifted) :], x[..., : len(self.shifted)]
        return x[..., : len(self.seen)], x[..., len(self.seen) :]

    def whole(self, a: Arithmetic, seen: Array, shifted: Array) -> Array:
        """Undo :meth:`parts`."""
        return a.concat([shifted, seen] if self.sees_last else [seen, shifted], -1)


def split_of(kind: str, places: np.ndarray, fraction: float) -> Split:
    """Return the split of a coupling.

    Args:
        kind: ``update``, ``predict`` or ``split``.
        places: int (channels,), places of its channels in the squeezed frame.
        fraction: fraction of the channels that ``split`` sees, at least one and not all.
    """
    if kind == "update":
        return Split(places[-1:], places[:-1], sees_last=True)
    seen = len(places) - 1 if kind == "predict" else min(max(1, round(len(places) * fraction)), len(places) - 1)
    return Split(places[:seen], places[seen:], sees_last=False)


class GatedCouplings:
    """The couplings of a flow, one for each of ``splits``.

    Parameter axes are (coupling, ...). Kernels that read samples are (coupling, 2 · context + 1, seen, outputs);
    outputs that shift are (…, channels) or (…, channels · EXPERTS). A coupling uses only the inputs of the channels
    that it sees and the outputs of those that it shifts.

    Args:
        channels: number of channels in the squeezed frame.
        context_frames: frames of context on each side.
        hidden: units in each of the net's two layers.
    """

    def __init__(self, name: str, channels: int, splits: Sequence[Split], *, hidden: int, context_frames: int) -> None:
        self.name, self.channels, self.splits = name, channels, splits
        self.hidden, self.context_frames = hidden, context_frames
        count, taps = len(splits), 2 * context_frames + 1
        self.seen = max(len(split.seen) for split in splits)
        inputs, experts = taps * self.seen, channels * EXPERTS
        self.specs: Specs = {
            f"{name}/linear": zeros((count, taps, self.seen, channels), bits=FINE_BITS),
            f"{name}/experts": normal((count, taps, self.seen, experts), 0.3 / math.sqrt(inputs), bits=FINE_BITS),
            f"{name}/first/kernel": normal((count, taps, self.seen, hidden), 1 / math.sqrt(inputs)),
            f"{name}/first/bias": zeros((count, hidden)),
            f"{name}/inner/kernel": normal((count, hidden, hidden), 1 / math.sqrt(hidden)),
            f"{name}/inner/bias": zeros((count, hidden)),
            f"{name}/gates": zeros((count, hidden, experts)),
            f"{name}/last": zeros((count, hidden, channels)),
        }

    def step(self, number: int) -> GatedCoupling:
        """Return coupling ``number`` as a flow step."""
        return GatedCoupling(self, number)

    def trace(self, a: Arithmetic, p: Parameters, h: Array) -> Array:
        """Return the frames after each coupling: (couplings, batch, time, channels) from (batch, time, channels).

        This equals the steps of permutation and coupling in turn, except that every channel keeps its place.
        """
        count = len(self.splits)
        index, known, moved = (
            np.zeros((count, self.seen), np.int32),
            np.zeros((count, self.seen)),
            np.zeros((count, self.channels)),
        )
        for number, split in enumerate(self.splits):
            index[number, : len(split.seen)] = split.seen
            known[number, : len(split.seen)] = 1.0
            moved[number, split.shifted] = 1.0
        parameters = {name: p[name] for name in self.specs}
        places = {"index": index, "known": a.constant(known), "moved": a.constant(moved)}

        def step(h: Array, here: Parameters) -> Array:
            seen = a.take_channels(h, here["index"]) * here["known"]
            count = a.sum(here["known"], 0)
            return a.wrap16(h + self._shift(a, here, seen, count) * here["moved"])

        return a.scan(step, h, parameters | places)

    def shift(self, a: Arithmetic, p: Parameters, number: int, seen: Array) -> Array:
        """Return what coupling ``number`` adds to the channels it shifts: integers (batch, time, shifted)."""
        split, here = self.splits[number], {}
        for name in self.specs:
            value = p[name][number]
            match name.removeprefix(f"{self.name}/"):
                case "linear":
                    value = value[:, : len(split.seen), split.shifted]
                case "experts":
                    value = value[:, : len(split.seen), self._experts_of(split)]
                case "first/kernel":
                    value = value[:, : len(split.seen)]
                case "gates":
                    value = value[:, self._experts_of(split)]
                case "last":
                    value = value[:, split.shifted]
            here[name] = value
        return self._shift(a, here, seen, float(len(split.seen)))

    @staticmethod
    def _experts_of(split: Split) -> np.ndarray:
        return (split.shifted[:, None] * EXPERTS + np.arange(EXPERTS)).reshape(-1)

    def _shift(self, a: Arithmetic, here: Parameters, seen: Array, count: Array) -> Array:
        """Return the shifts of a coupling, given its own parameters.

        Args:
            count: number of channels in ``seen``; the others are padding.
        """

        def of(name: str) -> Array:
            return here[f"{self.name}/{name}"]

        batch, time, _ = a.shape(seen)
        kernel = a.concat([of("first/kernel"), of("linear"), of("experts")], -1)
        taps, channels, columns = a.shape(kernel)
        around = a.reshape(patches(a, seen, self.context_frames), (batch * time, taps * channels))
        read = a.matmul(around, a.reshape(kernel, (taps * channels, columns)))
        outputs = (columns - self.hidden) // (1 + EXPERTS)
        level = level_of(a, a.reshape(power_around(a, seen, self.context_frames, count), (batch * time, 1)))
        h = first_layer(a, read, level, of("first/bias"))
        h = residual_layer(a, h, of("inner/kernel"), of("inner/bias"))
        gates, offsets = a.matmul(h, of("gates")), a.matmul(h, of("last"))
        shifts = a.fused(_shifts_formula, _shifts_compiled, read, gates, offsets, level)
        return a.reshape(shifts, (batch, time, outputs))


def _shifts_formula(a: Arithmetic, read: Array, gates: Array, offsets: Array, level: LocalLevel) -> Array:
    """Return the shifts (positions, outputs).

    Args:
        read: (positions, any); the linear predictions and the experts come last.
        gates: (positions, outputs · EXPERTS).
        offsets: (positions, outputs), relative to the level.
    """
    outputs, experts = offsets.shape[-1], gates.shape[-1]
    linear = read[:, -outputs - experts : -experts]
    weighted = basis_on_grid(a, read[:, -experts:]) * gates_on_grid(a, gates)
    gated = a.sum(a.reshape(weighted, (-1, outputs, EXPERTS)), -1)
    return a.grid(linear + gated + offsets * level.value * OFFSET_SCALE, 0, _SHIFT_LIMIT)


def _shifts_compiled(read: np.ndarray, gates: np.ndarray, offsets: np.ndarray, level: LocalLevel) -> np.ndarray:
    out = np.empty(offsets.shape)
    _shifts(read, gates, offsets, level.value, out)
    return out


@compiled_loop
def _shifts(read: np.ndarray, gates: np.ndarray, offsets: np.ndarray, value: np.ndarray, out: np.ndarray) -> None:
    """Set ``out`` and overwrite ``gates``."""
    positions, outputs = out.shape
    experts = gates.shape[1]
    linear = read.shape[1] - experts - outputs
    for i in range(positions):
        own, weighted = read[i, linear:], gates[i]
        basis = own[outputs:]
        for j in range(experts):
            weighted[j] = basis_of(basis[j]) * gate_of(weighted[j])
        for j in range(outputs):
            gated = 0.0
            for k in range(EXPERTS):
                gated += weighted[j * EXPERTS + k]
            shift = own[j] + gated + offsets[i, j] * value[i, 0] * OFFSET_SCALE
            out[i, j] = grid_of(shift, 1.0, 1.0, _SHIFT_LIMIT)


@dataclass(frozen=True)
class GatedCoupling:
    """One of :class:`GatedCouplings`: maps integers (batch, time, channels) to integers of the same shape."""

    couplings: GatedCouplings
    number: int

    @property
    def specs(self) -> Specs:
        """The parameters of all couplings."""
        return self.couplings.specs

    def forward(self, a: Arithmetic, p: Parameters, x: Array) -> Array:
        split = self.couplings.splits[self.number]
        seen, shifted = split.parts(x)
        return split.whole(a, seen, a.wrap16(shifted + self.couplings.shift(a, p, self.number, seen)))

    def inverse(self, a: Arithmetic, p: Parameters, z: Array) -> Array:
        split = self.couplings.splits[self.number]
        seen, shifted = split.parts(z)
        return split.whole(a, seen, a.wrap16(shifted - self.couplings.shift(a, p, self.number, seen)))
