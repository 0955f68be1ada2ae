from __future__ import annotations

import errno
import hashlib
import itertools
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from idf.container import files
from idf.container.files import compress_file, decompress_file, read_file_header, verify_file
from idf.container.index import read_index
from idf.errors import DataError, FormatError, OutputError

Speech = Callable[..., np.ndarray]


@pytest.fixture
def wav(tmp_path: Path, speechlike: Speech) -> Path:
    path = tmp_path / "in.wav"
    soundfile.write(path, speechlike(2500).astype(np.int16), 8000)
    return path


def test_wav_comes_back_byte_for_byte(codec: Any, wav: Path, tmp_path: Path) -> None:
    size = compress_file(codec, wav, tmp_path / "a.idf")
    assert (size.samples, size.raw_bytes, size.seconds) == (2500, 5000, 2500 / 8000)
    assert size.compressed_bytes == (tmp_path / "a.idf").stat().st_size < 0.75 * wav.stat().st_size
    assert verify_file(codec, tmp_path / "a.idf") == size
    assert decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav") == size
    assert (tmp_path / "out.wav").read_bytes() == wav.read_bytes()
    header = read_file_header(tmp_path / "a.idf")
    assert not header.has_head
    assert not header.from_flac


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_odd_wav_comes_back_byte_for_byte(
    codec: Any, speechlike: Speech, tmp_path: Path, subtype: str, channels: int, jobs: int
) -> None:
    wav = tmp_path / "in.wav"
    soundfile.write(wav, speechlike(2501 * channels).reshape(-1, channels).astype(np.int16), 8000, subtype=subtype)
    plain = wav.read_bytes()
    for odd in (
        plain[:36] + b"LIST\x05\0\0\0hello\0" + plain[36:] + b"id3 \x03\0\0\0tag\0 and more",
        plain[:-1],
        plain + b"x",
    ):
        wav.write_bytes(odd)
        compress_file(codec, wav, tmp_path / "a.idf", existing="replace", jobs=jobs)
        decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav", existing="replace", jobs=jobs)
        assert (tmp_path / "out.wav").read_bytes() == odd


@pytest.mark.parametrize("suffix", [".flac", ".FLAC", ".wav"])
@pytest.mark.parametrize(("subtype", "shift"), [("PCM_S8", 24), ("PCM_16", 16), ("PCM_24", 8)])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_flac_comes_back_as_the_same_samples(
    codec: Any, speechlike: Speech, tmp_path: Path, suffix: str, subtype: str, shift: int, channels: int
) -> None:
    samples = speechlike(2501 * channels).reshape(-1, channels) % 200 - 100
    soundfile.write(tmp_path / "in.flac", samples << shift, 22050, subtype=subtype)
    compress_file(codec, tmp_path / "in.flac", tmp_path / "a.idf")
    assert read_file_header(tmp_path / "a.idf").from_flac
    target = tmp_path / f"out{suffix}"
    decompress_file(codec, tmp_path / "a.idf", target)
    decoded, rate_hz = soundfile.read(target, dtype="int32", always_2d=True)
    np.testing.assert_array_equal(decoded >> shift, samples)
    assert rate_hz == 22050
    assert soundfile.info(str(target)).format == suffix[1:].upper()


def test_time_stamps_and_permissions_are_kept(codec: Any, wav: Path, tmp_path: Path) -> None:
    stamp = 1_234_567_890_123_456_000
    os.utime(wav, ns=(stamp, stamp))
    wav.chmod(0o640)
    compress_file(codec, wav, tmp_path / "a.idf")
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav")
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.flac")
    for name in ("a.idf", "out.wav", "out.flac"):
        assert (tmp_path / name).stat().st_mtime_ns == stamp
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640


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
    with pytest.raises(OutputError, match="the source file"):
        compress_file(codec, wav, wav, existing="replace")
    assert wav.read_bytes() == before


