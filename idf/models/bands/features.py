"""Inputs of a band's network besides those of the adaptive flow: the place in the window, and the bands below.

The signal composed of the lower bands is completely known, including its future, before a band is coded. Where its
highest frequencies are strong, the band above is likely to be loud. Only integers and single IEEE operations are used,
so every machine computes the same.
"""

from __future__ import annotations

import numpy as np

_HALF_LIVES = (4, 24)
"""Half-lives in samples of features that mark the start of a window."""
_REACHES = (1, 4, 16)
"""Samples on each side over which the magnitudes of the lower signal are averaged."""
_LOUDNESS_REACHES = (4, 32)
PLACE_FEATURES = 1 + len(_HALF_LIVES)
LOWER_FEATURES = len(_REACHES) + len(_LOUDNESS_REACHES)
FEATURES = PLACE_FEATURES + LOWER_FEATURES
_LONGEST = 1 << 14


def place_features(first: int, count: int) -> np.ndarray:
    """Return the place features of ``count`` samples: float32 (count, PLACE_FEATURES).

    Args:
        first: number of the first sample since predictors were reset.
    """
    t = np.minimum(np.arange(first, first + count), _LONGEST).astype(np.float32)
    found = np.empty((count, PLACE_FEATURES), np.float32)
    found[:, 0] = log2(t + np.float32(1)) * np.float32(0.25)
    for column, half_life in enumerate(_HALF_LIVES, 1):
        found[:, column] = np.float32(half_life) / (t + np.float32(half_life))
    return found


def lower_features(low: np.ndarray, count: int) -> np.ndarray:
    """Return the features of a band that come from the lower signal: float32 (batch, count, LOWER_FEATURES).

    Args:
        low: the lower signal, int32 (batch, n), with n = count or count + 1.
        count: samples in the band.
    """
    busy, size = busyness(low), np.abs(low.astype(np.int64))
    means = [_mean(busy, reach) for reach in _REACHES] + [_mean(size, reach) for reach in _LOUDNESS_REACHES]
    found = np.stack([log2(np.float32(1) + mean) for mean in means], -1)[:, :count]
    return found * np.float32(0.25)


def busyness(low: np.ndarray) -> np.ndarray:
    """Return the magnitudes of second differences, which measure the highest frequencies: int64 (batch, n)."""
    x = np.concatenate([low[:, :1], low, low[:, -1:]], axis=1).astype(np.int64)
    return np.abs(np.diff(x, 2, axis=1))


def log2(x: np.ndarray) -> np.ndarray:
    """Return the base-2 logarithm of float32 numbers >= 1, linear between powers of two, equal on every machine."""
    bits = np.ascontiguousarray(x, np.float32).view(np.int32) - np.int32(127 << 23)
    return bits.astype(np.float32) * np.float32(2.0**-23)


def _mean(x: np.ndarray, reach: int) -> np.ndarray:
    """Return the mean over up to ``reach`` neighbours on each side: float32 (batch, n) from int64."""
    count = x.shape[1]
    sums = np.zeros((len(x), count + 1), np.int64)
    np.cumsum(x, axis=1, out=sums[:, 1:])
    place = np.arange(count)
    first, last = np.maximum(place - reach, 0), np.minimum(place + reach + 1, count)
    # sums stay below 2^53 and the quotient is one operation
    mean: np.ndarray = ((sums[:, last] - sums[:, first]) / (last - first)).astype(np.float32)
    return mean
