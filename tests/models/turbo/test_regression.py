"""Least squares on past samples, compared with NumPy's solution of the same equations."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from idf.models.turbo.regression import SLACK, Regression, expect, first_regression, take

ORDER, FORGETTING = 8, 0.99


@numba.njit
def run(regression, samples, group, out):
    channels = samples.shape[1]
    for t in range(samples.shape[0]):
        for a in range(channels):
            out[t, a] = expect(regression, group, channels, a, samples[t, 0])
        take(regression, group, channels, samples[t], 0)


def signal(count: int, channels: int) -> np.ndarray:
    """Return a channel that is predictable except for noise, and optionally a second that follows it.

    Returns:
        float64 (n, channels).
    """
    rng = np.random.default_rng(count)
    noise, x = rng.normal(0, 100, count), np.zeros(count)
    for t in range(2, count):
        x[t] = 1.6 * x[t - 1] - 0.8 * x[t - 2] + noise[t]
    follower = 0.7 * x + 0.2 * np.roll(x, 1) + rng.normal(0, 10, count)
    return np.rint(np.stack([x, follower], axis=1)[:, :channels])


def learned(samples: np.ndarray, every: int, groups: int = 1, group: int = 0) -> tuple[Regression, np.ndarray]:
    regression = first_regression(groups, samples.shape[1], ORDER, every, FORGETTING)
    out = np.zeros(samples.shape)
    run(regression, samples, group, out)
    return regression, out


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("count", [100, SLACK + 90, 3 * SLACK + 7])
def test_predictions_solve_the_equations_with_forgetting(channels: int, count: int) -> None:
    """Predictions are right even after histories have been moved back to their ends."""
    samples = signal(count, channels)
    _, out = learned(samples, count - 1)  # one solution, before the last sample
    padded = np.concatenate([np.zeros((ORDER, channels)), samples[:-1]])
    lags = np.stack([padded[ORDER - lag : len(padded) - lag] for lag in range(1, ORDER + 1)], axis=1)
    inputs = lags.reshape(count - 1, -1)
    newest = padded[: -ORDER - 1 : -1].ravel()
    faded = FORGETTING ** np.arange(count - 2, -1, -1)
    energy = (faded[:, None] * samples[:-1] ** 2).sum(0)
    ridge = 1 + 1e-7 * energy.mean()
    for a in range(channels):
        known, present = inputs, newest
        if a:
            known = np.concatenate([inputs, samples[:-1, :1]], axis=1)
            present = np.append(newest, samples[-1, 0])
        matrix = (known * faded[:, None]).T @ known + ridge * np.eye(known.shape[1])
        weights = np.linalg.solve(matrix, (known * faded[:, None]).T @ samples[:-1, a])
        assert out[-1, a] == pytest.approx(present @ weights, rel=1e-6)


def test_groups_are_independent() -> None:
    samples = signal(700, 2)
    _, alone = learned(samples, 16)
    _, second = learned(samples, 16, groups=3, group=1)
    np.testing.assert_array_equal(alone, second)


def test_the_predictable_part_is_predicted() -> None:
    samples = signal(4000, 2)
    _, out = learned(samples, 16)
    error = np.abs(samples - out)[2000:].mean(0)
    assert error[0] < 100
    assert error[1] < 12


def test_equal_channels_and_a_silent_one() -> None:
    x = signal(3000, 1)[:, 0]
    _, out = learned(np.stack([x, x], axis=1), 16)
    assert np.abs(out[1000:, 1] - x[1000:]).mean() < 1
    _, out = learned(np.stack([x, np.zeros(3000)], axis=1), 16)
    assert np.abs(out[1000:, 1]).max() == 0


def test_long_silence_clears_the_state() -> None:
    samples = np.concatenate([signal(500, 1), np.zeros((80_000, 1))])
    regression, out = learned(samples, 16)
    assert out[-1, 0] == 0
    left = np.abs(regression.numbers[regression.rows : regression.upper])
    assert left.max() == 0


def test_nan_gives_zero_weights() -> None:
    samples = signal(320, 1)
    samples[100] = np.nan
    regression, _ = learned(samples, 16)
    assert not regression.numbers[regression.weights : regression.upper].any()
