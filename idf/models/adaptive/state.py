"""The state of the adaptive flow between samples, as arrays for the compiled loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from idf.compiled.vectors import aligned
from idf.config.schema import AdaptiveConfig
from idf.models.adaptive.least_squares import Squares, first_squares
from idf.models.adaptive.vectors import LANES

LEVEL_RATES = (0.3, 0.1, 0.03, 0.01, 0.003)
"""Update rates per sample of the running means of the residual's magnitude. The third mean is the local level, to which
everything is normalised."""
EXPERT_RATES = (0.3, 0.05, 0.01)
"""Update rates per sample of the running means of each expert's error magnitude."""
FIRST_LEVEL = 100.0
"""Initial value of running means of magnitudes, in sample steps."""

BATCH = 64
"""Samples of all channels between two online updates."""
FIRST_SQUARE = 1e-4
"""Initial value of the mean squares of gradients."""
_NO_WEIGHTS = np.empty(0, np.float32)


class Plan(NamedTuple):
    """Sizes of all parts, plain integers."""

    stages: int
    experts: int
    taps: int
    """Number of lattice predictors, which are the first experts, followed by the joint expert, the cascades and the
    stacks, as far as these exist."""
    partial_sums: bool
    """Whether every filter of a cascade gives an expert, instead of the last one only."""
    joint_own: int
    """Past samples of its own channel that the joint expert uses; 0 without a joint expert."""
    joint_other: int
    """Past samples of the other channel that the joint expert uses; 0 without a joint expert."""
    stacks: int
    """Number of stacks, which are the last experts."""
    stacked: int
    """Number of experts that each stack combines, all before the stacks; 0 without stacks."""
    past: int
    heard: int
    """1 if the network sees the other channel's residual at the same time, otherwise 0."""
    logs: int
    """Number of network inputs that pass through a logarithm; they come first."""
    inputs: int
    """Number of network inputs. The last ones may not come from predictors (:mod:`idf.models.bands.features`)."""
    hidden: int
    layers: int
    components: int
    outputs: int
    """Outputs of the last layer, including padding."""
    online: bool
    """Whether the last layer learns while coding."""


class Online(NamedTuple):
    """The state of online learning of the last layer (:mod:`idf.models.adaptive.online`).

    Arrays are float32. Those with a first axis of streams belong to a stream, the others are shared.
    """

    weights: np.ndarray
    """(streams, n): the layer's weights followed by its biases."""
    trained: np.ndarray
    """(n,): their trained values."""
    gradient: np.ndarray
    """(n,): working memory."""
    squares: np.ndarray
    """(streams, n): mean squares of the gradients."""
    hidden: np.ndarray
    """(streams, BATCH, hidden): the layer's inputs for each sample since the last update."""
    slopes: np.ndarray
    """(streams, BATCH, outputs): the gradients with respect to its outputs."""
    outputs: np.ndarray
    """(4, outputs): the gradient of the current sample, then working memory for its components."""
    bits: np.ndarray
    """int32, a view of ``outputs``."""
    seen: np.ndarray
    """int64 (streams,): samples since the last update."""


class State(NamedTuple):
    """Arrays of all channels; the first axis is the channel. Channels of several streams follow each other."""

    stages: np.ndarray
    """float32 (channels, stages · STAGE), see :mod:`idf.models.adaptive.vectors`."""
    memory: np.ndarray
    """float32 (channels, MEMORY_VECTORS · LANES)."""
    by_order: np.ndarray
    """float32 (channels, stages · LANES): the prediction of each order in each lane, maintained only for
    :attr:`Constants.orders`."""
    lms_weights: np.ndarray
    """float32 (channels, cascades, filters, longest)."""
    lms_history: np.ndarray
    """float32 (channels, cascades, filters, 4 · longest): inputs, newest first, stored twice so that every
    window is contiguous."""
    lms_energy: np.ndarray
    """float64 (channels, cascades, filters): sum of squares of the current window."""
    lms_output: np.ndarray
    """float64 (channels, cascades, filters): each filter's prediction of the next sample."""
    predictions: np.ndarray
    """float64 (channels, experts)."""
    errors: np.ndarray
    """float32 (channels, 2, experts): each expert's last errors."""
    error_levels: np.ndarray
    """float32 (channels, 3, experts)."""
    levels: np.ndarray
    """float64 (channels, 6): the running means of LEVEL_RATES, then the mean square of the signal."""
    residuals: np.ndarray
    """float32 (channels, 2 · past), stored twice like ``lms_history``."""
    samples: np.ndarray
    """float32 (channels, 2 · past)."""
    joint: Squares
    """The joint expert, whose inputs are samples of both channels; a single memory."""
    stacks: Squares
    """The stacks, whose inputs are the experts' deviations from their mean; one memory per stack."""
    online: Online
    now: np.ndarray
    """float64 (channels, 8): see the names in :mod:`idf.models.adaptive.steps`."""


