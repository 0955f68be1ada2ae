from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from idf.datasets.dataset import spread
from idf.training.families import window
from idf.training.families.window import Validator

SIGNALS = {"a": np.arange(70), "b": np.arange(3), "c": np.arange(64) * 2, "d": np.arange(37)}


@dataclass(frozen=True)
class FakeModel:
    """Cuts windows of 16 and shorter last ones, a multiple of 4 long, whose padding is not coded."""

    def cut(self, samples: np.ndarray) -> list[SimpleNamespace]:
        full = len(samples) // 16 * 16
        parts = [SimpleNamespace(windows=samples[:full].reshape(-1, 16), coded=np.ones((full // 16, 16), bool))]
        rest = samples[full:]
        if len(rest):
            length = -(-len(rest) // 4) * 4
            windows = np.zeros((1, length), np.int32)
            windows[0, : len(rest)] = rest
            parts.append(SimpleNamespace(windows=windows, coded=np.arange(length)[None] < len(rest)))
        return parts


def bits(model: object, weights: dict[str, Any], windows: tf.Tensor, sharpness: Any, coded: tf.Tensor) -> Any:
    """Return the sum of value + weight + sharpness over the coded samples as the bits of each window."""
    values = (tf.cast(windows, tf.float32) + weights["w"] + (0.0 if sharpness is None else sharpness)) * coded
    return SimpleNamespace(bits=tf.reduce_sum(values, 1))


@pytest.mark.parametrize("batch", [1, 3, 4, 50])
@pytest.mark.parametrize("sharpness", [None, 2.0])
def test_every_sample_counts_once_whatever_the_batch(
    batch: int, sharpness: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "training_bits", bits)
    model: Any = FakeModel()
    weights: Any = {"w": tf.constant(1.0)}
    dataset: Any = SimpleNamespace(read=lambda clip: SimpleNamespace(samples=SIGNALS[clip]))
    validator = Validator(model, weights, dataset, window=16, batch=batch, compile=False)
    clips: Any = list(SIGNALS)
    found = validator.bits_per_sample(clips, sharpness, lambda: False)
    samples = sum(map(len, SIGNALS.values()))
    values = sum(int(signal.sum()) for signal in SIGNALS.values())
    assert found == pytest.approx((values + samples) / samples + (sharpness or 0.0))
    assert validator.bits_per_sample(clips, sharpness, lambda: batch < 50) == (None if batch < 50 else found)


def test_clips_are_spread_evenly() -> None:
    clips: Any = list(range(10))
    assert spread(clips, 0) == clips
    assert spread(clips, 99) == clips
    assert spread(clips, 5) == [0, 2, 4, 6, 8]
    assert spread(clips, 1) == [0]
