"""Prediction within windows as a flow step: bijective for every signal, independent between windows, and effective."""

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
from idf.models.prediction.start import Start, checked_start, empty_start, growing_predictors
from idf.models.prediction.whitening import WindowWhitening, build_window_whitening
from tests.other_processors import printed_without_extensions
from tests.signals import tone

WINDOW = 96
RNG = np.random.default_rng(5)
SIGNALS = {
    "empty": np.zeros(0),
    "one sample": np.array([-32768]),
    "shorter than a window": RNG.integers(-300, 300, WINDOW - 1),
    "silence": np.zeros(1500),
    "lowest": np.full(500, -32768),
    "square": np.where(np.arange(4000) % 100 < 50, 32767, -32768),
    "noise": RNG.integers(-32768, 32768, 3000),
    "alternating": np.where(np.arange(3000) % 2, 32767, -32768),
    "silence to full scale": np.concatenate([np.zeros(2000), RNG.integers(-32768, 32768, 500), np.zeros(2000)]),
    "clipped tone": np.clip(tone(3000, amplitude=60000), -32768, 32767),
}
SAMPLES = st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, 0, 1, 32767]))


def config(**change: Any) -> WhiteningConfig:
    return replace(WhiteningConfig(kind="window", cascades=[], classes=5, order=10), **change)


def some_start(settings: WhiteningConfig) -> Start:
    """Return an initial state whose classes have arbitrary stable predictors."""
    rng = np.random.default_rng(7)
    empty = empty_start(settings.classes, settings.order, settings.stages)
    reflection = (rng.uniform(-0.9, 0.9, empty.reflection.shape) * 0.8 ** np.arange(settings.order)).astype(np.float32)
    means = np.stack([growing_predictors(reflection)[-1, :, k] for k in range(settings.classes)])
    factor = rng.normal(size=empty.spread.shape) * 0.1
    lattice = np.stack([0.7 ** np.arange(1, settings.stages + 1), 4 ** -np.linspace(0, 1, settings.stages) * 4])
    return replace(
        empty,
        reflection=reflection,
        means=means.astype(np.float32),
        spread=(factor @ factor.T).astype(np.float32),
        lattice=lattice.astype(np.float32),
    )


@pytest.fixture(scope="module")
def step() -> WindowWhitening:
    return build_window_whitening(config(), WINDOW).with_start(some_start(config()))


@pytest.fixture(scope="module")
def long(step: WindowWhitening) -> WindowWhitening:
    return build_window_whitening(config(), 1 << 14).with_start(step.start)


def assert_comes_back(step: WindowWhitening, samples: np.ndarray) -> None:
    residual = step.forward(samples)
    assert residual.dtype == np.int32
    assert residual.shape == samples.shape
    assert residual.min(initial=0) >= -32768
    assert residual.max(initial=0) <= 32767
    restored = step.inverse(residual)
    assert restored.dtype == np.int32
    np.testing.assert_array_equal(restored, samples)


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_comes_back(step: WindowWhitening, long: WindowWhitening, name: str) -> None:
    samples = SIGNALS[name].astype(np.int32)[:, None]
    assert_comes_back(step, samples)
    assert_comes_back(long, samples)
    assert_comes_back(build_window_whitening(config(), WINDOW), samples)


@settings(max_examples=40, deadline=None)
@given(arrays(np.int32, st.tuples(st.integers(0, 220), st.integers(1, 3)), elements=SAMPLES))
def test_any_samples_of_any_channels_come_back(step: WindowWhitening, samples: np.ndarray) -> None:
    assert_comes_back(step, samples)


@settings(max_examples=40, deadline=None)
@given(arrays(np.int32, st.tuples(st.integers(0, 220), st.integers(1, 2)), elements=SAMPLES))
def test_any_residual_belongs_to_some_samples(step: WindowWhitening, residual: np.ndarray) -> None:
    np.testing.assert_array_equal(step.forward(step.inverse(residual)), residual)


def test_windows_and_channels_are_independent(step: WindowWhitening) -> None:
    samples = np.stack([tone(5 * WINDOW + 30), tone(5 * WINDOW + 30, seed=1)], axis=1)
    whole = step.forward(samples)
    for start in range(0, len(samples), WINDOW):
        for channel in range(2):
            alone = step.forward(samples[start : start + WINDOW, channel : channel + 1])
            np.testing.assert_array_equal(alone[:, 0], whole[start : start + WINDOW, channel])
    windows = samples[: 5 * WINDOW, 0].reshape(5, WINDOW)
    np.testing.assert_array_equal(step.apply_to_windows(windows).reshape(-1), whole[: 5 * WINDOW, 0])


