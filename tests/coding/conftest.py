"""Mixtures shared by the coding tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from idf.coding.mixture import IntegerMixture

INT32 = np.iinfo(np.int32)


def _typical(rng: np.random.Generator, symbols: int, components: int) -> IntegerMixture:
    centre, octave = rng.normal(0, 3000, (symbols, 1)), rng.uniform(1, 10, (symbols, 1))
    means = centre + rng.normal(0, 0.5, (symbols, components)) * 2**octave
    return IntegerMixture(
        rng.integers(-150, 150, (symbols, components)).astype(np.int32),
        np.round(means * 256).astype(np.int32),
        np.round((octave + rng.normal(0, 0.7, (symbols, components))) * 32).astype(np.int32),
    )


def _extreme(rng: np.random.Generator, symbols: int, components: int) -> IntegerMixture:
    """Return parameters at, beyond and far beyond the limits of their ranges."""
    shape = (symbols, components)
    edges = np.array([INT32.min, INT32.max, -(2**24), 2**24, -(2**23), 2**23 - 256, 0, 127, 128, -128])
    return IntegerMixture(
        rng.choice([INT32.min, INT32.max, 0, 1, -1, -1407, -1408, 1409], shape).astype(np.int32),
        rng.choice(edges, shape).astype(np.int32),
        rng.choice([INT32.min, INT32.max, -193, -192, -191, 0, 160, 511, 512, 513], shape).astype(np.int32),
    )


@pytest.fixture
def mixtures() -> dict[str, Callable[[np.random.Generator, int, int], IntegerMixture]]:
    """Functions (rng, symbols, components) -> mixture, by name."""
    return {"typical": _typical, "extreme": _extreme}


@pytest.fixture
def draw() -> Callable[[np.random.Generator, IntegerMixture], np.ndarray]:
    """Draw symbols from the real-valued mixture (the component by a Gumbel draw, then a logistic)."""

    def sample(rng: np.random.Generator, mixture: IntegerMixture) -> np.ndarray:
        component = np.argmax(mixture.logits / 64 + rng.gumbel(size=mixture.logits.shape), axis=1)
        rows = np.arange(len(mixture))
        scale = np.exp2(np.clip(mixture.scales[rows, component], -192, 512) / 32)
        values = mixture.means[rows, component] / 256 + scale * rng.logistic(size=len(mixture))
        return np.clip(np.round(values), -32768, 32767).astype(np.int32)

    return sample
