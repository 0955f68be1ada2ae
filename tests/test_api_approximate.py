"""Reconstruction from the first blocks of a file in the Python API."""

from __future__ import annotations

import numpy as np
import pytest

import idf
from idf.errors import DataError, RunError
from tests.paths import TINY


@pytest.mark.parametrize("kind", ["int8", "int16", "int32"])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_first_blocks_in_the_type_that_was_compressed(kind: str, channels: int) -> None:
    wave = np.sin(np.arange(1500)[:, None] / np.arange(9, 9 + channels))
    samples = (100 * wave).astype(kind) << {"int8": 0, "int16": 8, "int32": 24}[kind]
    samples = samples[:, 0] if channels == 1 else samples
    data = idf.compress(samples, 8000, model=TINY)
    found = idf.approximate(data, 5, model=TINY)
    assert (found.rate_hz, found.blocks, len(found.names)) == (8000, 5, 7)
    assert (found.samples.dtype, found.samples.shape) == (samples.dtype, samples.shape)
    assert 0 < found.share < 1
    assert not np.array_equal(found.samples, samples)
    whole = idf.approximate(data, 7, model=TINY)
    assert whole.share == 1
    assert np.array_equal(whole.samples, samples)


def test_nothing_to_hear() -> None:
    data = idf.compress(np.zeros(0, np.int16), 8000, model=TINY)
    found = idf.approximate(data, 1, model=TINY)
    assert (len(found.samples), found.share) == (0, 1)


def test_mistakes_are_explained() -> None:
    data = idf.compress(np.zeros(9, np.int16), 8000, model=TINY)
    with pytest.raises(DataError, match="choose 1 to 7"):
        idf.approximate(data, 8, model=TINY)
    with pytest.raises(RunError, match="use a window flow"):
        idf.approximate(idf.compress(np.zeros(9, np.int16), 8000, model="fast"), 1)
