"""What the turbo flow remembers from sample to sample, as arrays that the compiled loops work on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from idf.config.schema import TurboConfig
from idf.models.turbo.regression import SLACK, Regression, first_regression
from idf.models.turbo.vectors import DOUBLES

FIRST_LEVEL = 100.0
"""Where averages of magnitudes begin, in sample steps."""
_NOBODY = 1e30
"""What an expert expects, and how wrong it is, that is not there."""


class Constants(NamedTuple):
    """What never changes in a model."""

    orders: np.ndarray
    """int64: taps of each filter of the cascade."""
    rates: np.ndarray
    """float64: how fast each of them learns."""
    level_rates: np.ndarray
    """float64, a sample: of the averages of the residual's magnitude; the second is what the others are compared with."""
    error_rate: float
    """A sample: of the averages of the experts' errors."""
    scale_rate: float
    """How fast the scale learns from the averages."""
    near: tuple[int, int, float]
    """Order, samples between two solutions, forgetting: of the regression on the channel itself, …"""
    joint: tuple[int, int, float]
    """… and of that on both channels."""


class State(NamedTuple):
    """Arrays of all channels; the first axis is the channel."""

    near: Regression
    joint: Regression
    """One for each pair of channels, or last one without a partner."""
    weights: np.ndarray
    """float32 (channels, filters · longest)."""
    history: np.ndarray
    """float32 (channels, filters · (longest + 16 + SLACK)): what each filter sees, newest first."""
    newest: np.ndarray
    """int64 (channels,): where in each filter's history that is."""
    outputs: np.ndarray
    """float64 (channels, filters): what each adds to the prediction of the next sample."""
    energies: np.ndarray
    """float64 (channels, filters): the sum of squares of what it sees."""
    predictions: np.ndarray
    """float64 (channels · 8,)."""
    errors: np.ndarray
    """float64 (channels · 8,): averages of their magnitude."""
    levels: np.ndarray
    """float64 (channels, levels)."""
    scale_weights: np.ndarray
    """float64 (channels, levels): of the logarithms of the levels in that of the scale; the second is an offset."""
    logs: np.ndarray
    """float32 (levels,): these logarithms."""
    log_bits: np.ndarray
    """int32, the same memory."""
    samples: np.ndarray
    """float64 (channels,): the present ones."""


def make_constants(config: TurboConfig) -> Constants:
    """The constants of a configuration, whose values were checked (:func:`idf.config.model_checks.turbo_problems`)."""
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
    """The state before the first sample.

    Args:
        start: float32 (levels,), of ``scale_weights``.
    """
    filters, longest, levels = len(constants.orders), int(constants.orders.max()), len(constants.level_rates)
    experts = 2 + filters
    predictions, errors = np.full((channels, DOUBLES), _NOBODY), np.full((channels, DOUBLES), _NOBODY)
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
