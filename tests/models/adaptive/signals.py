"""Signals that several tests use."""

from __future__ import annotations

import numpy as np


def tone(samples: int, *, amplitude: float = 8000, seed: int = 0) -> np.ndarray:
    """A sliding tone in noise: int32 (samples,)."""
    t = np.arange(samples)
    rng = np.random.default_rng(seed)
    return np.rint(amplitude * np.sin(2e-5 * t * t / (1 + t / 9000)) + rng.normal(size=samples) * 40).astype(np.int32)
