"""The trained initial state of prediction in every window, and the tables derived from it.

Speech and music are described by *classes*: K linear predictors of equal order, each typical of some of the training
sound. Within a class, the best coefficients of a window are normally distributed around those of the class, with the
same covariance for all classes. :mod:`idf.models.prediction.fit` fits both; they are stored with the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

CONSTANT = "whitening/"
"""Prefix of the names of these arrays among a model's constants."""
_LARGEST = 1e6
"""Limit of stored values, far above fitted values."""


@dataclass(frozen=True)
class Start:
    """The fitted initial state. All arrays are float32, as stored in checkpoints and model files.

    Attributes:
        reflection: (classes, order), each class's reflection coefficients, which give its predictors of all lower
            orders, for the first samples of a window.
        means: (classes, order), each class's mean predictor, with the coefficient of the newest sample first.
        spread: (order, order), covariance of a window's best predictor around the mean of its class.
        shares: (classes,), the fraction of the training sound in each class.
        lattice: (2, stages), reflection coefficients of average sound, and the forward error power before each stage
            relative to the error after the last stage.
        level: (1,), typical root mean square of a residual, in sample steps.
    """

    reflection: np.ndarray
    means: np.ndarray
    spread: np.ndarray
    shares: np.ndarray
    lattice: np.ndarray
    level: np.ndarray

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The attributes by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def empty_start(classes: int, order: int, stages: int) -> Start:
    """Return an initial state without training, in which every predictor is zero."""
    return Start(
        reflection=np.zeros((classes, order), np.float32),
        means=np.zeros((classes, order), np.float32),
        spread=np.eye(order, dtype=np.float32),
        shares=np.full(classes, 1 / classes, np.float32),
        lattice=np.stack([np.zeros(stages), np.ones(stages)]).astype(np.float32),
        level=np.full(1, 100, np.float32),
    )


def checked_start(arrays: Mapping[str, np.ndarray], like: Start) -> Start:
    """Return the initial state from stored arrays.

    Raises:
        ValueError: an array does not have the shape in ``like``, or has impossible values.
        KeyError: an array is missing.
    """
    found = {}
    for name, expected in like.arrays.items():
        value = np.ascontiguousarray(arrays[name], np.float32)
        if value.shape != expected.shape:
            raise ValueError(f"whitening/{name} has shape {value.shape}, not {expected.shape}")
        if not np.all(np.abs(value) <= _LARGEST):
            raise ValueError(f"whitening/{name} is out of range")
        found[name] = value
    start = Start(**found)
    positive = (start.shares, start.lattice[1], start.level, np.diagonal(start.spread))
    if not all(np.all(values > 0) for values in positive):
        raise ValueError("whitening: shares, powers, variances and level must be above 0")
    if not (np.all(np.abs(start.reflection) <= 1) and np.all(np.abs(start.lattice[0]) <= 1)):
        raise ValueError("whitening: reflection coefficients must be from -1 to 1")
    if not np.array_equal(start.spread, start.spread.T):
        raise ValueError("whitening/spread is not symmetric")
    return start


def growing_predictors(reflection: np.ndarray) -> np.ndarray:
    """Return each class's predictors of orders 0 … order - 1: float64 (order, order, classes).

    ``[t, i]`` is the coefficient of the sample i + 1 steps back when t samples are known (Levinson's recursion). It
    uses only elementwise operations, so every machine computes the same.
    """
    classes, order = reflection.shape
    found = np.zeros((order, order, classes))
    row = np.zeros((0, classes))
    for t in range(order):
        found[t, :t] = row
        k = reflection[:, t].astype(np.float64)[None]
        row = np.concatenate([row - k * row[::-1], k])
    return found
