"""Channel permutations. They are drawn once, stored with the model, and never drawn again."""

from __future__ import annotations

import numpy as np

from idf.arithmetic import Arithmetic, Array, Parameters
from idf.config.schema import PERMUTATIONS


def draw_permutation(kind: str, channels: int, seed: int, step: int) -> np.ndarray:
    """Return the order of the channels at flow step ``step``: int32 (channels,).

    ``rotate`` moves by a quarter of the channels (at least one), the part that a coupling's net sees by default, so
    every channel is shifted in turn. ``bit_reversal`` sorts the channels once, at the first step, by their numbers
    with reversed binary digits. The odd channels then leave first, followed by every second of the rest, and so on,
    so the rate of the remaining channels halves with every octave.
    """
    natural = np.arange(channels, dtype=np.int32)
    if kind == "random":
        return np.random.default_rng((seed, step)).permutation(natural)
    if kind == "reverse":
        return natural[::-1].copy()
    if kind == "rotate":
        return np.roll(natural, -max(channels // 4, 1))
    if kind == "identity":
        return natural
    if kind == "bit_reversal":
        digits = (channels - 1).bit_length()
        return np.argsort([int(f"{i:0{digits}b}"[::-1], 2) for i in natural]).astype(np.int32) if step == 0 else natural
    raise ValueError(f"unknown permutation {kind!r}; choose one of {', '.join(PERMUTATIONS)}")


class Permutation:
    """The flow step ``z[..., i] = x[..., order[i]]``.

    Args:
        order: int (channels,), a permutation of 0 … channels - 1.

    Raises:
        ValueError: ``order`` is not a permutation.
    """

    def __init__(self, order: np.ndarray) -> None:
        if sorted(order.tolist()) != list(range(len(order))):
            raise ValueError(f"not a permutation: {order.tolist()}")
        self.order = order
        self.back = np.argsort(order)
        self._moves = bool((order[1:] < order[:-1]).any())

    def forward(self, a: Arithmetic, p: Parameters, x: Array) -> Array:
        return a.take_channels(x, self.order) if self._moves else x

    def inverse(self, a: Arithmetic, p: Parameters, z: Array) -> Array:
        return a.take_channels(z, self.back) if self._moves else z