class Constants(NamedTuple):
    """The constants of a model, except its weights."""

    plan: Plan
    forgetting: np.ndarray
    floor: np.ndarray
    tap_places: np.ndarray
    """int64 (taps,): index in ``by_order`` of each lattice expert's prediction."""
    orders: np.ndarray
    """int64, ascending: the orders of experts, and the highest order, which shows whether a lattice has diverged."""
    cascade_sources: np.ndarray
    """int64 (cascades,): the expert whose residual each cascade refines."""
    filter_orders: np.ndarray
    filter_rates: np.ndarray
    joint_forgetting: np.ndarray
    """float64 (1,): λ of the joint expert's equations."""
    stack_forgetting: np.ndarray
    """float64 (stacks,): λ of each stack's equations."""
    online_rate: np.float32


def first_online(weights: np.ndarray, outputs: int, streams: int) -> Online:
    """Return the state before the first sample, with the trained weights.

    Args:
        weights: float32, the last layer's weights, with the biases last.
        outputs: of that layer, including padding.
        streams: number of streams.
    """
    room = aligned(np.zeros((4, outputs), np.float32))
    return Online(
        weights=aligned(np.tile(weights, (streams, 1))),
        trained=aligned(weights),
        gradient=aligned(np.zeros_like(weights)),
        squares=aligned(np.full((streams, len(weights)), FIRST_SQUARE, np.float32)),
        hidden=aligned(np.zeros((streams, BATCH, max(len(weights) // outputs - 1, 0)), np.float32)),
        slopes=aligned(np.zeros((streams, BATCH, outputs), np.float32)),
        outputs=room,
        bits=room.view(np.int32),
        seen=np.zeros(streams, np.int64),
    )


def first_state(constants: Constants, channels: int, last: np.ndarray = _NO_WEIGHTS, streams: int = 1) -> State:
    """Return the state before the first sample.

    Args:
        channels: number of channels in all streams.
        last: float32, the network's last layer if it learns while coding, with the biases last.
        streams: number of streams, coded together but independent of each other.
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
        lms_history=each(np.zeros((cascades, filters, 4 * longest), np.float32)),
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
        online=first_online(last, plan.outputs, streams),
        now=each(np.zeros(8)),
    )


def first_stages(count: int) -> np.ndarray:
    """Return the stages of lattices before the first sample: float32 (count · STAGE,)."""
    one = np.repeat([0.0, 0.0, FIRST_LEVEL, FIRST_LEVEL, 1 / FIRST_LEVEL, 0.0, 1.0], LANES)
    return np.tile(one.astype(np.float32), count)


def make_constants(config: AdaptiveConfig, features: int = 0) -> Constants:
    """Return the constants of checked settings (:func:`idf.config.model_checks.adaptive_problems`).

    Args:
        features: number of network inputs that do not come from predictors.
    """
    taps = np.array([(order - 1) * LANES + lane for lane, order in config.experts], np.int64)
    below = len(taps) + len(config.cascades) * (len(config.filter_orders) if config.partial_sums else 1)
    joint_own, joint_other = config.joint_orders
    below += joint_own > 0
    stacks = len(config.stacks)
    experts = below + stacks
    components, past = config.components, config.past
    heard = int(joint_own > 0)
    # the level, its ratios to the others, the signal's level, past residuals, and four for each expert
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
    """Return ``outputs`` rounded up to a multiple of 32, as matrix products require."""
    return -(-outputs // 32) * 32
