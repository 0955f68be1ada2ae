"""Least squares on the past samples of a channel, or of both channels of a pair, by normal equations with forgetting.

Let s be the interleaved samples of the channels, newest first, and h_t the samples known before sample t. The
equations C w = r have C = Σ λ^(t−u) h_u h_uᵀ, most of which equals the C of the previous sample shifted by one. It is
therefore enough to maintain, for each of the last ``order`` samples and each channel, the row

    R_t = λ R_(t−1) + s_t · (s_t, s_(t−1), …),

a few vectors per sample instead of a matrix. C is assembled from these rows when the equations are solved. This
happens at fixed intervals, by elimination (Golub & Van Loan, "Matrix Computations", section 4.1: LDLᵀ), for both
channels of a pair together. When the second channel is predicted, the current sample of the first is known; it is an
additional unknown that is eliminated last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.compiled import compiled_step
from idf.models.turbo.vectors import DOUBLES, WIDE, eliminate, fade_into, product, scaled

SLACK = 512
"""Samples that a history can add before it is moved back to the end of its memory."""
_RIDGE = 1e-7
"""Ridge on the diagonal of C, relative to the mean of the diagonal."""
_LEAST_RIDGE = 1.0
"""Constant part of the ridge, in squared sample steps."""
_SILENT = 1e-30
"""After long silence, rows with a smaller sum of squares are set to 0, because further decay would give subnormal
numbers, which are slow on some processors."""
_WEIGHT_LIMIT = 1e6


class Regression(NamedTuple):
    """The regressions of all groups (channels or pairs). Offsets are relative to the start of a group in ``numbers``."""

    order: int
    """Past samples of each channel, a multiple of 8."""
    width: int
    """Length of a row, rounded up to whole vectors."""
    every: int
    """Samples between two solutions."""
    forgetting: float
    """Forgetting factor per sample."""
    history: int
    """Offset of the samples, newest first, which start at a moving place."""
    history_size: int
    """Numbers in the history."""
    rows: int
    """Offset of the rows R of the last order + 1 samples, a ring with a row per channel for each sample."""
    weights: int
    """Offset of the weights, one per channel and input."""
    upper: int
    """Offset of the matrix of the elimination."""
    unit: int
    """Offset of the same matrix with each row divided by its pivot."""
    stride: int
    """Columns of both matrices."""
    expected: int
    """Offset of two numbers: the prediction of the first channel from the past, and the share of its error that is added
    to the prediction of the second."""
    size: int
    """Numbers in a group."""
    numbers: Array
    """float64 (groups · size,)."""
    places: Array
    """int64 (groups · 3,): place of the newest sample, place of the newest row in the ring, and number of samples since
    the last solution."""


def first_regression(groups: int, channels: int, order: int, every: int, forgetting: float) -> Regression:
    """Return the regressions before the first sample, which predict 0.

    Args:
        channels: of the largest group.
    """
    inputs = channels * order
    width, stride = _padded(inputs + channels), _padded(inputs + channels) + WIDE
    matrix = inputs * stride
    parts = (width + channels * SLACK, (order + 1) * channels * width, channels * inputs, matrix, matrix, 2)
    history, rows, weights, upper, unit, expected, size = (sum(parts[:i]) for i in range(len(parts) + 1))
    return Regression(
        order=order,
        width=width,
        every=every,
        forgetting=forgetting,
        history=history,
        history_size=parts[0],
        rows=rows,
        weights=weights,
        upper=upper,
        unit=unit,
        stride=stride,
        expected=expected,
        size=size,
        numbers=np.zeros(groups * size),
        places=np.tile(np.array([channels * SLACK, 0, 0], np.int64), groups),
    )


def _padded(count: int) -> int:
    return -(-count // DOUBLES) * DOUBLES


@compiled_step
def expect(r: Any, group: int, channels: int, a: int, first: float) -> float:
    """Return the prediction of channel ``a`` of a group; if a = 1, ``first`` is the current sample of channel 0."""
    base, inputs = group * r.size, channels * r.order
    newest = base + r.history + r.places[3 * group]
    expected: float = product(r.numbers, base + r.weights + a * inputs, r.numbers, newest, inputs)
    if a == 0:
        r.numbers[base + r.expected] = expected
        return expected
    return expected + r.numbers[base + r.expected + 1] * (first - r.numbers[base + r.expected])


@compiled_step
def take(r: Any, group: int, channels: int, samples: Array, first: int) -> None:
    """Update a group with the current samples of its channels, which start at ``samples[first]``."""
    numbers, places = r.numbers, r.places
    base, own = group * r.size, 3 * group
    newest = base + r.history + places[own] - channels
    if places[own] < channels:
        start = base + r.history + r.history_size - r.width
        for i in range(r.width - 1, -1, -1):
            numbers[start + i] = numbers[base + r.history + places[own] + i]
        newest = start - channels
    places[own] = newest - base - r.history
    for a in range(channels):
        numbers[newest + a] = samples[first + a]
    block, ring = channels * r.width, base + r.rows
    before = ring + places[own + 1] * block
    places[own + 1] = places[own + 1] + 1 if places[own + 1] < r.order else 0
    after = ring + places[own + 1] * block
    for a in range(channels):
        fade_into(numbers, before, after, r.width, r.forgetting, numbers, newest, samples[first + a])
        before += r.width
        after += r.width
    places[own + 2] += 1
    if places[own + 2] == r.every:
        places[own + 2] = 0
        _solve(r, base, places[own + 1], channels)


@compiled_step
def _solve(r: Any, base: int, slot: int, channels: int) -> None:
    """Compute new weights; they are 0 while the equations are ill-conditioned."""
    inputs, width, stride, x = channels * r.order, r.width, r.stride, r.numbers
    rows, upper, unit, weights = base + r.rows, base + r.upper, base + r.unit, base + r.weights
    share, now = base + r.expected + 1, rows + slot * channels * width
    trace = 0.0
    for a in range(channels):
        trace += x[now + a * width + a]
    for i in range(channels * inputs):
        x[weights + i] = 0.0
    x[share] = 0.0
    if trace < _SILENT:
        for i in range(channels * width):
            x[now + i] = 0.0
        return
    ridge = _LEAST_RIDGE + _RIDGE * trace / channels
    for lag in range(1, r.order + 1):
        ring = slot - lag if slot >= lag else slot - lag + r.order + 1
        start = (lag - 1) * channels
        for a in range(channels):
            row = start + a
            first, own = row // DOUBLES * DOUBLES, upper + row * stride
            source = rows + (ring * channels + a) * width - start
            for j in range(first, start):
                x[own + j] = 0.0
            for j in range(start, inputs):
                x[own + j] = x[source + j]
            for b in range(channels):
                x[own + inputs + b] = x[now + b * width + channels + row]
            eliminate(x, upper, unit, row, first, inputs + channels, stride)
            pivot = x[own + row] + ridge
            if not pivot > 0.0:  # true for NaN as well
                return
            x[own + row] = pivot
            scaled(x, own + first, unit + row * stride + first, inputs + DOUBLES - first, 1.0 / pivot)
    for b in range(channels):
        for row in range(inputs - 1, -1, -1):
            first, own, found = row // DOUBLES * DOUBLES, unit + row * stride, weights + b * inputs
            weight = x[own + inputs + b] - product(x, own + first, x, found + first, inputs - first)
            x[found + row] = min(max(weight, -_WEIGHT_LIMIT), _WEIGHT_LIMIT)
    if channels == 2:
        variance, common = x[now] + ridge, x[now + 1]
        for row in range(inputs):
            place = row * stride + inputs
            variance -= x[unit + place] * x[upper + place]
            common -= x[unit + place] * x[upper + place + 1]
        if variance > 0.0:
            x[share] = min(max(common / variance, -_WEIGHT_LIMIT), _WEIGHT_LIMIT)
