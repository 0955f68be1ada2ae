"""The integer network compared with the same network in float64."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
import pytest

from idf.models.adaptive.model import AdaptiveModel
from idf.models.adaptive.network import integer_weights, networks
from idf.models.adaptive.state import first_state
from idf.models.adaptive.steps import make_scratch


@numba.njit
def run(plan: Any, weights: Any, state: Any, scratch: Any) -> None:
    networks(0, 1, plan, weights, state, scratch)


def activation(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, x / (1 - np.minimum(x, 0)))


def outputs_of(plan: Any, weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    x, place = inputs.astype(np.float64), 0
    widths = [plan.inputs, *[plan.hidden] * (plan.layers + 1), plan.outputs]
    for number, (given, made) in enumerate(itertools.pairwise(widths)):
        end = place + given * made
        made_of_x = x @ weights[place:end].reshape(given, made) + weights[end : end + made]
        place = end + made
        x = activation(made_of_x) if number == 0 else made_of_x if place == len(weights) else x + activation(made_of_x)
    return x


@pytest.mark.parametrize("largest", [0.3, 20.0])
def test_integers_agree_with_floats(model: AdaptiveModel, largest: float) -> None:
    constants, rng = model.settings, np.random.default_rng(5)
    plan = constants.plan
    weights = rng.normal(0, 0.1, len(model.coding_weights(model.initial_parameters(0)))).astype(np.float32)
    weights[7] = largest  # in the first layer
    integers, scratch = integer_weights(plan, weights), make_scratch(plan)
    scratch.inputs[:] = rng.uniform(-1, 1, plan.inputs)
    run(plan, integers, first_state(constants, 1, integers.last), scratch)
    np.testing.assert_allclose(
        scratch.outputs, outputs_of(plan, weights, scratch.inputs), atol=0.01 * max(largest, 1.0)
    )


@pytest.mark.parametrize("wrong", [1e6, np.nan, np.inf])
def test_impossible_weights_are_refused(model: AdaptiveModel, wrong: float) -> None:
    weights = np.zeros_like(model.coding_weights(model.initial_parameters(0)))
    weights[3] = wrong
    with pytest.raises(ValueError, match="weights of"):
        integer_weights(model.settings.plan, weights)
