"""Mixtures and codecs that the coding tests share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from idf.coding.coders import new_message, read_message
from idf.coding.mixture import IntegerMixture

INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class StaticCodec:
    """A codec with one fixed two-component mixture for every sample: the smallest ChunkCodec."""

    chunk_samples: int = 1000
    scale: int = 220
    coder: str = "rans"
    joins_channels: bool = False

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(f"static {self.scale}".encode()).digest()[:16]

    def encode(self, samples: np.ndarray) -> bytes:
        message = new_message(self.coder)
        message.push(samples.T.reshape(-1), self._mixture(samples.size))
        return message.to_bytes()

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        message = read_message(self.coder, data)
        samples = message.pop(self._mixture(count * channels))
        message.finish()
        return samples.reshape(channels, count).T

    def _mixture(self, count: int) -> IntegerMixture:
        def rows(*values: int) -> np.ndarray:
            return np.tile(np.array(values, np.int32), (count, 1))

        return IntegerMixture(rows(0, -64), rows(0, 0), rows(self.scale, self.scale + 64))


@pytest.fixture
def codec() -> StaticCodec:
    return StaticCodec()


@pytest.fixture(scope="session")  # hypothesis wants what its examples share to be shared openly
def make_codec() -> Callable[..., StaticCodec]:
    return StaticCodec


@pytest.fixture
def speechlike() -> Callable[[int], np.ndarray]:
    """int32 (n,) samples that the static codec compresses."""

    def make(samples: int, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.clip(np.round(rng.laplace(0, 120, samples)), -32768, 32767).astype(np.int32)

    return make


def _typical(rng: np.random.Generator, symbols: int, components: int) -> IntegerMixture:
    centre, octave = rng.normal(0, 3000, (symbols, 1)), rng.uniform(1, 10, (symbols, 1))
    means = centre + rng.normal(0, 0.5, (symbols, components)) * 2**octave
    return IntegerMixture(
        rng.integers(-150, 150, (symbols, components)).astype(np.int32),
        np.round(means * 256).astype(np.int32),
        np.round((octave + rng.normal(0, 0.7, (symbols, components))) * 32).astype(np.int32),
    )


def _extreme(rng: np.random.Generator, symbols: int, components: int) -> IntegerMixture:
    """Everything at, beyond and far beyond the edges of its range."""
    shape = (symbols, components)
    edges = np.array([INT32.min, INT32.max, -(2**24), 2**24, -(2**23), 2**23 - 256, 0, 127, 128, -128])
    return IntegerMixture(
        rng.choice([INT32.min, INT32.max, 0, 1, -1, -1407, -1408, 1409], shape).astype(np.int32),
        rng.choice(edges, shape).astype(np.int32),
        rng.choice([INT32.min, INT32.max, -193, -192, -191, 0, 160, 511, 512, 513], shape).astype(np.int32),
    )


@pytest.fixture
def mixtures() -> dict[str, Callable[[np.random.Generator, int, int], IntegerMixture]]:
    """By name, functions (rng, symbols, components) -> mixture."""
    return {"typical": _typical, "extreme": _extreme}


@pytest.fixture
def draw() -> Callable[[np.random.Generator, IntegerMixture], np.ndarray]:
    """Symbols distributed as the real-valued mixture says (a Gumbel draw of the component, then a logistic)."""

    def sample(rng: np.random.Generator, mixture: IntegerMixture) -> np.ndarray:
        component = np.argmax(mixture.logits / 64 + rng.gumbel(size=mixture.logits.shape), axis=1)
        rows = np.arange(len(mixture))
        scale = np.exp2(np.clip(mixture.scales[rows, component], -192, 512) / 32)
        values = mixture.means[rows, component] / 256 + scale * rng.logistic(size=len(mixture))
        return np.clip(np.round(values), -32768, 32767).astype(np.int32)

    return sample
