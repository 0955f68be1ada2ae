"""Codecs and samples shared by the tests of the compressed file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.static_codec import StaticCodec


@pytest.fixture
def codec() -> StaticCodec:
    return StaticCodec()


@pytest.fixture(scope="session")  # hypothesis requires fixtures that examples share to have session scope
def make_codec() -> Callable[..., StaticCodec]:
    return StaticCodec


@pytest.fixture
def speechlike() -> Callable[[int], np.ndarray]:
    """Samples that the static codec compresses well, int32 (n,)."""

    def make(samples: int, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.clip(np.round(rng.laplace(0, 120, samples)), -32768, 32767).astype(np.int32)

    return make
