from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from idf.audio.pcm import write_wav16
from idf.evaluation.codecs import flac
from idf.evaluation.codecs.flac import FlacCommand, FlacPyflac, FlacSoundfile, find_flac
from idf.evaluation.codecs.interface import ClipFile, CodecError, Entry, FileCodec, Unavailable

needs_command = pytest.mark.skipif(shutil.which("flac") is None, reason="the flac command is not on PATH")
needs_pyflac = pytest.mark.skipif(importlib.util.find_spec("pyflac") is None, reason="pyflac is not installed")


@pytest.mark.parametrize(
    "codec",
    [
        FlacSoundfile(),
        pytest.param(FlacCommand(256), marks=needs_command),
        pytest.param(FlacCommand(16384), marks=needs_command),
        pytest.param(FlacPyflac(256), marks=needs_pyflac),
        pytest.param(FlacPyflac(16384), marks=needs_pyflac),
    ],
)
def test_lossless(codec: FileCodec, check_lossless: Callable[[FileCodec], None]) -> None:
    check_lossless(codec)


def _size(codec: FileCodec, samples: np.ndarray, folder: Path) -> int:
    wav, target = folder / "in.wav", folder / f"{type(codec).__name__}.flac"
    write_wav16(wav, samples, 22050)
    codec.encode(ClipFile(wav, samples, 22050), target)
    return target.stat().st_size


@pytest.mark.parametrize(
    "other", [pytest.param(FlacCommand(4096), marks=needs_command), pytest.param(FlacPyflac(4096), marks=needs_pyflac)]
)
def test_providers_agree_at_the_default_block(other: FileCodec, tmp_path: Path, fakes: ModuleType) -> None:
    samples = fakes.speech_like(30000)
    # Their vendor strings, of some 40 bytes, may differ.
    assert abs(_size(FlacSoundfile(), samples, tmp_path) - _size(other, samples, tmp_path)) < 60


@needs_command
def test_the_file_has_the_block_asked_for(tmp_path: Path, fakes: ModuleType) -> None:
    wav, target = tmp_path / "in.wav", tmp_path / "out.flac"
    samples = fakes.speech_like(40000)
    write_wav16(wav, samples, 8000)
    FlacCommand(16384).encode(ClipFile(wav, samples, 8000), target)
    # STREAMINFO: "fLaC" and a block header of 4 bytes precede the smallest and the largest block size.
    assert int.from_bytes(target.read_bytes()[8:10], "big") == 16384


def test_providers_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def providers(*here: str) -> list[Entry | Unavailable]:
        monkeypatch.setattr(flac, "_command_version", lambda: "flac 9.9" if "command" in here else None)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in here else None)
        monkeypatch.setattr(importlib.metadata, "version", lambda name: "7.7")
        return [find_flac(4096), find_flac(1024)]

    for here, provider in ((("command", "pyflac"), "flac 9.9 command"), (("pyflac",), "pyflac 7.7")):
        for entry, block in zip(providers(*here), (4096, 1024), strict=True):
            assert isinstance(entry, Entry)
            assert (entry.provider, entry.window) == (provider, block)
    default, other = providers()
    assert isinstance(default, Entry)
    assert default.codec == "FLAC -8"
    assert default.provider.startswith("soundfile")
    assert isinstance(default.implementation, FlacSoundfile)
    assert isinstance(other, Unavailable)
    assert other.codec == "FLAC -8 -b 1024"
    assert "block size" in other.reason
    assert "install" in other.remedy


def test_large_blocks_say_that_they_leave_the_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flac, "_command_version", lambda: "flac 9.9")
    assert find_flac(16384).codec == "FLAC -8 -b 16384 --lax"
    assert find_flac(4608).codec == "FLAC -8 -b 4608"


@pytest.mark.parametrize("block", [8, 65536])
def test_blocks_that_flac_does_not_have(block: int) -> None:
    found = find_flac(block)
    assert isinstance(found, Unavailable)
    assert "16 to 65535" in found.reason


def test_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "x.flac"
    file.write_bytes(b"fLaC and no more")
    with pytest.raises(CodecError, match="no readable"):
        FlacSoundfile().decode(file)


def test_a_broken_command_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "flac")

    monkeypatch.setattr(shutil, "which", lambda name: "/bin/flac")
    monkeypatch.setattr(subprocess, "run", broken)
    assert flac._command_version() is None