def test_damage_names_the_file_and_leaves_nothing(codec: Any, wav: Path, tmp_path: Path) -> None:
    compressed = tmp_path / "a.idf"
    compress_file(codec, wav, compressed)
    data = bytearray(compressed.read_bytes())
    with open(compressed, "rb") as file:
        data[int(read_index(file).starts[2]) + 30] ^= 1  # after two good blocks have been written
    compressed.write_bytes(data)
    for name in ("out.wav", "out.flac"):
        with pytest.raises(FormatError, match=r"a\.idf: the block of samples 2000 to 2499"):
            decompress_file(codec, compressed, tmp_path / name)
    with pytest.raises(FormatError, match=r"a\.idf: the block of samples 2000 to 2499"):
        verify_file(codec, compressed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.idf", "in.wav"]


def test_sources_that_cannot_be_read(codec: Any, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio at all")
    (tmp_path / "text.idf").write_text("not ours")
    (tmp_path / "empty.wav").touch()
    for convert in (compress_file, decompress_file):
        with pytest.raises(DataError, match="no such file"):
            convert(codec, tmp_path / "missing", tmp_path / "target")
        with pytest.raises(DataError, match="is a folder"):
            convert(codec, tmp_path, tmp_path / "target")
    with pytest.raises(DataError, match=r"text\.wav: not a WAV, AIFF, CAF, W64 or FLAC file; supported"):
        compress_file(codec, tmp_path / "text.wav", tmp_path / "target")
    with pytest.raises(DataError, match=r"empty\.wav: the file is empty"):
        compress_file(codec, tmp_path / "empty.wav", tmp_path / "target")
    with pytest.raises(FormatError, match=r"text\.idf: this is not an idf file"):
        decompress_file(codec, tmp_path / "text.idf", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_what_is_refused_is_told_what_is_supported(codec: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "float.wav", np.zeros(10), 8000, subtype="DOUBLE")
    with pytest.raises(
        DataError, match=r"float\.wav: found 64-bit float samples; supported: integer PCM of 8, 16, 24 or 32 bits or"
    ):
        compress_file(codec, tmp_path / "float.wav", tmp_path / "a.idf")


@pytest.mark.parametrize("subtype", ["PCM_32", "FLOAT"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_32_bits_come_back_byte_for_byte(codec: Any, tmp_path: Path, subtype: str, jobs: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (3000, 2))
    for samples in (noise, np.rint(noise * 32768) / 32768, np.rint(noise * 2**23) / 2**23):
        soundfile.write(tmp_path / "in.wav", samples, 48000, subtype=subtype)
        compress_file(codec, tmp_path / "in.wav", tmp_path / "a.idf", existing="replace", jobs=jobs)
        decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav", existing="replace", jobs=jobs)
        assert (tmp_path / "out.wav").read_bytes() == (tmp_path / "in.wav").read_bytes()
    with pytest.raises(OutputError, match=r"the FLAC encoder does not support this audio .* write a \.wav file"):
        decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.flac")
    assert names(tmp_path) == ["a.idf", "in.wav", "out.wav"]


def damaged_flac(path: Path, speechlike: Speech) -> Path:
    soundfile.write(path, speechlike(20000).astype(np.int16), 8000)
    return path


def test_damaged_flac_is_refused(codec: Any, speechlike: Speech, tmp_path: Path) -> None:
    path = damaged_flac(tmp_path / "in.flac", speechlike)
    whole = path.read_bytes()
    md5 = bytearray(whole)
    md5[30] ^= 1
    for data in (whole[: len(whole) // 2], bytes(md5), whole[:20], b"fLaC"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"in\.flac"):
            compress_file(codec, path, tmp_path / "a.idf")
    assert [p.name for p in tmp_path.iterdir()] == ["in.flac"]


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


class Forgetful:
    """A faulty codec that does not decode what it encoded."""

    def __init__(self, good: Any, wrong: int) -> None:
        self._good, self._wrong = good, wrong
        self.fingerprint, self.chunk_samples = good.fingerprint, good.chunk_samples
        self.joins_channels, self.max_low_bits = good.joins_channels, good.max_low_bits

    def encode(self, samples: np.ndarray) -> bytes:
        return bytes(self._good.encode(samples))

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        samples: np.ndarray = self._good.decode(data, count, channels).copy()
        samples[-1] += self._wrong
        return samples


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", ["in.wav", "in.flac"])
def test_what_does_not_come_back_is_never_kept(codec: Any, wav: Path, tmp_path: Path, name: str, jobs: int) -> None:
    soundfile.write(wav.with_suffix(".flac"), soundfile.read(wav, dtype="int16")[0], 8000)
    for wrong in (1, 10**6):
        with pytest.raises(RuntimeError, match=rf"{name}: the compressed file (does not restore|cannot be decoded)"):
            compress_file(Forgetful(codec, wrong), tmp_path / name, tmp_path / "a.idf", jobs=jobs)
        assert not (tmp_path / "a.idf").exists()
    compress_file(Forgetful(codec, 1), tmp_path / name, tmp_path / "a.idf", check="none")


def test_files_are_checked_while_they_are_written(make_codec: Any, wav: Path, tmp_path: Path) -> None:
    """The first block is decoded before the last one is encoded, which waits for it here."""
    codec, decoded, encoded = make_codec(chunk_samples=300), threading.Event(), itertools.count(1)

    class Patient(Forgetful):
        def encode(self, samples: np.ndarray) -> bytes:
            if next(encoded) == 9:
                assert decoded.wait(60)
            return super().encode(samples)

        def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
            decoded.set()
            return super().decode(data, count, channels)

    compress_file(Patient(codec, 0), wav, tmp_path / "a.idf", jobs=2)
    assert next(encoded) == 10
    compress_file(codec, wav, tmp_path / "b.idf")
    assert (tmp_path / "a.idf").read_bytes() == (tmp_path / "b.idf").read_bytes()


def test_a_source_that_breaks_off_is_what_is_told(make_codec: Any, wav: Path, tmp_path: Path) -> None:
    flac = wav.with_suffix(".flac")
    soundfile.write(flac, soundfile.read(wav, dtype="int16")[0], 8000)
    flac.write_bytes(flac.read_bytes()[:-200])
    for jobs in (1, 2):
        with pytest.raises(DataError, match="corrupt audio"):
            compress_file(make_codec(chunk_samples=300), flac, tmp_path / "a.idf", jobs=jobs)
    assert names(tmp_path) == ["in.flac", "in.wav"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_progress_tells_every_sample(codec: Any, wav: Path, tmp_path: Path) -> None:
    told: list[int] = []
    compress_file(codec, wav, tmp_path / "a.idf", progress=told.append)
    verify_file(codec, tmp_path / "a.idf", progress=told.append)
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "o.wav", progress=told.append)
    decompress_file(codec, tmp_path / "a.idf", tmp_path / "o.flac", progress=told.append)
    assert told == [1000, 1000, 500] * 4


def test_memory_does_not_grow_with_length(make_codec: Any, tmp_path: Path) -> None:
    """Compress 8 MB of audio in blocks of 2 kB."""
    import tracemalloc

    codec = make_codec(chunk_samples=1000)
    pcm = np.tile(np.arange(-500, 500, dtype="<i2"), 4000)
    soundfile.write(tmp_path / "in.wav", pcm, 8000)
    peaks = []
    for work in (
        lambda: compress_file(codec, tmp_path / "in.wav", tmp_path / "a.idf", jobs=2),
        lambda: decompress_file(codec, tmp_path / "a.idf", tmp_path / "out.wav", jobs=2),
    ):
        tracemalloc.start()
        work()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 2_500_000
    assert hashlib.sha256((tmp_path / "out.wav").read_bytes()).digest() == files_digest(tmp_path / "in.wav")


def files_digest(path: Path) -> bytes:
    state = hashlib.sha256()
    with open(path, "rb") as file:
        files.copy_to(file, state.update)
    return state.digest()
