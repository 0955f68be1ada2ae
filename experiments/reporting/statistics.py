"""Statistics over seeds: bootstrap intervals and exact tests, for few values of unknown distribution.

Sources: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), ch. 13 (percentile interval);
Wilson, JASA 22 (1927) (interval of a rate); Agarwal et al., *Deep RL at the Edge of the Statistical
Precipice* (2021) (interquartile mean over runs); Fisher's sign-flip test for pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 10_000
"""Bootstrap samples. With this many, an interval's ends vary by about 1 % of its width between draws."""

EXACT_PAIRS = 14
"""Up to this many pairs the test uses all 2^n signs (16,384), beyond it RESAMPLES random ones."""

_Z = 1.959963984540054
"""Two-sided quantile of the normal distribution for CONFIDENCE."""


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Statistics over seeds.

    Args:
        count: number of values.
        mean, interquartile_mean: None without values.
        deviation: sample standard deviation; None for fewer than two values.
        interval: of the mean; None for fewer than two values.
        best, worst: smallest and largest value, since fewer bits are better; None without values.
    """

    count: int
    mean: float | None
    deviation: float | None
    interval: Interval | None
    interquartile_mean: float | None
    best: float | None
    worst: float | None


@dataclass(frozen=True)
class Paired:
    """Two settings over the same seeds: the second minus the first.

    Args:
        seeds: common seeds, ascending.
        difference: mean difference; negative if the second is better; None without common seeds.
        interval: of the mean difference; None for fewer than two pairs.
        wins: number of seeds for which the second is better.
        p_value: two-sided, of the sign-flip test, at least 2^(1-n) for n pairs; None without common seeds.
    """

    seeds: tuple[int, ...]
    difference: float | None
    interval: Interval | None
    wins: int
    p_value: float | None


def summarise(values: Sequence[float]) -> Summary:
    """Return statistics of finite values, one per seed."""
    if not values:
        return Summary(0, None, None, None, None, None, None)
    array = np.asarray(values, dtype=np.float64)
    return Summary(
        count=len(values),
        mean=float(array.mean()),
        deviation=float(array.std(ddof=1)) if len(values) > 1 else None,
        interval=bootstrap_interval(values),
        interquartile_mean=interquartile_mean(values),
        best=float(array.min()),
        worst=float(array.max()),
    )


def bootstrap_interval(values: Sequence[float], resamples: int = RESAMPLES) -> Interval | None:
    """Return the percentile bootstrap interval of the mean, or None for fewer than two values.

    The result is deterministic. With fewer than about five values the interval is too narrow, because resampling
    cannot represent the tails.
    """
    if len(values) < 2:
        return None
    array = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(0).integers(0, len(array), (resamples, len(array)))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(array[drawn].mean(axis=1), [tail, 100 - tail])
    return Interval(float(low), float(high))


def interquartile_mean(values: Sequence[float]) -> float:
    """Return the mean of the middle half of at least one value; values at the quartiles count in part."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    edges = np.linspace(0.0, 1.0, len(ordered) + 1)
    weights = np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25)
    weights = np.maximum(weights, 0.0)
    return float((weights * ordered).sum() / weights.sum())


def rate_interval(hits: int, count: int) -> Interval | None:
    """Return Wilson's interval of a rate, which is informative even for 0 hits; None without trials."""
    if not count:
        return None
    rate = hits / count
    centre = rate + _Z**2 / (2 * count)
    reach = _Z * math.sqrt(rate * (1 - rate) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return Interval(max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale))


def compare_paired(first: Mapping[int, float], second: Mapping[int, float]) -> Paired:
    """Compare two settings over their common seeds.

    Args:
        first, second: value by seed.
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    differences = [second[seed] - first[seed] for seed in seeds]
    return Paired(
        seeds=seeds,
        difference=float(np.mean(differences)) if differences else None,
        interval=bootstrap_interval(differences),
        wins=sum(difference < 0 for difference in differences),
        p_value=sign_flip_p(differences) if differences else None,
    )


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the mean under random signs of the differences."""
    array = np.asarray(differences, dtype=np.float64)
    count = len(array)
    if count <= EXACT_PAIRS:
        signs = 1.0 - 2.0 * ((np.arange(1 << count)[:, None] >> np.arange(count)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (RESAMPLES, count))
        signs[0] = 1.0  # the observed signs are one of the possible outcomes
    means = np.abs(signs @ array)
    # Tolerance: sums of the same numbers in another order differ in the last bits.
    return float(np.mean(means >= abs(array.sum()) * (1 - 1e-12)))


def steps_to(curve: Sequence[tuple[int, float]], target: float) -> int | None:
    """Return the first step at which ``curve`` (step, bits/sample) is at or below ``target``; None if it never is."""
    return next((step for step, value in curve if value <= target), None)
