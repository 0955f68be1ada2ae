"""The state of the turbo flow between samples, as arrays for the compiled loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from idf.config.schema import TurboConfig
from idf.models.turbo.regression import SLACK, Regression, first_regression
from idf.models.turbo.vectors import DOUBLES

FIRST_LEVEL = 100.0
"""Initial value of running means of magnitudes, in sample steps."""
_UNUSED = 1e30
"""Prediction and error of unused experts."""


class Constants(NamedTuple):
    """The constants of a model."""

    orders: np.ndarray
    """int64: taps of each filter of the cascade."""
    rates: np.ndarray
    """float64: step size of each filter."""
    level_rates: np.ndarray
    """float64: update rates per sample of the running means of the residual's magnitude; the second mean is the reference
    for the others."""
    error_rate: float
    """Update rate per sample of the running means of the experts' errors."""
    scale_rate: float
    """Learning rate of the map from the running means to the scale."""
    near: tuple[int, int, float]
    """Order, samples between two solutions, and forgetting factor of the regression on the channel itself."""
    joint: tuple[int, int, float]
    """The same of the regression on both channels."""


class State(NamedTuple):
    """Arrays of all channels; the first axis is the channel."""

    near: Regression
    joint: Regression
    """One for each pair of channels, and for a last channel without a partner."""
    weights: np.ndarray
    """float32 (channels, filters · longest)."""
    history: np.ndarray
    """float32 (channels, filters · (longest + 16 + SLACK)): each filter's input, newest first."""
    newest: np.ndarray
    """int64 (channels,): place of the newest input in each filter's history."""
    outputs: np.ndarray
    """float64 (channels, filters): what each filter adds to the prediction of the next sample."""
    energies: np.ndarray
    """float64 (channels, filters): sum of squares of each filter's input."""
    predictions: np.ndarray
    """float64 (channels · 8,): the experts' predictions."""
    errors: np.ndarray
    """float64 (channels · 8,): running means of the magnitudes of their errors."""
    levels: np.ndarray
    """float64 (channels, levels): running means of the residual's magnitude."""
    scale_weights: np.ndarray
    """float64 (channels, levels): weights of the levels' logarithms in that of the scale; the second is an offset."""
    logs: np.ndarray
    """float32 (levels,): the levels' logarithms."""
    log_bits: np.ndarray
    """int32 (levels,), a view of ``logs``."""
    samples: np.ndarray
    """float64 (channels,): the current samples."""


def make_constants(config: TurboConfig) -> Constants:
    """Return the constants of checked settings (:func:`idf.config.model_checks.turbo_problems`)."""
    return Constants(
        orders=np.array(config.filter_orders, np.int64),
        rates=np.array(config.filter_rates, np.float64),
        level_rates=np.array(config.level_rates, np.float64),
        error_rate=config.error_rate,
        scale_rate=config.scale_rate,
        near=(config.near_order, config.near_every, config.near_forgetting),
        joint=(config.joint_order, config.joint_every, config.joint_forgetting),
    )


def first_state(constants: Constants, channels: int, start: np.ndarray) -> State:
    """Return the state before the first sample.

    Args:
        start: float32 (levels,), initial value of ``scale_weights``.
    """
    filters, longest, levels = len(constants.orders), int(constants.orders.max()), len(constants.level_rates)
    experts = 2 + filters
    predictions, errors = np.full((channels, DOUBLES), _UNUSED), np.full((channels, DOUBLES), _UNUSED)
    predictions[:, :experts], errors[:, :experts] = 0.0, FIRST_LEVEL
    logs = np.zeros(levels, np.float32)
    return State(
        near=first_regression(channels, 1, *constants.near),
        joint=first_regression(-(-channels // 2), min(channels, 2), *constants.joint),
        weights=np.zeros((channels, filters * longest), np.float32),
        history=np.zeros((channels, filters * (longest + 16 + SLACK)), np.float32),
        newest=np.full(channels, SLACK, np.int64),
        outputs=np.zeros((channels, filters)),
        energies=np.zeros((channels, filters)),
        predictions=predictions.ravel(),
        errors=errors.ravel(),
        levels=np.full((channels, levels), FIRST_LEVEL),
        scale_weights=np.tile(start.astype(np.float64), (channels, 1)),
        logs=logs,
        log_bits=logs.view(np.int32),
        samples=np.zeros(channels),
    )
