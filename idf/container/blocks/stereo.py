"""Decorrelation of two channels by integer lifting steps, exactly invertible for all values.

A step adds a number computed from one channel to the other, modulo 2^16, so values never leave 16 bits. The best step
is estimated from simple residuals in integer arithmetic, so that every machine writes the same file.

    >>> left, right = np.array([100, 32767], np.int32), np.array([98, -32768], np.int32)
    >>> middle, side = forward(left, right, Step(MID_SIDE))
    >>> middle, side
    (array([   99, 32767], dtype=int32), array([ 2, -1], dtype=int32))
    >>> inverse(middle, side, Step(MID_SIDE))
    (array([  100, 32767], dtype=int32), array([    98, -32768], dtype=int32))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from idf.container.blocks import bitpacking

NONE, SECOND_FROM_FIRST, FIRST_FROM_SECOND, MID_SIDE = range(4)
"""Modes of a step."""
PREDICTING = (SECOND_FROM_FIRST, FIRST_FROM_SECOND)
"""Modes with a coefficient."""

COEFFICIENT_BITS = 4
"""Fractional bits of a coefficient, which is in sixteenths: -8 ... +7.9."""


@dataclass(frozen=True)
class Step:
    """A lifting step: a mode and its coefficient in sixteenths (-128 ... 127; 0 if the mode has none)."""

    mode: int
    coefficient: int = 0


def forward(first: np.ndarray, second: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Apply a step to two channels, int32 (n,) with 16-bit values each. Returns two such channels."""
    if step.mode == SECOND_FROM_FIRST:
        return first, _wrapped(second - _scaled(first, step))
    if step.mode == FIRST_FROM_SECOND:
        return _wrapped(first - _scaled(second, step)), second
    if step.mode == MID_SIDE:
        side = _wrapped(first - second)
        return _wrapped(second + (side >> 1)), side
    return first, second


def inverse(first: np.ndarray, second: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Invert :func:`forward`."""
    return _inverse(first, second, step, _wrapped)


def clipped_inverse(first: np.ndarray, second: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Invert :func:`forward` for approximate channels, clipping instead of wrapping.

    Near full scale, wrapping a small error would cause a click.
    """
    return _inverse(first, second, step, lambda x: np.clip(x, -32768, 32767))


def _inverse(
    first: np.ndarray, second: np.ndarray, step: Step, fit: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Invert :func:`forward`, bringing sums into 16 bits with ``fit``."""
    if step.mode == SECOND_FROM_FIRST:
        return first, fit(second + _scaled(first, step))
    if step.mode == FIRST_FROM_SECOND:
        return fit(first + _scaled(second, step)), second
    if step.mode == MID_SIDE:
        right = fit(first - (second >> 1))
        return fit(second + right), right
    return first, second


def choose(first: np.ndarray, second: np.ndarray, *, apart: int | None = None) -> Step:
    """Return the step that should leave the fewest bits; ``NONE`` unless another is clearly better.

    Args:
        first, second: channels, int32 (n,) with 16-bit values.
        apart: cost of the pair without a step, if it is not the :func:`cost` of these arrays.
    """
    costs = {step: cost(*forward(first, second, step)) for step in _candidates(first, second)}
    best = min(costs, key=lambda step: costs[step])
    return best if 32 * costs[best] < 31 * (cost(first, second) if apart is None else apart) else Step(NONE)


def cost(first: np.ndarray, second: np.ndarray) -> int:
    """Return a cost that orders pairs by the bits they take: the product of both channels' residuals."""
    return _residual(first) * _residual(second)


def _wrapped(x: np.ndarray) -> np.ndarray:
    """Wrap into [-32768, 32767], modulo 2^16."""
    return bitpacking.signed(x, 16)


def _scaled(x: np.ndarray, step: Step) -> np.ndarray:
    return (x * step.coefficient + (1 << (COEFFICIENT_BITS - 1))) >> COEFFICIENT_BITS


def _candidates(first: np.ndarray, second: np.ndarray) -> Iterator[Step]:
    """Yield the steps to try, ``NONE`` excluded."""
    yield Step(MID_SIDE)
    one = 1 << COEFFICIENT_BITS
    # fitted to the residuals of a simple predictor, which resemble what the model codes
    a, b = (_second_difference(x) for x in (first, second))
    cross = int(a @ b)
    for mode, power in ((SECOND_FROM_FIRST, int(a @ a)), (FIRST_FROM_SECOND, int(b @ b))):
        yield Step(mode, one)
        if power:
            fitted = (2 * one * cross + power) // (2 * power)
            if -128 <= fitted <= 127 and fitted not in (0, one):
                yield Step(mode, fitted)


def _second_difference(x: np.ndarray) -> np.ndarray:
    wide: np.ndarray = x.astype(np.int64)
    return wide[2:] - 2 * wide[1:-1] + wide[:-2]


def _residual(x: np.ndarray) -> int:
    """Return the smallest sum of magnitudes among the differences of order 0 to 3."""
    best = None
    for _ in range(4):
        total = int(np.abs(x).sum(dtype=np.int64)) + len(x)
        best = total if best is None else min(best, total)
        if len(x) < 2:
            break
        x = np.diff(x)
    assert best is not None
    return best
