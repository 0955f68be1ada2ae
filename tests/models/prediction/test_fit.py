"""The fitted initial state recovers the classes of sound in the training clips and reduces residuals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from idf.config.schema import WhiteningConfig
from idf.errors import DataError
from idf.models.prediction.fit import fitted_start
from idf.models.prediction.start import checked_start
from idf.models.prediction.whitening import build_window_whitening

CONFIG = WhiteningConfig(kind="window", cascades=[], classes=2, order=4, stages=16, experts=[[6, 8]])
FILTERS = np.array([[1.8, -0.9, 0.0, 0.0], [-0.5, 0.4, 0.0, 0.0]])


def sound(predictor: np.ndarray, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.zeros(count + 4)
    for t in range(4, count + 4):
        x[t] = predictor @ x[t - 4 : t][::-1] + 100 * rng.normal()
    return np.rint(x[4:]).astype(np.int32)


CLIPS = [sound(FILTERS[number % 2], 6000, number) for number in range(6)]


def test_classes_are_the_predictors_that_generated_the_sound() -> None:
    start = fitted_start(CLIPS, build_window_whitening(CONFIG, 256).start, 0)
    ordered = start.means[np.argsort(-start.means[:, 0])]
    np.testing.assert_allclose(ordered, FILTERS, atol=0.05)
    np.testing.assert_allclose(start.shares, 0.5, atol=0.05)
    assert 90 < start.level[0] < 115
    checked_start(start.arrays, start)


def test_windows_start_from_the_fitted_state() -> None:
    plain = build_window_whitening(CONFIG, 256)
    step = plain.with_start(fitted_start(CLIPS, plain.start, 0))
    windows = np.concatenate([sound(predictor, 2560, 99).reshape(-1, 256) for predictor in FILTERS])
    before, after = (np.abs(own.apply_to_windows(windows)[:, 4:24]).mean() for own in (plain, step))
    assert after < 0.8 * before
    assert after < 1.1 * 100 * np.sqrt(2 / np.pi)  # of the noise itself


@pytest.mark.parametrize("clips", [[], [np.zeros(5000, np.int32)], [CLIPS[0][:400]]])
def test_too_little_sound_is_an_error(clips: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match="at least 8 stretches of 256 samples"):
        fitted_start(clips, build_window_whitening(CONFIG, 256).start, 0)


def test_unusual_sound_gives_an_initial_state_that_models_accept() -> None:
    settings = replace(CONFIG, classes=7, order=12)
    start = build_window_whitening(settings, 256).start
    square = np.where(np.arange(20000) % 100 < 50, 32767, -32768).astype(np.int32)
    constant = np.full(8000, -32768, np.int32)
    click = np.zeros(8000, np.int32)
    click[::200] = 32767
    for clips in ([square], [constant], [click], [constant, square, click]):
        checked_start(fitted_start(clips, start, 0).arrays, start)
