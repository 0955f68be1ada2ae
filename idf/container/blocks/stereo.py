"""Two channels made less alike: integer lifting steps that are undone exactly, whatever the values.

Values live on the ring of 2^16 integers, so a step never leaves 16 bits: a number computed from one
channel is added to the other and wrapped. Which step is best is estimated from simple residuals; the
estimate uses integers only, so that every machine writes the same file.

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
"""Modes of a pair of channels."""
PREDICTING = (SECOND_FROM_FIRST, FIRST_FROM_SECOND)
"""Those that have a coefficient."""

COEFFICIENT_BITS = 4
"""Coefficients count sixteenths: -8 ... +7.9."""


@dataclass(frozen=True)
class Step:
    """What is done to a pair: a mode, and its coefficient in sixteenths (-128 ... 127; 0 where it has none)."""

    mode: int
    coefficient: int = 0


def forward(first: np.ndarray, second: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Apply a step to two channels, int32 (n,) with 16-bit values each."""
    if step.mode == SECOND_FROM_FIRST:
        return first, _wrapped(second - _scaled(first, step))
    if step.mode == FIRST_FROM_SECOND:
        return _wrapped(first - _scaled(second, step)), second
    if step.mode == MID_SIDE:
        side = _wrapped(first - second)
        return _wrapped(second + (side >> 1)), side
    return first, second


def inverse(first: np.ndarray, second: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Undo :func:`forward`."""
    return _inverse(first, second, step, _wrapped)


def clipped_inverse(first: np.ndarray, second: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """:func:`inverse` for channels that are only nearly what :func:`forward` made.

    Near full scale, what is a little off would be wrapped to the other end: a click.
    """
    return _inverse(first, second, step, lambda x: np.clip(x, -32768, 32767))


def _inverse(
    first: np.ndarray, second: np.ndarray, step: Step, fit: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`inverse`, with sums brought back into 16 bits by ``fit``."""
    if step.mode == SECOND_FROM_FIRST:
        return first, fit(second + _scaled(first, step))
    if step.mode == FIRST_FROM_SECOND:
        return fit(first + _scaled(second, step)), second
    if step.mode == MID_SIDE:
        right = fit(first - (second >> 1))
        return fit(second + right), right
    return first, second


def choose(first: np.ndarray, second: np.ndarray, *, apart: int | None = None) -> Step:
    """The step that should leave least to code; none, unless another is clearly better.

    Args:
        apart: what the pair costs when it is left alone, if that is not the :func:`cost` of these arrays.
    """
    costs = {step: cost(*forward(first, second, step)) for step in _candidates(first, second)}
    best = min(costs, key=lambda step: costs[step])
    return best if 32 * costs[best] < 31 * (cost(first, second) if apart is None else apart) else Step(NONE)


def cost(first: np.ndarray, second: np.ndarray) -> int:
    """Grows as the sum of both channels' bits does: the product of their mean residuals."""
    return _residual(first) * _residual(second)


def _wrapped(x: np.ndarray) -> np.ndarray:
    """Into [-32768, 32767], modulo 2^16."""
    return bitpacking.signed(x, 16)


def _scaled(x: np.ndarray, step: Step) -> np.ndarray:
    return (x * step.coefficient + (1 << (COEFFICIENT_BITS - 1))) >> COEFFICIENT_BITS


def _candidates(first: np.ndarray, second: np.ndarray) -> Iterator[Step]:
    """Steps worth trying; leaving the pair alone is none of them."""
    yield Step(MID_SIDE)
    one = 1 << COEFFICIENT_BITS
    # Fitted where the model will fit: on what a simple predictor leaves.
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
    """Sum of magnitudes that the best of the simplest predictors (differences of order 0 to 3) leaves."""
    best = None
    for _ in range(4):
        total = int(np.abs(x).sum(dtype=np.int64)) + len(x)
        best = total if best is None else min(best, total)
        if len(x) < 2:
            break
        x = np.diff(x)
    assert best is not None
    return best
