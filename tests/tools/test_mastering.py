from __future__ import annotations

import mastering
import numpy as np
import pytest

RATE_HZ = 44_100


@pytest.fixture
def music() -> mastering.Signal:
    """One second of a decaying tone, louder on the left, and a steady tone on the right."""
    time = np.arange(RATE_HZ) / RATE_HZ
    left = np.sin(2 * np.pi * 220 * time) * np.exp(-3 * time)
    right = 0.3 * left + 0.5 * np.sin(2 * np.pi * 331 * time)
    return np.stack([left, right], axis=1)


def decibels(signal: mastering.Signal) -> float:
    return float(10 * np.log10(np.square(signal).mean()))


def test_peak_is_where_it_is_asked_for(music: mastering.Signal) -> None:
    assert np.abs(mastering.set_peak(music, -6.0)).max() == pytest.approx(10 ** (-6 / 20))
    assert not mastering.set_peak(np.zeros((4, 2)), -6.0).any()


def test_width_changes_the_difference_of_the_channels_alone(music: mastering.Signal) -> None:
    narrow = mastering.set_width(music, 0.25)
    np.testing.assert_allclose(narrow.sum(axis=1), music.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(np.diff(narrow, axis=1), 0.25 * np.diff(music, axis=1), atol=1e-12)


def test_noise_of_a_room_has_its_level_and_is_partly_common() -> None:
    silence = np.zeros((4 * RATE_HZ, 2))
    noise = mastering.add_room(silence, -60.0, RATE_HZ, np.random.default_rng(1))
    assert decibels(noise) == pytest.approx(-60.0, abs=0.01)
    assert np.corrcoef(noise.T)[0, 1] == pytest.approx(0.5, abs=0.1)
    power = np.square(np.abs(np.fft.rfft(noise[:, 0])))
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    octaves = [power[(hertz >= low) & (hertz < 2 * low)].sum() for low in (250, 1000, 4000)]
    assert max(octaves) / min(octaves) < 1.5  # pink: each octave has the same power
    assert power[hertz > 16_100].sum() < 1e-6 * power.sum()


@pytest.mark.parametrize("drive", [1.0, 4.0, 30.0])
def test_limiter_keeps_below_its_ceiling_and_leaves_the_rest(music: mastering.Signal, drive: float) -> None:
    limited = mastering.limit(drive * music, 0.9, RATE_HZ)
    assert limited.shape == music.shape
    assert np.abs(limited).max() <= 0.9 + 1e-12
    quiet = mastering.limit(0.5 * music, 0.9, RATE_HZ)
    np.testing.assert_allclose(quiet, 0.5 * music, atol=1e-12)


def test_dither_makes_the_error_independent_of_the_signal() -> None:
    steps = np.full((200_000, 1), 0.3 / mastering.FULL_SCALE)
    samples = mastering.quantise(steps, mastering.FULL_SCALE, np.random.default_rng(2))
    assert samples.dtype == np.int16
    assert samples.mean() == pytest.approx(0.3, abs=0.01)  # without dither all would be 0
    assert np.var(samples) == pytest.approx(0.25, abs=0.01)  # 1/4 for every signal: triangular, two steps wide


def test_loud_signals_are_clipped_at_the_ceiling(music: mastering.Signal) -> None:
    samples = mastering.quantise(8 * music, 30_000, np.random.default_rng(3))
    assert samples.max() == 30_000
    assert samples.min() == -30_000
    assert (np.abs(samples.astype(int)) == 30_000).mean() > 0.2
