"""Lattices: channels whose values are multiples of a step, because they had fewer bits or were amplified.

A channel whose samples are all ⌊(step · n + offset) / divisor⌋ for integers n is coded as n. This removes low bits that
are always zero, constant offsets, and factors such as 2.7 applied without dither. Samples clipped afterwards lie at one
of two limits. If the factor has few digits, some products end in ½, and programs round them differently: see
:data:`DOWN`, :data:`EVEN` and :data:`DOUBLE`. Programs that truncate make a lattice whose negative half mirrors the
positive one.

Only the encoder searches for lattices. It uses floats for that, and checks the result in integers.

    >>> samples = np.clip(np.rint(2.7 * np.arange(-250, 250)), -501, 501).astype(np.int32)
    >>> lattice, numbers = find_lattice(samples)
    >>> lattice
    Lattice(step=27, offset=0, divisor=10, mirrored=False, rounding=2, limits=(-501, 501))
    >>> numbers[[0, 200, -1]]
    array([-186,  -50,  186], dtype=int32)
    >>> np.array_equal(lattice.values(numbers), samples)
    True
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

DOWN, EVEN, DOUBLE = range(3)
"""Rounding modes. DOWN: ⌊(step · n + offset) / divisor⌋. EVEN: the same, but ties go to the even integer (a division
without remainder is a tie, since the offset includes ½). DOUBLE: n times the double nearest to step / divisor, rounded
to a double and then to the nearest integer, ties to even."""
LARGEST = 1 << 62
"""Exclusive limit for products."""
_FINEST = 1 << 36
"""Divisor of a step that is not a simple fraction."""
_SIMPLEST = 1000
"""Largest denominator of a simple fraction."""
_FEWEST = 48
"""Fewest values to fit a step to."""
_SMALLEST_STEP = 1.02
"""Smallest step; smaller ones save less than 0.03 bits per sample."""
_SLACK = 1e-6
_ITERATIONS = 50
_HALF = 1 << 15
_WIDEST = 1 << 24
"""Fractional steps are searched only for values below this; otherwise products would not fit in 64 bits."""
_NARROW = 1 << 16
"""Value ranges below this use a lookup table."""


@dataclass(frozen=True)
class Lattice:
    """Equidistant values, rounded to integers.

    Attributes:
        step: numerator of the distance, 1 … 2^56 − 1.
        offset: numerator of the offset, −2^55 … 2^55 − 1.
        divisor: common denominator, 1 … 2^56 − 1.
        mirrored: whether the value of −n is the negated value of n.
        rounding: DOWN, EVEN or DOUBLE.
        limits: lowest and highest value if values are clipped, else None.
    """

    step: int = 1
    offset: int = 0
    divisor: int = 1
    mirrored: bool = False
    rounding: int = DOWN
    limits: tuple[int, int] | None = None

    @property
    def is_trivial(self) -> bool:
        """Whether every number equals its value."""
        return self == Lattice()

    def same_step(self, other: Lattice) -> bool:
        """Return whether both lattices have the same distance between values."""
        return self.step * other.divisor == other.step * self.divisor

    def values(self, numbers: np.ndarray) -> np.ndarray:
        """Return the values of int64 or int32 ``numbers``, int64 of the same shape.

        Raises:
            ValueError: products do not fit in 64 bits.
        """
        if self.is_trivial:
            return numbers.astype(np.int64)
        largest = max(abs(int(numbers.min(initial=0))), abs(int(numbers.max(initial=0))))
        if self.step * largest + abs(self.offset) >= LARGEST:
            raise ValueError("a lattice whose values are too large")
        found = numbers.astype(np.int64)
        sizes = np.abs(found) if self.mirrored else found
        if self.rounding == DOUBLE:
            values = np.rint(sizes * (self.step / self.divisor)).astype(np.int64)
        else:
            values, rest = np.divmod(self.step * sizes + self.offset, self.divisor)
            if self.rounding == EVEN:
                values -= (values & 1) * (rest == 0)
        if self.mirrored:
            values = np.where(found < 0, -values, values)
        return values if self.limits is None else np.clip(values, *self.limits)


def find_lattice(channel: np.ndarray) -> tuple[Lattice, np.ndarray]:
    """Find a coarse lattice that contains all samples. Returns it and the samples' numbers, int32 (n,).

    Args:
        channel: int32 (n,), n at least 1.
    """
    lowest, highest = int(channel.min()), int(channel.max())
    if lowest == highest:
        # a constant that fits in 16 bits is its own number
        return (Lattice(), channel) if -_HALF <= lowest < _HALF else (Lattice(offset=lowest), np.zeros_like(channel))
    narrow = highest - lowest < _NARROW
    used = np.flatnonzero(np.bincount(channel - lowest)) + lowest if narrow else _distinct(channel)
    for lattice in _candidates(used):
        numbers = _numbers(lattice, used)
        if np.array_equal(lattice.values(numbers), used):
            if not narrow:
                return lattice, numbers[np.searchsorted(used, channel)].astype(np.int32)
            table = np.zeros(highest - lowest + 1, np.int32)
            table[used - lowest] = numbers
            return lattice, table[channel - lowest]
    return Lattice(), channel


def _distinct(values: np.ndarray) -> np.ndarray:
    """Return the distinct values in ascending order, int64. (Several times faster here than ``np.unique``.)"""
    ordered = np.sort(values).astype(np.int64)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])]


def _candidates(used: np.ndarray) -> Iterator[Lattice]:
    """Yield lattices that may contain these ascending values, coarse ones first, and unlimited before limited ones."""
    inner = used[1:-1] if len(used) > 4 else used
    limits = (int(used[0]), int(used[-1]))
    for values, ends in ((used, None), (inner, limits)):
        step = int(np.gcd.reduce(np.diff(values)))
        if step > 1:
            yield Lattice(step, int(values[0]) % step, limits=ends)
            return
    if max(-int(used[0]), int(used[-1])) >= _WIDEST:
        return
    for mirrored in (False, True):
        values = _distinct(np.abs(inner)) if mirrored else inner
        for step, offset, divisor in _fitted(values, 0 if mirrored else len(values) // 2):
            for ends in (None, limits):
                yield Lattice(step, offset, divisor, mirrored, DOWN, ends)
                yield Lattice(step, offset, divisor, mirrored, EVEN, ends)
                yield Lattice(step, 0, divisor, mirrored, DOUBLE, ends)


def _numbers(lattice: Lattice, used: np.ndarray) -> np.ndarray:
    """Return the numbers of the ascending values ``used``, int64 (values,), to be verified by the caller."""
    sizes = np.abs(used) if lattice.mirrored else used
    if lattice.rounding == DOUBLE:
        numbers = np.rint(sizes * (lattice.divisor / lattice.step)).astype(np.int64)
    else:
        numbers = -((lattice.offset - sizes * lattice.divisor) // lattice.step)
    if lattice.mirrored:
        numbers = np.where(used < 0, -numbers, numbers)
    # a clipped value may belong to a number beyond the limits
    numbers[0] -= lattice.values(numbers[:1])[0] > used[0]
    numbers[-1] += lattice.values(numbers[-1:])[0] < used[-1]
    return numbers


def _fitted(values: np.ndarray, centre: int) -> Iterator[tuple[int, int, int]]:
    """Yield step, offset and divisor of lattices that may contain these ascending int64 values.

    Values around index ``centre`` are dense: they have consecutive numbers, so their numbers are known.
    """
    gaps = np.diff(values)
    least = int(gaps[max(centre - _FEWEST, 0) : centre + _FEWEST].min(initial=_NARROW))
    strange = (gaps < least) | (gaps > least + 1)
    end = centre + int(np.argmax(np.append(strange[centre:], True)))
    start = centre - int(np.argmax(np.append(strange[:centre][::-1], True)))
    while end - start >= _FEWEST and not np.all(gaps[start:end] == 1):
        found = _line(values, start, end)
        if found is not None:
            yield from _as_integers(values, *found)
            return
        start, end = centre - (centre - start) // 2, centre + (end - centre) // 2


def _line(values: np.ndarray, start: int, end: int) -> tuple[np.ndarray, float] | None:
    """Return the numbers of all values, and the step of the line through them; None if there is no such line.

    The values from ``start`` to ``end`` have consecutive numbers. They give an approximate step, which gives the
    numbers of values farther away, which in turn refine the step.
    """
    v = (values - values[start]).astype(np.float64)
    n, known = np.zeros(len(v)), np.zeros(len(v), bool)
    n[start : end + 1], known[start : end + 1] = np.arange(end + 1 - start), True
    while True:
        span = n[known][-1] - n[known][0]
        slope, reach = (v[known][-1] - v[known][0]) / span, 2 / span
        step = _best_step(n[known], v[known], slope - reach, slope + reach)
        if step < _SMALLEST_STEP or _room(n[known], v[known], step) < -_SLACK:
            return None
        if known.all():
            return n.astype(np.int64), step
        ends = [_last_step(n[known], v[known], step, step + sign * reach) for sign in (-1, 1)]
        low, high = (np.rint((v + 0.5 - _offset(n[known], v[known], a)) / a) for a in ends)
        more = (low == high) & ~known
        if not more.any():
            return None
        n[more] = low[more]
        known |= more


def _room(n: np.ndarray, v: np.ndarray, step: float) -> float:
    """Return the length of the interval of b for which ⌊step · n + b⌋ = v; negative if there is no such b."""
    rest = v - step * n
    return float(1 + rest.min() - rest.max())


def _offset(n: np.ndarray, v: np.ndarray, step: float) -> float:
    rest = v - step * n
    return float(rest.min() + 1 + rest.max()) / 2


def _best_step(n: np.ndarray, v: np.ndarray, low: float, high: float) -> float:
    """Return the step in [``low``, ``high``] with the most room, a concave function of the step."""
    for _ in range(_ITERATIONS):
        third = (high - low) / 3
        if _room(n, v, low + third) < _room(n, v, high - third):
            low += third
        else:
            high -= third
    return (low + high) / 2


def _last_step(n: np.ndarray, v: np.ndarray, good: float, bad: float) -> float:
    """Return the last step on the way from ``good`` to ``bad`` that has room."""
    for _ in range(_ITERATIONS):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if _room(n, v, middle) >= -_SLACK else (good, middle)
    return good


def _as_integers(v: np.ndarray, n: np.ndarray, step: float) -> Iterator[tuple[int, int, int]]:
    """Yield integers (step, offset, divisor) near ``step`` with ⌊(step · n + offset) / divisor⌋ = v (v + 1 at ties)."""
    exact = Fraction(step)
    for fraction in (exact.limit_denominator(_SIMPLEST), Fraction(round(exact * _FINEST), _FINEST)):
        times, divisor = 2 * fraction.numerator, 2 * fraction.denominator
        rest = v * divisor - times * n
        low, high = int(rest.max()), int(rest.min()) + divisor - 1
        if low <= high + 1:
            offset = (low + high + 1) // 2 % times
            common = math.gcd(times, offset, divisor)
            yield times // common, offset // common, divisor // common
