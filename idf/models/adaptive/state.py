"""What the adaptive flow remembers from sample to sample, as arrays that the compiled loops work on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from idf.compiled.vectors import aligned
from idf.config.schema import AdaptiveConfig
from idf.models.adaptive.least_squares import Squares, first_squares
from idf.models.adaptive.vectors import LANES

LEVEL_RATES = (0.3, 0.1, 0.03, 0.01, 0.003)
"""Per sample, of the averages of the residual's magnitude; the third is the local level that all else is divided by."""
EXPERT_RATES = (0.3, 0.05, 0.01)
"""Per sample, of the averages of each expert's error magnitude."""
FIRST_LEVEL = 100.0
"""Where averages of magnitudes begin, in sample steps."""

BATCH = 64
"""Samples, of all channels together, between two steps of what learns online."""
FIRST_SQUARE = 1e-4
"""Where mean squares of gradients begin."""
_NO_WEIGHTS = np.empty(0, np.float32)


class Plan(NamedTuple):
    """How many there are of everything, and where weights begin; plain integers."""

    stages: int
    experts: int
    taps: int
    """Experts that are lattice predictors, the first ones; then come those of the cascades, and the joint one and the
    stack where there are any."""
    partial_sums: bool
    """Whether each filter of a cascade makes an expert, or the last one only."""
    joint_own: int
    """Past samples of its own channel and of the other one that the joint expert sees; 0 and 0 without it."""
    joint_other: int
    stacks: int
    """Experts that are stacks, the last ones."""
    stacked: int
    """Experts that each stack is made of, all before; 0 without stacks."""
    past: int
    heard: int
    """1 where the network sees the other channel's residual of the same time, else 0."""
    logs: int
    """Inputs of the network that pass through a logarithm; they come first."""
    inputs: int
    """All of the network's, the last ones not made by the predictors: see :mod:`idf.models.bands.features`."""
    hidden: int
    layers: int
    components: int
    outputs: int
    """Of the last layer, with its padding."""
    online: bool
    """Whether the last layer goes on learning."""


class Online(NamedTuple):
    """The last layer where it goes on learning (:mod:`idf.models.adaptive.online`): float32, its weights, then its biases,
    but for those that say otherwise."""

    weights: np.ndarray
    trained: np.ndarray
    gradient: np.ndarray
    squares: np.ndarray
    hidden: np.ndarray
    """(BATCH, hidden): what the layer was given for each sample since the last step."""
    slopes: np.ndarray
    """(BATCH, outputs): the gradient with respect to what it made of it."""
    outputs: np.ndarray
    """(4, outputs): that of one sample, then room for its components."""
    bits: np.ndarray
    """int32, the same memory."""
    seen: np.ndarray
    """int64 (1,): samples since the last step."""


class State(NamedTuple):
    """Arrays of all channels; the first axis is the channel."""

    stages: np.ndarray
    """float32 (channels, stages · STAGE), see :mod:`idf.models.adaptive.vectors`."""
    memory: np.ndarray
    """float32 (channels, MEMORY_VECTORS · LANES)."""
    by_order: np.ndarray
    """float32 (channels, stages · LANES): what each order of each lane predicts; kept up for those of
    :attr:`Constants.orders` only."""
    lms_weights: np.ndarray
    """float32 (channels, cascades, filters, longest)."""
    lms_history: np.ndarray
    """float32 (channels, cascades, filters, 2 · longest): inputs, newest first, written twice so that a
    window on them is contiguous."""
    lms_energy: np.ndarray
    """float64 (channels, cascades, filters): sum of squares of that window."""
    lms_output: np.ndarray
    """float64 (channels, cascades, filters)."""
    predictions: np.ndarray
    """float64 (channels, experts)."""
    errors: np.ndarray
    """float32 (channels, 2, experts): each expert's last errors."""
    error_levels: np.ndarray
    """float32 (channels, 3, experts)."""
    levels: np.ndarray
    """float64 (channels, 6): the averages of LEVEL_RATES, then the mean square of the signal."""
    residuals: np.ndarray
    """float32 (channels, 2 · past), as the history above."""
    samples: np.ndarray
    """float32 (channels, 2 · past)."""
    joint: Squares
    """Samples of both channels."""
    stacks: Squares
    """Each expert's deviation from their centre; a memory for each stack."""
    online: Online
    now: np.ndarray
    """float64 (channels, 8): see the names in :mod:`idf.models.adaptive.steps`."""


class Constants(NamedTuple):
    """What never changes in a model, but for its weights."""

    plan: Plan
    forgetting: np.ndarray
    floor: np.ndarray
    tap_places: np.ndarray
    """int64 (taps,): where in ``by_order`` each lattice expert's prediction is."""
    orders: np.ndarray
    """int64, ascending: orders that an expert has, and the highest, by which a lattice that is astray is known."""
    cascade_sources: np.ndarray
    """int64 (cascades,): the expert that each cascade goes on from."""
    filter_orders: np.ndarray
    filter_rates: np.ndarray
    joint_forgetting: np.ndarray
    """float64 (1,)."""
    stack_forgetting: np.ndarray
    """float64 (stacks,)."""
    online_rate: np.float32


