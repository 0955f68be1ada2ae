"""The alphabet of a run of samples: the values that occur, and the interval that each of them gets.

If few of the 65,536 values occur (in recordings decoded from G.711, amplified without dither, or clipped), a mixture of
logistics would spend most of its mass on values that never occur. So each value of the alphabet gets the mass from
half-way to its lower neighbour to half-way to its upper one. The outermost values get the tails.

    >>> alphabet = Alphabet(np.array([-100, 0, 40], np.int32))
    >>> alphabet.edges[1:3] / 256  # half-way between values
    array([-50.,  20.])
    >>> alphabet.ranks[np.array([-100, -51, 0, 19, 20, 32767]) + HALF]
    array([0, 0, 1, 1, 2, 2], dtype=int32)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from idf.coding.kernels import HALF, MEAN_BITS, RING


@dataclass(frozen=True, eq=False)
class Alphabet:
    """Values that may occur.

    Attributes:
        values: int32 (m,), ascending, -32768 … 32767, at least one.
    """

    values: np.ndarray

    @property
    def is_full(self) -> bool:
        """Whether all 16-bit values are included."""
        return len(self.values) == RING

    @cached_property
    def edges(self) -> np.ndarray:
        """Lower edge of each value's interval in 1/256 of a step, int32 (65,537,). Entry 0 and those from m on are 0."""
        edges = np.zeros(RING + 1, np.int32)
        edges[1 : len(self.values)] = (self.values[:-1] + self.values[1:]) << (MEAN_BITS - 1)
        return edges

    @cached_property
    def ranks(self) -> np.ndarray:
        """Index of the value whose interval holds k - 32,768, for each k, int32 (65,536,)."""
        if self.is_full:
            return np.arange(RING, dtype=np.int32)
        # between neighbours u and v the upper one begins at ⌈(u + v) / 2⌉
        begins = -(-(self.values[:-1] + self.values[1:]) // 2) + HALF
        ranks: np.ndarray = np.cumsum(np.bincount(begins, minlength=RING)).astype(np.int32)
        return ranks


@cache
def full() -> Alphabet:
    """Return the alphabet of all 16-bit values."""
    return Alphabet(np.arange(-HALF, HALF, dtype=np.int32))
