"""Small audio files for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from idf.audio.pcm import write_wav16

MakeClips = Callable[..., Path]


def noise(count: int, seed: int = 0) -> npt.NDArray[np.int32]:
    """Return 16-bit noise over the full range, int32 (count,)."""
    return np.random.default_rng(seed).integers(-32768, 32768, count, dtype=np.int32)


@pytest.fixture
def make_clips(tmp_path: Path) -> MakeClips:
    """A function that writes WAV files of ``{name: length}`` to a folder and returns the folder."""

    def make(lengths: dict[str, int], folder: str = "clips", rate_hz: int = 8000) -> Path:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        for seed, (name, length) in enumerate(lengths.items()):
            write_wav16(root / f"{name}.wav", noise(length, seed), rate_hz)
        return root

    return make
