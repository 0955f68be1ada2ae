"""Adaptive prediction as a flow step: bijective for every signal, triangular, and effective."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from idf.config.model_checks import whitening_problems
from idf.config.schema import WhiteningConfig
from idf.models.adaptive.whitening import Whitening, build_whitening
from tests.other_processors import printed_without_extensions
from tests.signals import EXTREME, HIGH, LOW, SIGNALS, tone

SAMPLES = st.one_of(st.integers(LOW, HIGH), st.sampled_from(EXTREME))


@pytest.fixture(scope="module")
def step() -> Whitening:
    return build_whitening(WhiteningConfig(kind="adaptive"))


def assert_comes_back(step: Whitening, samples: np.ndarray) -> None:
    residual = step.forward(samples)
    assert residual.dtype == np.int32
    assert residual.shape == samples.shape
    assert residual.min(initial=0) >= -32768
    assert residual.max(initial=0) <= 32767
    restored = step.inverse(residual)
    assert restored.dtype == np.int32
    np.testing.assert_array_equal(restored, samples)


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_comes_back(step: Whitening, name: str) -> None:
    assert_comes_back(step, SIGNALS[name][:, None])


@settings(max_examples=40, deadline=None)
@given(arrays(np.int32, st.tuples(st.integers(0, 80), st.integers(1, 5)), elements=SAMPLES))
def test_any_samples_of_any_channels_come_back(step: Whitening, samples: np.ndarray) -> None:
    assert_comes_back(step, samples)


@settings(max_examples=40, deadline=None)
@given(arrays(np.int32, st.tuples(st.integers(0, 80), st.integers(1, 3)), elements=SAMPLES))
def test_any_residual_belongs_to_some_samples(step: Whitening, residual: np.ndarray) -> None:
    """The step is surjective too, so whatever a prior draws is a signal, and no code is wasted."""
    np.testing.assert_array_equal(step.forward(step.inverse(residual)), residual)


def test_arrays_in_any_memory_order_are_accepted(step: Whitening) -> None:
    samples = np.stack([tone(500), tone(500, seed=1)])
    np.testing.assert_array_equal(step.forward(samples.T), step.forward(np.ascontiguousarray(samples.T)))
    assert_comes_back(step, samples.T[::3])


def test_a_residual_depends_only_on_the_past(step: Whitening) -> None:
    samples = np.stack([tone(400), tone(400, seed=1)], axis=1)
    other = samples.copy()
    other[250:, 0] += 1000
    first, second = step.forward(samples), step.forward(other)
    np.testing.assert_array_equal(first[:250], second[:250])
    assert not np.array_equal(first[251:], second[251:])
    # the second channel sees the first one's sample at the same time, but not vice versa
    other = samples.copy()
    other[250, 1] += 1000
    assert step.forward(other)[250, 0] == first[250, 0]


def test_the_residual_is_the_noise(step: Whitening) -> None:
    residual = step.forward(tone(20000)[:, None])[2000:]
    assert 40 < residual.std() < 50  # the signal is a tone of amplitude 8000 in noise of 40


def test_a_copy_in_the_other_channel_leaves_almost_nothing(step: Whitening) -> None:
    one = tone(6000)[:, None]
    residual = step.forward(np.concatenate([one, one], axis=1))[2000:]
    assert np.abs(residual[:, 1]).mean() < 0.2 * np.abs(residual[:, 0]).mean()


def test_predictors_are_reset_in_each_block(step: Whitening) -> None:
    short, samples = replace(step, block_samples=300), np.stack([tone(1000), tone(1000, seed=1)], axis=1)
    blocks = [step.forward(samples[start : start + 300]) for start in range(0, 1000, 300)]
    np.testing.assert_array_equal(short.forward(samples), np.concatenate(blocks))
    np.testing.assert_array_equal(short.inverse(np.concatenate(blocks)), samples)


def test_the_name_depends_on_the_settings() -> None:
    config = WhiteningConfig(kind="adaptive")
    names = {build_whitening(replace(config, **change)).name for change in ({}, {"stages": 65}, {"floor": 0.02})}
    assert len(names) == 3
    assert build_whitening(config).name == build_whitening(config).name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": 0}, "whitening.stages=0"),
        ({"experts": [[0, 65]]}, "stages=64"),
        ({"cascades": [9]}, "whitening.cascades: there is no expert 9"),
        ({"filter_rates": [0.1]}, "whitening.filter_rates"),
    ],
)
def test_impossible_settings_are_named(change: dict[str, Any], message: str) -> None:
    config = replace(WhiteningConfig(kind="adaptive"), **change)
    assert any(message in problem for problem in whitening_problems(config))


def test_the_default_configurations_are_sound() -> None:
    assert list(whitening_problems(WhiteningConfig())) == []
    assert list(whitening_problems(WhiteningConfig(kind="adaptive"))) == []


_CHILD = """
import hashlib, sys
from idf.models.adaptive.whitening import build_whitening
from idf.config.schema import WhiteningConfig
from tests.signals import tone
print(hashlib.sha256(build_whitening(WhiteningConfig(kind="adaptive")).forward(tone(4000)[:, None]).tobytes()).hexdigest())
"""


def test_residuals_do_not_depend_on_the_instruction_set(step: Whitening) -> None:
    here = hashlib.sha256(step.forward(tone(4000)[:, None]).tobytes()).hexdigest()
    assert printed_without_extensions(_CHILD) == here