def test_a_residual_depends_only_on_the_past(step: WindowWhitening) -> None:
    samples = tone(WINDOW)[:, None]
    other = samples.copy()
    other[60:] += 1000
    first, second = step.forward(samples), step.forward(other)
    np.testing.assert_array_equal(first[:60], second[:60])
    assert not np.array_equal(first[61:], second[61:])


def test_the_residual_in_long_windows_is_the_noise(long: WindowWhitening) -> None:
    residual = long.forward(tone(16000)[:, None])[2000:]
    assert 39 < residual.std() < 50  # the signal is a tone of amplitude 8000 in noise of 40


def test_predictors_of_lower_orders_are_those_of_levinson() -> None:
    rng = np.random.default_rng(0)
    filter_ = rng.normal(size=6) * 0.7 ** np.arange(6)
    lags = np.correlate(filter_, filter_, "full")[5:]
    reflection, row, power = [], np.ones(1), lags[0]
    for stage in range(1, 6):
        k = row @ lags[stage:0:-1] / power
        reflection.append(k)
        row, power = np.append(row, 0) - k * np.append(row, 0)[::-1], power * (1 - k * k)
    found = growing_predictors(np.array([[*reflection, 0.0]]))
    for order in range(1, 6):
        matrix = lags[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
        np.testing.assert_allclose(found[order, :order, 0], np.linalg.solve(matrix, lags[1 : order + 1]), atol=1e-8)
        assert not found[order, order:].any()


def test_the_model_stores_the_step(step: WindowWhitening) -> None:
    again = build_window_whitening(config(), WINDOW, step.arrays)
    samples = tone(3 * WINDOW)[:, None]
    np.testing.assert_array_equal(again.forward(samples), step.forward(samples))
    assert again.name == step.name


def test_the_name_follows_settings_window_and_start(step: WindowWhitening) -> None:
    others = [
        build_window_whitening(config(**change), WINDOW) for change in ({}, {"stages": 65}, {"start_samples": 1.0})
    ]
    others.append(build_window_whitening(config(), 2 * WINDOW))
    assert len({step.name, *(other.name for other in others)}) == 5


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("shares", 0, 0.0, "above 0"),
        ("level", 0, np.nan, "level is out of range"),
        ("means", (0, 0), np.inf, "means is out of range"),
        ("reflection", (0, 0), 1.5, "from -1 to 1"),
        ("spread", (0, 1), 3.0, "not symmetric"),
    ],
)
def test_an_impossible_initial_state_is_refused(
    step: WindowWhitening, name: str, place: Any, value: float, message: str
) -> None:
    wrong = {key: array.copy() for key, array in step.start.arrays.items()}
    wrong[name][place] = value
    with pytest.raises(ValueError, match=message):
        checked_start(wrong, step.start)


def test_an_initial_state_of_another_shape_is_refused(step: WindowWhitening) -> None:
    with pytest.raises(ValueError, match=r"whitening/reflection has shape \(5, 10\), not \(6, 10\)"):
        build_window_whitening(config(classes=6), WINDOW, step.arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 0}, "whitening.classes=0"),
        ({"order": 129}, "whitening.order=129"),
        ({"start_samples": 0.0}, "whitening.start_samples=0.0"),
        ({"experts": [[0, 65]]}, "stages=64"),
        ({"cascades": [3]}, r"whitening.cascades=[3]: whitening=window has no cascades"),
    ],
)
def test_impossible_settings_are_named(change: dict[str, Any], message: str) -> None:
    assert any(message in problem for problem in whitening_problems(config(**change)))


def test_the_default_configuration_is_sound() -> None:
    assert list(whitening_problems(WhiteningConfig(kind="window", cascades=[]))) == []


_CHILD = """
import hashlib
from tests.models.prediction.test_whitening import WINDOW, config, some_start
from idf.models.prediction.whitening import build_window_whitening
from tests.signals import tone
step = build_window_whitening(config(), 1 << 14).with_start(some_start(config()))
print(hashlib.sha256(step.forward(tone(4000)[:, None]).tobytes()).hexdigest())
"""


def test_residuals_do_not_depend_on_the_instruction_set(long: WindowWhitening) -> None:
    here = hashlib.sha256(long.forward(tone(4000)[:, None]).tobytes()).hexdigest()
    assert printed_without_extensions(_CHILD) == here
