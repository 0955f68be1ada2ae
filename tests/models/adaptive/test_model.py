"""Impossible settings, and the two forms of the network, for training and for coding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from idf.config.model_checks import adaptive_problems
from idf.config.schema import Config
from idf.models.adaptive.codec import codec_of
from idf.models.adaptive.model import AdaptiveModel, coding_model, round_bits
from tests.signals import tone


def test_the_default_configuration_is_sound() -> None:
    assert list(adaptive_problems(Config())) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("forgetting", [0.99] * 7, "8 numbers"),
        ("forgetting", [1.0] * 8, "below 1"),
        ("stages", 0, "stages=0"),
        ("hidden", 50, "multiple of 32"),
        ("layers", -1, "layers=-1"),
        ("components", 0, "components=0"),
        ("past", 1000, "past=1000"),
        ("experts", [], "there are 0"),
        ("experts", [[0, 129]], "stages=128"),
        ("experts", [[8, 3]], "lattice 0 to 7"),
        ("cascades", [14], "no expert 14"),
        ("joint_orders", [16, 0], "joint_orders"),
        ("stacks", [0.998, 0.5], "stacks"),
        ("online_rate", -0.1, "online_rate"),
        ("filter_orders", [20], "multiples of 16"),
        ("filter_rates", [0.1], "for each of filter_orders"),
        ("floor", 0.0, "floor"),
    ],
)
def test_impossible_settings_are_named(name: str, value: Any, message: str) -> None:
    config = Config()
    setattr(config.model.adaptive, name, value)
    assert any(message in problem for problem in adaptive_problems(config))


def test_standardised_inputs_are_folded_into_the_weights(
    model: AdaptiveModel, parameters: dict[str, np.ndarray]
) -> None:
    samples = tone(3000)[:, None]
    inputs = model.trace(samples).inputs
    mean, deviation = inputs.mean(0), np.maximum(inputs.std(0), 0.1)
    x = ((inputs - mean) / deviation) @ parameters["first/weight"] + parameters["first/bias"]
    folded = model.standardised(mean, deviation).coding_weights(parameters)
    _, raw = coding_model(model.settings, folded)
    np.testing.assert_allclose(inputs @ raw["first/weight"] + raw["first/bias"], x, atol=2e-3)


def test_the_training_likelihood_equals_the_coded_bits_of_a_fixed_network(
    model: AdaptiveModel, parameters: dict[str, np.ndarray]
) -> None:
    import tensorflow as tf

    from idf.training.families.adaptive import adaptive_bits

    model = replace(model, settings=model.settings._replace(plan=model.settings.plan._replace(online=False)))
    samples = tone(4000)[:, None]
    trace = model.trace(samples)
    rows = tf.constant(np.concatenate([trace.inputs, trace.targets], axis=1))
    bits = float(np.sum(adaptive_bits(model, parameters, rows).bits.numpy(), dtype=np.float64))
    assert codec_of(model, parameters).bits(samples) == pytest.approx(bits, rel=2e-3)


def test_rounding_keeps_sixteen_bits() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) * 10.0 ** np.arange(-20, 20).repeat(25)
    values = values.astype(np.float32)
    rounded = round_bits(values)
    assert np.abs(rounded / values - 1).max() <= 2.0**-16
    assert not np.any(rounded.view(np.int32) & 0xFF)
