from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from idf.evaluation.codecs.ffmpeg import FfmpegCodec, find_ffmpeg
from idf.evaluation.codecs.interface import CodecError, Entry, FileCodec, Unavailable

NAMES = ("wavpack", "tta", "alac")


@pytest.mark.parametrize("name", NAMES)
def test_lossless(name: str, check_lossless: Callable[[FileCodec], None]) -> None:
    found = find_ffmpeg(name)
    assert isinstance(found, Entry), found
    assert found.provider.startswith("PyAV")
    assert found.window is None
    check_lossless(found.implementation)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_file(name: str, tmp_path: Path) -> None:
    found = find_ffmpeg(name)
    assert isinstance(found, Entry)
    file = tmp_path / f"x{found.implementation.suffix}"
    file.write_bytes(bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8)))
    with pytest.raises(CodecError, match=r"x\."):
        found.implementation.decode(file)


def test_without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert find_ffmpeg("tta") == Unavailable("TTA", "PyAV is not installed", "pip install av")


def test_without_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = FfmpegCodec("no_such_encoder", "wv", "s16p", None, ".wv")
    monkeypatch.setattr("idf.evaluation.codecs.ffmpeg._CODECS", {"wavpack": ("WavPack", codec)})
    found = find_ffmpeg("wavpack")
    assert isinstance(found, Unavailable)
    assert "no_such_encoder" in found.reason
