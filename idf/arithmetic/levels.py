"""The table of levels, 2**(k / 8) for k = 0 … 128, computed with integers only.

A level is the quantised RMS of known samples in 16-bit steps, with eight levels per octave (0.75 dB each).
"""

from __future__ import annotations

from math import isqrt

import numpy as np

LEVELS_PER_OCTAVE = 8
LAST_LEVEL = 128


def _power_of_two(numerator: int, denominator_log2: int, fraction_bits: int) -> int:
    """Return floor(2**(numerator / 2**denominator_log2) · 2**fraction_bits) by repeated integer square roots."""
    guard = 64
    value = 1 << (numerator + (guard + fraction_bits) * (1 << denominator_log2))
    for _ in range(denominator_log2):
        value = isqrt(value)
    return value >> guard


def _rounded(value: int, fraction_bits: int, significant: int) -> float:
    """Return value · 2**-fraction_bits, truncated to ``significant`` bits, as an exact float."""
    excess = max(value.bit_length() - significant, 0)
    return float(value >> excess << excess) * 2.0**-fraction_bits


LEVELS = np.array([_rounded(_power_of_two(k, 3, 40), 40, 24) for k in range(LAST_LEVEL + 1)])
"""float64 (129,): 2**(k / 8), truncated to 24 significant bits."""

THRESHOLDS = np.array([_rounded(_power_of_two(k, 2, 40), 40, 50) for k in range(1, LAST_LEVEL + 1)])
"""float64 (128,): the smallest mean power of level k, 2**(k / 4), for k = 1 … 128."""
