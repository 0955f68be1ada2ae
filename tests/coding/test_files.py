from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from idf.audio import read_pcm16, write_wav16
from idf.coding import compress_file, decompress_file, open_container
from idf.errors import DataError, FormatError, OutputError

Speech = Callable[..., np.ndarray]


@pytest.fixture
def wav(tmp_path: Path, speechlike: Speech) -> Path:
    path = tmp_path / "in.wav"
    write_wav16(path, speechlike(2500), 8000)
    return path


def test_wav_comes_back_byte_for_byte(codec: Any, wav: Path, tmp_path: Path) -> None:
    compress_file(codec, wav, tmp_path / "a.idf")
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav")
    assert (tmp_path / "out.wav").read_bytes() == wav.read_bytes()
    assert (tmp_path / "a.idf").stat().st_size < 0.7 * wav.stat().st_size
    assert open_container((tmp_path / "a.idf").read_bytes()).around is None


def test_odd_wav_comes_back_byte_for_byte(codec: Any, wav: Path, tmp_path: Path) -> None:
    plain = wav.read_bytes()
    odd = plain[:36] + b"LIST\x05\0\0\0hello\0" + plain[36:] + b"id3 \x03\0\0\0tag\0 and more"
    wav.write_bytes(odd)
    compress_file(codec, wav, tmp_path / "a.idf")
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav")
    assert (tmp_path / "out.wav").read_bytes() == odd


@pytest.mark.parametrize("suffix", [".flac", ".FLAC", ".wav"])
def test_flac_comes_back_as_the_same_samples(codec: Any, speechlike: Speech, tmp_path: Path, suffix: str) -> None:
    samples = speechlike(2500)
    soundfile.write(tmp_path / "in.flac", samples.astype(np.int16), 22050)
    compress_file(codec, tmp_path / "in.flac", tmp_path / "a.idf")
    target = tmp_path / f"out{suffix}"
    decompress_file(codec, tmp_path / "a.idf", target)
    pcm = read_pcm16(target)
    np.testing.assert_array_equal(pcm.samples, samples)
    assert pcm.rate_hz == 22050
    assert soundfile.info(str(target)).format == suffix[1:].upper()


def test_time_stamps_are_kept(codec: Any, wav: Path, tmp_path: Path) -> None:
    stamp = 1_234_567_890_123_456_000
    os.utime(wav, ns=(stamp, stamp))
    compress_file(codec, wav, tmp_path / "a.idf")
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav")
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.flac")
    for name in ("a.idf", "out.wav", "out.flac"):
        assert (tmp_path / name).stat().st_mtime_ns == stamp


def test_existing_targets_are_refused_unless_told(codec: Any, wav: Path, tmp_path: Path) -> None:
    target, back = tmp_path / "a.idf", tmp_path / "out.wav"
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a\.idf exists"):
        compress_file(codec, wav, target)
    assert target.read_bytes() == b"precious"
    compress_file(codec, wav, target, existing="replace")
    back.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"out\.wav exists"):
        decompress_file(codec, target, back)
    assert back.read_bytes() == b"precious"
    decompress_file(codec, target, back, existing="replace")
    assert back.read_bytes() == wav.read_bytes()


def test_a_file_is_never_written_over_itself(codec: Any, wav: Path) -> None:
    before = wav.read_bytes()
    with pytest.raises(OutputError, match="the file to be read"):
        compress_file(codec, wav, wav, existing="replace")
    assert wav.read_bytes() == before


def test_damage_names_the_file_and_leaves_nothing(codec: Any, wav: Path, tmp_path: Path) -> None:
    compressed = tmp_path / "a.idf"
    compress_file(codec, wav, compressed)
    data = bytearray(compressed.read_bytes())
    chunk = open_container(bytes(data)).chunks[2]
    data[chunk.start] ^= 1  # after two good chunks were written
    compressed.write_bytes(data)
    for name in ("out.wav", "out.flac"):
        with pytest.raises(FormatError, match=r"a\.idf: the chunk of samples 2000 to 2499"):
            decompress_file(codec, compressed, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.idf", "in.wav"]


def test_sources_that_cannot_be_read(codec: Any, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "text.idf").write_text("not ours")
    for convert in (compress_file, decompress_file):
        with pytest.raises(DataError, match="no such file"):
            convert(codec, tmp_path / "missing", tmp_path / "target")
        with pytest.raises(DataError, match="is a folder"):
            convert(codec, tmp_path, tmp_path / "target")
    with pytest.raises(DataError, match=r"text\.wav"):
        compress_file(codec, tmp_path / "text.wav", tmp_path / "target")
    with pytest.raises(FormatError, match=r"text\.idf: this is not an idf file"):
        decompress_file(codec, tmp_path / "text.idf", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_targets_that_cannot_be_written(codec: Any, wav: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        compress_file(codec, wav, tmp_path / ("x" * 300))
    with pytest.raises(OutputError, match=r"cannot write .*choose another place"):
        compress_file(codec, wav, wav / "a.idf")


def test_a_full_disk_leaves_nothing(codec: Any, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        compress_file(codec, wav, tmp_path / "a.idf")
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_stereo_is_refused_by_name(codec: Any, tmp_path: Path) -> None:
    for name in ("stereo.wav", "stereo.flac"):
        soundfile.write(tmp_path / name, np.zeros((10, 2), np.int16), 8000)
        with pytest.raises(DataError, match=rf"{name}.*2 channels"):
            compress_file(codec, tmp_path / name, tmp_path / "target")
