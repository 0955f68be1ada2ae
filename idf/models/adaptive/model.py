"""The adaptive flow as a model: its configuration, its network's weights, and the network's training data.

The flow is an autoregressive integer flow: latent t is sample t minus the rounded prediction from the earlier
samples, so it is bijective and triangular for any prediction. Predictors adapt while coding, without side
information. A small trained network weights them and estimates their uncertainty. See ``docs/adaptive.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from idf.arithmetic import ParameterSpec, Specs, initial_values, normal, values, zeros
from idf.config.schema import Config
from idf.models.adaptive.state import Constants, Plan, first_state, make_constants

_WEIGHT_BITS = 16
"""Significant bits of a weight in a model file."""


@dataclass(frozen=True)
class Trace:
    """The network's inputs and targets for a signal, one row per sample.

    Attributes:
        inputs: float32 (rows, inputs).
        targets: float32 (rows, 2 + experts): the sample minus the experts' centre and the local level, both in
            sample steps, and each expert's prediction minus the centre, relative to the local level.
    """

    inputs: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class AdaptiveModel:
    """An adaptive flow.

    Attributes:
        settings: constants of the compiled loops.
        specs: the network's trained arrays by name, for standardised inputs.
        input_mean, input_deviation: float32 (inputs,), mean and standard deviation on the training clips.
    """

    settings: Constants
    specs: Specs
    input_mean: np.ndarray
    input_deviation: np.ndarray

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return initial values of the trained arrays, float32, by name."""
        return initial_values(self.specs, seed)

    @property
    def window(self) -> int:
        """1, because there are no windows."""
        return 1

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """The arrays that checkpoints store besides the trained ones."""
        return {"input_mean": self.input_mean, "input_deviation": self.input_deviation}

    def standardised(self, mean: np.ndarray, deviation: np.ndarray) -> AdaptiveModel:
        """Return the model for inputs with another mean and standard deviation, float32 (inputs,)."""
        return replace(self, input_mean=mean, input_deviation=deviation)

    def trace(self, samples: np.ndarray) -> Trace:
        """Run the predictors over a signal, int32 (time, channels) of 16-bit values, from a new state.

        Rows are ordered by time, then by channel.
        """
        from idf.models.adaptive.loops import LOOPS
        from idf.models.adaptive.steps import make_scratch

        plan, (time, channels) = self.settings.plan, samples.shape
        inputs = np.empty((time * channels, plan.inputs), np.float32)
        targets = np.empty((time * channels, 2 + plan.experts), np.float32)
        samples = np.ascontiguousarray(samples, np.int32)
        LOOPS.trace(samples, self.settings, first_state(self.settings, channels), make_scratch(plan), inputs, targets)
        return Trace(inputs, targets)

    def traces(self, samples: np.ndarray) -> list[Trace]:
        """Return :meth:`trace` of int32 (n,) or (n, channels), as a list because other models have several networks."""
        return [self.trace(samples.reshape(len(samples), -1))]

    def row_counts(self, samples: int) -> list[int]:
        """Return the number of rows in each of :meth:`traces` of ``samples`` samples."""
        return [samples]

    @property
    def features(self) -> int:
        """Number of network inputs, at the end, that do not come from predictors."""
        return 0

    def coding_weights(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the weights for raw inputs, in the order of the compiled loops: float32 with 16 significant bits.

        Args:
            parameters: trained values, for standardised inputs.
        """
        first = np.asarray(parameters["first/weight"], np.float64) / self.input_deviation[:, None]
        shift = np.asarray(parameters["first/bias"], np.float64) - self.input_mean.astype(np.float64) @ first
        parts = [first, shift]
        for name in self.specs:
            if not name.startswith("first/"):
                parts.append(np.asarray(parameters[name], np.float64))
        return round_bits(np.concatenate([part.ravel() for part in parts]).astype(np.float32))


def network_size(plan: Plan) -> int:
    """Return the number of weights and biases of the network."""
    return sum(math.prod(spec.shape) for spec in network_specs(plan).values())


def round_bits(values: np.ndarray) -> np.ndarray:
    """Return float32 values rounded to 16 significant bits, ties away from zero."""
    dropped = 24 - _WEIGHT_BITS
    bits = values.view(np.int32).astype(np.int64) + (1 << (dropped - 1))
    rounded: np.ndarray = (bits & ~((1 << dropped) - 1)).astype(np.int32).view(np.float32)
    return rounded


def build_adaptive(config: Config, constants: Mapping[str, np.ndarray] | None = None) -> AdaptiveModel:
    """Build the model of a configuration.

    Args:
        constants: ``input_mean`` and ``input_deviation`` from a checkpoint; None for a new model.
    """
    settings = make_constants(config.model.adaptive)
    plan, given = settings.plan, constants or {}
    return AdaptiveModel(
        settings=settings,
        specs=network_specs(plan),
        input_mean=given.get("input_mean", np.zeros(plan.inputs, np.float32)),
        input_deviation=given.get("input_deviation", np.ones(plan.inputs, np.float32)),
    )


def coding_model(constants: Constants, weights: np.ndarray) -> tuple[AdaptiveModel, dict[str, np.ndarray]]:
    """Return the model and the parameters of coding weights, which are for inputs that are not standardised."""
    plan, place, parameters = constants.plan, 0, {}
    specs = network_specs(plan)
    for name, spec in specs.items():
        size = math.prod(spec.shape)
        parameters[name] = weights[place : place + size].reshape(spec.shape)
        place += size
    zero, one = np.zeros(plan.inputs, np.float32), np.ones(plan.inputs, np.float32)
    return AdaptiveModel(constants, specs, zero, one), parameters


def network_specs(plan: Plan) -> Specs:
    """Return the specifications of the network's arrays by name."""
    inputs, hidden, outputs = plan.inputs, plan.hidden, plan.outputs

    def layer(name: str, weight: ParameterSpec, bias: ParameterSpec) -> Specs:
        return {f"{name}/weight": weight, f"{name}/bias": bias}

    specs = layer("first", normal((inputs, hidden), 1 / math.sqrt(inputs)), zeros((hidden,)))
    for number in range(plan.layers):
        specs |= layer(f"layer{number}", normal((hidden, hidden), 1 / math.sqrt(hidden)), zeros((hidden,)))
    start = np.zeros(outputs)
    # Initial scales are spread over three octaves around the local level.
    components = plan.components
    start[2 * components : 3 * components] = np.linspace(-2.25, 0.75, components) if components > 1 else -0.75
    return specs | layer("last", zeros((hidden, outputs)), values(start))
