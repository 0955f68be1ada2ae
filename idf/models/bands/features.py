"""What a band's network sees besides the adaptive flow's inputs: its place in the window, and the bands below.

The signal that the lower bands add up to is known whole before a band is coded, its future too. Where it is
busy at its upper end, the band above is likely to be loud. Integers and single IEEE operations only, so that
every machine finds the same.
"""

from __future__ import annotations

import numpy as np

_HALF_LIVES = (4, 24)
"""Samples over which what the start of a window costs fades."""
_REACHES = (1, 4, 16)
"""Samples on each side that the magnitudes of the lower signal are averaged over."""
_LOUDNESS_REACHES = (4, 32)
PLACE_FEATURES = 1 + len(_HALF_LIVES)
LOWER_FEATURES = len(_REACHES) + len(_LOUDNESS_REACHES)
FEATURES = PLACE_FEATURES + LOWER_FEATURES
_LONGEST = 1 << 14


def place_features(first: int, count: int) -> np.ndarray:
    """Of ``count`` samples of which the first is number ``first`` since predictors began: float32 (count, PLACE_FEATURES)."""
    t = np.minimum(np.arange(first, first + count), _LONGEST).astype(np.float32)
    found = np.empty((count, PLACE_FEATURES), np.float32)
    found[:, 0] = log2(t + np.float32(1)) * np.float32(0.25)
    for column, half_life in enumerate(_HALF_LIVES, 1):
        found[:, column] = np.float32(half_life) / (t + np.float32(half_life))
    return found


def lower_features(low: np.ndarray, count: int) -> np.ndarray:
    """Of a band of ``count`` samples over the signal ``low``, int32 (batch, n): float32 (batch, count, LOWER_FEATURES).

    ``low`` has as many samples as the band, or one more.
    """
    busy, size = busyness(low), np.abs(low.astype(np.int64))
    means = [_mean(busy, reach) for reach in _REACHES] + [_mean(size, reach) for reach in _LOUDNESS_REACHES]
    found = np.stack([log2(np.float32(1) + mean) for mean in means], -1)[:, :count]
    return found * np.float32(0.25)


def busyness(low: np.ndarray) -> np.ndarray:
    """Magnitudes of second differences, which are largest where the upper end of the spectrum is: int64 (batch, n)."""
    x = np.concatenate([low[:, :1], low, low[:, -1:]], axis=1).astype(np.int64)
    return np.abs(np.diff(x, 2, axis=1))


def log2(x: np.ndarray) -> np.ndarray:
    """Base-2 logarithm of float32 numbers from 1 on, linear between powers of two; exact on every machine."""
    bits = np.ascontiguousarray(x, np.float32).view(np.int32) - np.int32(127 << 23)
    return bits.astype(np.float32) * np.float32(2.0**-23)


def _mean(x: np.ndarray, reach: int) -> np.ndarray:
    """Mean over up to ``reach`` neighbours on each side: float32 (batch, n) of int64."""
    count = x.shape[1]
    sums = np.zeros((len(x), count + 1), np.int64)
    np.cumsum(x, axis=1, out=sums[:, 1:])
    place = np.arange(count)
    first, last = np.maximum(place - reach, 0), np.minimum(place + reach + 1, count)
    # sums stay below 2^53 and the quotient is one operation
    mean: np.ndarray = ((sums[:, last] - sums[:, first]) / (last - first)).astype(np.float32)
    return mean
