"""Channel permutations. They are drawn once, stored with the model, and never drawn again."""

from __future__ import annotations

import numpy as np

from idf.arithmetic import Arithmetic, Array, Parameters
from idf.config.schema import PERMUTATIONS


def draw_permutation(kind: str, channels: int, seed: int, step: int) -> np.ndarray:
    """The order of the channels for flow step ``step``: int32 (channels,).

    ``rotate`` moves by a quarter of the channels (at least one), the part a coupling's net sees by
    default, so that every channel is shifted in its turn. ``bit_reversal`` sorts the channels by their numbers
    read backwards in base 2, once at the first step: what leaves first are the odd channels, then every second
    of those that remain, and so on, so that the last one to remain halves its rate at every octave.
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
    raise ValueError(f"unknown permutation {kind!r}; known are {', '.join(PERMUTATIONS)}")


class Permutation:
    """``z[..., i] = x[..., order[i]]``.

    Args:
        order: int (channels,), each of 0 … channels - 1 once.
    """

    def __init__(self, order: np.ndarray) -> None:
        if sorted(order.tolist()) != list(range(len(order))):
            raise ValueError(f"not a permutation: {order.tolist()}")
        self.order = order
        self.back = np.argsort(order)

    def forward(self, a: Arithmetic, p: Parameters, x: Array) -> Array:
        return a.take_channels(x, self.order)

    def inverse(self, a: Arithmetic, p: Parameters, z: Array) -> Array:
        return a.take_channels(z, self.back)
