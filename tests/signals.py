"""Signals that several tests use."""

from __future__ import annotations

import numpy as np

LOW, HIGH = -32768, 32767


def tone(samples: int, *, amplitude: float = 8000, seed: int = 0) -> np.ndarray:
    """Return a sliding tone in noise, int32 (samples,)."""
    t = np.arange(samples)
    rng = np.random.default_rng(seed)
    return np.rint(amplitude * np.sin(2e-5 * t * t / (1 + t / 9000)) + rng.normal(size=samples) * 40).astype(np.int32)


def speech(samples: int, *, seed: int = 0) -> np.ndarray:
    """Return a resonance in noise, as loud and predictable as a voice, int32 (samples,)."""
    rng = np.random.default_rng(seed)
    x = np.zeros(samples + 2)
    for t in range(2, samples + 2):
        x[t] = 1.8 * x[t - 1] - 0.9 * x[t - 2] + rng.normal() * 60
    return np.clip(np.rint(x[2:]), LOW, HIGH).astype(np.int32)


def _named() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    noise = rng.integers(LOW, HIGH + 1, 1500)
    signals = {
        "empty": np.zeros(0),
        "one sample": np.array([17]),
        "one sample, the lowest": np.array([LOW]),
        "two samples": np.array([LOW, HIGH]),
        "a prime number": tone(997),
        "whole windows": tone(640),
        "one sample over": tone(641),
        "silence": np.zeros(1500),
        "constant": np.full(500, LOW),
        "square": np.where(np.arange(2000) % 100 < 50, HIGH, LOW),
        "alternating": np.where(np.arange(1500) % 2, HIGH, LOW),
        "noise": noise,
        "plus and minus one": rng.integers(-1, 2, 1500),
        "silence to full scale": np.concatenate([np.zeros(900), noise[:300], np.zeros(900)]),
        "clipped tone": np.clip(tone(1500, amplitude=60000), LOW, HIGH),
        "speech": speech(1000),
        "longer than a group of windows": speech(17_000),
    }
    return {name: samples.astype(np.int32) for name, samples in signals.items()}


SIGNALS = _named()
"""Signals of extreme level, predictability and length (for windows of 64 samples in groups of 16,384), int32 (n,)."""
EXTREME = (LOW, 0, 1, HIGH)
"""Samples that hypothesis should draw more often than by chance."""