def first_online(weights: np.ndarray, outputs: int) -> Online:
    """Before the first sample: as trained.

    Args:
        weights: float32, the last layer's, biases last.
        outputs: of that layer, with padding.
    """
    room = aligned(np.zeros((4, outputs), np.float32))
    return Online(
        aligned(weights),
        aligned(weights),
        aligned(np.zeros_like(weights)),
        aligned(np.full_like(weights, FIRST_SQUARE)),
        aligned(np.zeros((BATCH, max(len(weights) // outputs - 1, 0)), np.float32)),
        aligned(np.zeros((BATCH, outputs), np.float32)),
        room,
        room.view(np.int32),
        np.zeros(1, np.int64),
    )


def first_state(constants: Constants, channels: int, last: np.ndarray = _NO_WEIGHTS) -> State:
    """The state before the first sample.

    Args:
        last: float32, the network's last layer where it goes on learning, its biases last.
    """
    plan, cascades, filters = constants.plan, len(constants.cascade_sources), len(constants.filter_orders)
    longest = int(constants.filter_orders.max())
    memory = np.concatenate([constants.forgetting, constants.floor]).astype(np.float32)
    levels = np.array([FIRST_LEVEL] * len(LEVEL_RATES) + [FIRST_LEVEL**2])

    def each(values: np.ndarray) -> np.ndarray:
        return aligned(np.tile(values, (channels,) + (1,) * values.ndim))

    return State(
        stages=each(first_stages(plan.stages)),
        memory=each(memory),
        by_order=each(np.zeros(plan.stages * LANES, np.float32)),
        lms_weights=each(np.zeros((cascades, filters, longest), np.float32)),
        lms_history=each(np.zeros((cascades, filters, 2 * longest), np.float32)),
        lms_energy=each(np.zeros((cascades, filters))),
        lms_output=each(np.zeros((cascades, filters))),
        predictions=each(np.zeros(plan.experts)),
        errors=each(np.zeros((2, plan.experts), np.float32)),
        error_levels=each(np.full((len(EXPERT_RATES), plan.experts), FIRST_LEVEL, np.float32)),
        levels=each(levels),
        residuals=each(np.zeros(2 * plan.past, np.float32)),
        samples=each(np.zeros(2 * plan.past, np.float32)),
        joint=first_squares(channels, plan.joint_own + plan.joint_other, constants.joint_forgetting),
        stacks=first_squares(channels, plan.stacked, constants.stack_forgetting),
        online=first_online(last, plan.outputs),
        now=each(np.zeros(8)),
    )


def first_stages(count: int) -> np.ndarray:
    """Lattices that have seen nothing: float32 (count · STAGE,)."""
    one = np.repeat([0.0, 0.0, FIRST_LEVEL, FIRST_LEVEL, 1 / FIRST_LEVEL, 0.0, 1.0], LANES)
    return np.tile(one.astype(np.float32), count)


def make_constants(config: AdaptiveConfig, features: int = 0) -> Constants:
    """The constants of a configuration, whose values were checked (:func:`idf.config.model_checks.adaptive_problems`).

    Args:
        features: inputs that the network gets besides those that the predictors make.
    """
    taps = np.array([(order - 1) * LANES + lane for lane, order in config.experts], np.int64)
    below = len(taps) + len(config.cascades) * (len(config.filter_orders) if config.partial_sums else 1)
    joint_own, joint_other = config.joint_orders
    below += joint_own > 0
    stacks = len(config.stacks)
    experts = below + stacks
    components, past = config.components, config.past
    heard = int(joint_own > 0)
    # the level and its ratios to others, the signal's level, past residuals; four for each expert
    logs = len(LEVEL_RATES) + 1 + past + 4 * experts + heard
    forgetting = np.array(config.forgetting)
    return Constants(
        plan=Plan(
            stages=config.stages,
            experts=experts,
            taps=len(taps),
            partial_sums=config.partial_sums,
            joint_own=joint_own,
            joint_other=joint_other,
            stacks=stacks,
            stacked=below if stacks else 0,
            past=past,
            heard=heard,
            logs=logs,
            inputs=logs + 2 * past + 3 * experts + heard + features,
            hidden=config.hidden,
            layers=config.layers,
            components=components,
            outputs=padded(3 * components + experts),
            online=config.online_rate > 0,
        ),
        forgetting=forgetting,
        floor=config.floor * (1 - forgetting),
        tap_places=taps,
        orders=np.unique([config.stages, *(order for _, order in config.experts)]).astype(np.int64),
        cascade_sources=np.array(config.cascades, np.int64),
        filter_orders=np.array(config.filter_orders, np.int64),
        filter_rates=np.array(config.filter_rates, np.float64),
        joint_forgetting=np.array([config.joint_forgetting]),
        stack_forgetting=np.array(config.stacks, np.float64),
        online_rate=np.float32(config.online_rate),
    )


def padded(outputs: int) -> int:
    """The next multiple of 32, which the product of matrix and vector wants."""
    return -(-outputs // 32) * 32
