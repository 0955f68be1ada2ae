"""The adaptive flow as a model: its configuration, its network's weights, and what training sees of a signal.

An integer flow that is autoregressive: latent t is sample t minus a prediction from the samples before
it, rounded, so that it is one to one and triangular whatever the prediction. Predictors adapt as they go
and send nothing; a small network that was trained once weighs them and says how sure they are. See
``docs/adaptive.md``.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from idf.arithmetic import ParameterSpec, Specs, normal, values, zeros
from idf.config.schema import AdaptiveConfig, Config, PredictorsConfig
from idf.models.adaptive.state import Constants, Plan, first_state, make_constants
from idf.models.adaptive.vectors import LANES

MAX_STAGES, MAX_ORDER, MAX_EXPERTS, MAX_HIDDEN, MAX_LAYERS, MAX_COMPONENTS, MAX_PAST = 1024, 4096, 128, 1024, 16, 32, 64
_WEIGHT_BITS = 16
"""Significant bits of a weight in a model file."""


@dataclass(frozen=True)
class Trace:
    """What the network sees of a signal and has to explain; a row a sample.

    Attributes:
        inputs: float32 (rows, inputs).
        targets: float32 (rows, 2 + experts): the sample minus the experts' centre, the local level (both in
            sample steps), and each expert's prediction minus the centre in local levels.
    """

    inputs: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class AdaptiveModel:
    """An adaptive flow.

    Attributes:
        settings: what the compiled loops need besides weights.
        specs: the network's trained arrays by name. They see standardised inputs.
        input_mean, input_deviation: float32 (inputs,), of the training clips.
    """

    settings: Constants
    specs: Specs
    input_mean: np.ndarray
    input_deviation: np.ndarray

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Starting values, float32. Each array has a generator of its own, named by seed and parameter."""
        return {
            name: spec.initial(np.random.default_rng((seed, zlib.crc32(name.encode()))))
            for name, spec in self.specs.items()
        }

    @property
    def window(self) -> int:
        """Samples of a row of training."""
        return 1

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps besides the trained arrays."""
        return {"input_mean": self.input_mean, "input_deviation": self.input_deviation}

    def standardised(self, mean: np.ndarray, deviation: np.ndarray) -> AdaptiveModel:
        """The same model for inputs of another mean and deviation."""
        return replace(self, input_mean=mean, input_deviation=deviation)

    def trace(self, samples: np.ndarray) -> Trace:
        """Run the predictors over a signal, int32 (time, channels) of 16-bit values, from a fresh start.

        Rows go through the channels of a sample first.
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
        """:meth:`trace` of one channel, int32 (n,); a list, because other models have several networks."""
        return [self.trace(samples[:, None])]

    def row_counts(self, samples: int) -> list[int]:
        """Rows in each of :meth:`traces` of so many samples."""
        return [samples]

    @property
    def features(self) -> int:
        """Of the network's inputs, the last ones that are not made by the predictors."""
        return 0

    def coding_weights(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """The network for raw inputs, in the order of the compiled loops: float32 of 16 significant bits.

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
    """Weights and biases of the network."""
    return sum(math.prod(spec.shape) for spec in network_specs(plan).values())


def round_bits(values: np.ndarray) -> np.ndarray:
    """float32 values to the nearest with 16 significant bits, ties away from zero."""
    dropped = 24 - _WEIGHT_BITS
    bits = values.view(np.int32).astype(np.int64) + (1 << (dropped - 1))
    rounded: np.ndarray = (bits & ~((1 << dropped) - 1)).astype(np.int32).view(np.float32)
    return rounded


def build_adaptive(config: Config, constants: Mapping[str, np.ndarray] | None = None) -> AdaptiveModel:
    """The model of a configuration.

    Args:
        constants: ``input_mean`` and ``input_deviation`` from a checkpoint; none of a fresh model.
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
    """The model and parameters of coding weights: those of a model whose inputs are not standardised."""
    plan, place, parameters = constants.plan, 0, {}
    specs = network_specs(plan)
    for name, spec in specs.items():
        size = math.prod(spec.shape)
        parameters[name] = weights[place : place + size].reshape(spec.shape)
        place += size
    zero, one = np.zeros(plan.inputs, np.float32), np.ones(plan.inputs, np.float32)
    return AdaptiveModel(constants, specs, zero, one), parameters


def network_specs(plan: Plan) -> Specs:
    """The network's arrays by name."""
    inputs, hidden, outputs = plan.inputs, plan.hidden, plan.outputs

    def layer(name: str, weight: ParameterSpec, bias: ParameterSpec) -> Specs:
        return {f"{name}/weight": weight, f"{name}/bias": bias}

    specs = layer("first", normal((inputs, hidden), 1 / math.sqrt(inputs)), zeros((hidden,)))
    for number in range(plan.layers):
        specs |= layer(f"layer{number}", normal((hidden, hidden), 1 / math.sqrt(hidden)), zeros((hidden,)))
    start = np.zeros(outputs)
    # The scales begin spread over three octaves around the local level.
    components = plan.components
    start[2 * components : 3 * components] = np.linspace(-2.25, 0.75, components) if components > 1 else -0.75
    return specs | layer("last", zeros((hidden, outputs)), values(start))


def adaptive_problems(config: AdaptiveConfig) -> Iterator[str]:
    """What is wrong with a configuration, a sentence each."""
    yield from predictor_problems(config, "model.adaptive")
    yield from width_problems(config, "model.adaptive")


def width_problems(config: AdaptiveConfig, group: str) -> Iterator[str]:
    """What is wrong with the network's sizes in the settings ``group``, a sentence each."""
    for name, least, most in (
        ("hidden", 32, MAX_HIDDEN),
        ("layers", 0, MAX_LAYERS),
        ("components", 1, MAX_COMPONENTS),
        ("past", 1, MAX_PAST),
    ):
        value = getattr(config, name)
        if not least <= value <= most:
            yield f"{group}.{name}={value}: it must lie between {least} and {most}"
    if config.hidden % 32:
        yield f"{group}.hidden={config.hidden}: take a multiple of 32, such as {max(round(config.hidden / 32), 1) * 32}"


def predictor_problems(config: PredictorsConfig, group: str) -> Iterator[str]:
    """What is wrong with the predictors of the settings ``group``, a sentence each."""
    lanes = len(config.forgetting)
    if lanes != LANES or not all(0.9 <= factor < 1 for factor in config.forgetting):
        yield f"{group}.forgetting={config.forgetting}: {LANES} numbers from 0.9 to below 1"
    if not 1 <= config.stages <= MAX_STAGES:
        yield f"{group}.stages={config.stages}: it must lie between 1 and {MAX_STAGES}"
    experts = config.experts
    if not 1 <= len(experts) <= MAX_EXPERTS or len(config.cascades) > MAX_EXPERTS:
        yield f"{group}.experts: {len(experts)} of them; give 1 to {MAX_EXPERTS}"
    for expert in experts:
        if len(expert) != 2 or not 0 <= expert[0] < LANES or not 1 <= expert[1] <= config.stages:
            yield (f"{group}.experts: {expert} is not [lattice 0 to {LANES - 1}, order 1 to stages={config.stages}]")
    for source in config.cascades:
        if not 0 <= source < len(experts):
            yield f"{group}.cascades: there is no expert {source}; they are numbered 0 to {len(experts) - 1}"
    orders, rates = config.filter_orders, config.filter_rates
    if not orders or any(order < 16 or order % 16 or order > MAX_ORDER for order in orders):
        yield f"{group}.filter_orders={orders}: multiples of 16 up to {MAX_ORDER}"
    if len(orders) != len(rates) or any(not 0 < rate < 1 for rate in rates):
        yield f"{group}.filter_rates={rates}: one for each of filter_orders, between 0 and 1"
    if not 0 < config.floor <= 1:
        yield f"{group}.floor={config.floor}: above 0, at most 1"
