"""Reading and writing PCM: exact for supported formats, one clear message for all others."""

from __future__ import annotations

import io
import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.audio.pcm import PcmInfo, probe_pcm16, read_pcm16, write_wav16
from idf.audio.sources import open_path, open_source
from idf.errors import DataError, OutputError

SAMPLES = np.array([0, -32768, 32767, 1, -1, 12345, -32768, -32768, 32767], np.int32)


@pytest.mark.parametrize("suffix", ["wav", "flac", "WAV", "FLAC"])
@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100])
def test_reads_exactly_what_was_written(tmp_path: Path, suffix: str, rate_hz: int) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, SAMPLES.astype(np.int16), rate_hz, subtype="PCM_16", format=suffix.upper())
    pcm = read_pcm16(path)
    assert pcm.samples.dtype == np.int32
    np.testing.assert_array_equal(pcm.samples, SAMPLES)
    assert pcm.rate_hz == rate_hz
    assert probe_pcm16(path).samples == len(SAMPLES)


@given(samples=hnp.arrays(np.int16, st.integers(1, 300)), rate_hz=st.sampled_from([8000, 16000, 48000]))
def test_write_wav16_is_read_back_by_an_independent_reader(samples: npt.NDArray[np.int16], rate_hz: int) -> None:
    file = io.BytesIO()
    write_wav16(file, samples.astype(np.int32), rate_hz)
    file.seek(0)
    read, found_rate = soundfile.read(file, dtype="int16")
    np.testing.assert_array_equal(read, samples)
    assert found_rate == rate_hz
    assert len(file.getvalue()) == 44 + 2 * len(samples)


@pytest.mark.parametrize(
    "samples",
    [np.array([32768]), np.array([-32769]), np.array([0.5]), np.zeros((2, 2, 2), np.int32)],
    ids=["too large", "too small", "float", "three axes"],
)
def test_write_wav16_refuses_what_is_not_16_bit(tmp_path: Path, samples: npt.NDArray[np.generic]) -> None:
    with pytest.raises(ValueError):
        write_wav16(tmp_path / "x.wav", samples, 8000)
    assert list(tmp_path.iterdir()) == []


def test_write_wav16_to_an_impossible_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="a file exists where a folder is needed"):
        write_wav16(tmp_path / "file" / "x.wav", SAMPLES, 8000)


def test_stereo(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.zeros((100, 2), np.int16), 8000, subtype="PCM_16")
    with pytest.raises(
        DataError, match=r"stereo\.wav: found 2 channels; supported: mono 16-bit PCM in WAV, AIFF, CAF, W64 or FLAC"
    ):
        read_pcm16(path)


def test_two_channels_where_a_model_takes_them(tmp_path: Path) -> None:
    path, samples = tmp_path / "stereo.wav", np.arange(-100, 100, dtype=np.int32).reshape(100, 2)
    write_wav16(path, samples, 44100)
    assert probe_pcm16(path, 2) == PcmInfo(100, 44100, 2)
    read = read_pcm16(path, 2)
    assert read.samples.tolist() == samples.tolist()
    assert read.rate_hz == 44100
    write_wav16(path, samples[:, 0], 44100)
    assert read_pcm16(path, 2).samples.tolist() == samples[:, 0].tolist()


def test_more_channels_than_a_model_takes(tmp_path: Path) -> None:
    path = tmp_path / "surround.wav"
    soundfile.write(path, np.zeros((100, 6), np.int16), 8000, subtype="PCM_16")
    with pytest.raises(
        DataError, match=r"surround\.wav: found 6 channels; supported: 16-bit PCM of one or two channels"
    ):
        read_pcm16(path, 2)


@pytest.mark.parametrize(
    ("subtype", "suffix", "found"),
    [
        ("PCM_U8", "wav", "8-bit PCM"),
        ("PCM_24", "wav", "24-bit PCM"),
        ("PCM_32", "wav", "32-bit PCM"),
        ("FLOAT", "wav", "32-bit float"),
        ("DOUBLE", "wav", "64-bit float"),
        ("ULAW", "wav", "8-bit µ-law"),
        ("PCM_S8", "flac", "8-bit PCM"),
        ("PCM_24", "flac", "24-bit PCM"),
    ],
)
def test_other_sample_formats(tmp_path: Path, subtype: str, suffix: str, found: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, np.zeros(100), 8000, subtype=subtype)
    with pytest.raises(DataError, match=rf"clip\.{suffix}: found {found} samples; supported: mono 16-bit PCM"):
        read_pcm16(path)


@pytest.mark.parametrize("kind", ["AIFF", "CAF", "W64"])
def test_other_containers_whatever_they_are_called(tmp_path: Path, kind: str) -> None:
    samples = np.arange(-50, 50, dtype=np.int16)
    soundfile.write(tmp_path / "clip.wav", samples, 8000, subtype="PCM_16", format=kind)
    assert probe_pcm16(tmp_path / "clip.wav") == PcmInfo(100, 8000, 1)
    np.testing.assert_array_equal(read_pcm16(tmp_path / "clip.wav").samples, samples)


def test_an_unknown_container_under_a_wav_name(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.zeros(100, np.int16), 8000, subtype="PCM_16", format="AU")
    with pytest.raises(
        DataError, match=r"clip\.wav: not a WAV, AIFF, CAF, W64 or FLAC file; supported: mono 16-bit PCM"
    ):
        read_pcm16(path)


def test_not_audio(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_text("this is no audio at all")
    with pytest.raises(
        DataError, match=r"clip\.wav: not a WAV, AIFF, CAF, W64 or FLAC file; supported: mono 16-bit PCM"
    ):
        read_pcm16(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.wav: no such file"):
        read_pcm16(tmp_path / "gone.wav")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read_pcm16(tmp_path)


def test_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_bytes(b"")
    with pytest.raises(DataError, match="0 bytes"):
        read_pcm16(tmp_path / "clip.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_no_samples(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    soundfile.write(path, np.zeros(0, np.int16), 8000, subtype="PCM_16")
    with pytest.raises(DataError, match=rf"clip\.{suffix}"):
        read_pcm16(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    write_wav16(path, SAMPLES, 8000)
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        read_pcm16(path)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF, 1000], ids=hex)
@pytest.mark.parametrize("extra", [b"", b"\x07"], ids=["whole", "half a sample more"])
def test_wav_of_open_length_or_broken_off_is_read_to_its_end(tmp_path: Path, size: int, extra: bytes) -> None:
    path = tmp_path / "clip.wav"
    write_wav16(path, SAMPLES, 8000)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 40, size)
    path.write_bytes(data + extra)
    np.testing.assert_array_equal(read_pcm16(path).samples, SAMPLES)
    assert probe_pcm16(path).samples == len(SAMPLES)


@pytest.mark.parametrize("extensible", [False, True])
def test_wav_with_chunks_around_the_samples(tmp_path: Path, extensible: bool) -> None:
    path = tmp_path / "clip.wav"
    if extensible:
        soundfile.write(path, SAMPLES.astype(np.int16), 8000, format="WAVEX", subtype="PCM_16")
    else:
        write_wav16(path, SAMPLES, 8000)
    body = path.read_bytes()[12:]
    odd = struct.pack("<4sI", b"note", 3) + b"abc\0"
    start = body.index(b"data")
    end = start + 8 + 2 * len(SAMPLES)
    body = odd + body[:start] + odd + body[start:end] + odd
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body)
    np.testing.assert_array_equal(read_pcm16(path).samples, SAMPLES)
    assert probe_pcm16(path).samples == len(SAMPLES)


@pytest.mark.parametrize("position", [0.3, 0.6, 0.95])
def test_damaged_flac(tmp_path: Path, position: float) -> None:
    path = tmp_path / "clip.flac"
    samples = np.random.default_rng(0).integers(-1000, 1000, 20000).astype(np.int16)
    soundfile.write(path, samples, 8000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[int(len(data) * position)] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"clip\.flac: corrupt audio"):
        read_pcm16(path)


def test_flac_whose_md5_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    soundfile.write(path, SAMPLES.astype(np.int16), 8000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="do not match the file's MD5"):
        read_pcm16(path)


def test_truncated_flac(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    samples = np.random.default_rng(0).integers(-1000, 1000, 20000).astype(np.int16)
    soundfile.write(path, samples, 8000, subtype="PCM_16")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"clip\.flac: corrupt audio"):
        read_pcm16(path)


def of_unknown_length(path: Path, samples: np.ndarray) -> None:
    """Write a FLAC file as an encoder does to a pipe: without length and MD5."""
    soundfile.write(path, samples, 8000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    # STREAMINFO: the 36-bit number of samples ends at byte 26, the MD5 follows.
    data[21] &= 0xF0
    data[22:42] = bytes(20)
    path.write_bytes(data)


def test_flac_of_unknown_length(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    samples = np.random.default_rng(0).integers(-3000, 3000, 70_000).astype(np.int16)
    of_unknown_length(path, samples)
    assert probe_pcm16(path) == PcmInfo(70_000, 8000, 1)
    np.testing.assert_array_equal(read_pcm16(path).samples, samples)
    with open(path, "rb") as file:
        source = open_source(file, path.name)
        assert source.announced == 70_000
        np.testing.assert_array_equal(np.concatenate(list(source.blocks(999)))[:, 0], samples)
    for damage in (lambda data: data[: len(data) // 2], lambda data: data[:20_000] + b"!!" + data[20_002:]):
        of_unknown_length(path, samples)
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(DataError, match=r"clip\.flac: corrupt audio"):
            read_pcm16(path)
    of_unknown_length(path, samples[:1])
    path.write_bytes(path.read_bytes()[:-13])  # nothing but the headers
    with pytest.raises(
        DataError, match=r"clip\.flac: (contains no samples|corrupt audio|the metadata of the FLAC file is truncated)"
    ):
        read_pcm16(path)


def test_flac_behind_id3_tags(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    samples = np.arange(5000, dtype=np.int16)
    soundfile.write(path, samples, 8000)
    flac = path.read_bytes()
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x2c" + bytes(300)
    path.write_bytes(tag + flac)
    assert probe_pcm16(path) == PcmInfo(5000, 8000, 1)
    np.testing.assert_array_equal(read_pcm16(path).samples, samples)
    path.write_bytes(tag[:-1] + flac)
    with pytest.raises(DataError, match="no FLAC after the ID3 tag"):
        read_pcm16(path)
    path.write_bytes(tag + flac[:26] + b"another MD5, say" + flac[42:])
    with pytest.raises(DataError, match=r"do not match the file's MD5"):
        read_pcm16(path)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF, 0x7FFFFFFF])
@pytest.mark.parametrize("name", ["pipe.wav", "PIPE.WAV"])
def test_wav_from_a_pipe(tmp_path: Path, size: int, name: str) -> None:
    write_wav16(tmp_path / name, np.arange(1000), 8000)
    data = bytearray((tmp_path / name).read_bytes())
    data[4:8] = data[40:44] = size.to_bytes(4, "little")
    (tmp_path / name).write_bytes(data)
    assert probe_pcm16(tmp_path / name) == PcmInfo(1000, 8000, 1)
    np.testing.assert_array_equal(read_pcm16(tmp_path / name).samples, np.arange(1000))


@given(st.integers(0, 60), st.binary(max_size=8), st.integers(0, 64))
def test_training_accepts_what_the_codec_accepts(cut: int, noise: bytes, place: int) -> None:
    """Training and codec read the same samples from a damaged mono 16-bit WAV file, or both refuse it."""
    written = io.BytesIO()
    write_wav16(written, SAMPLES, 8000)
    data = bytearray(written.getvalue())
    data[place : place + len(noise)] = noise
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.wav")
        path.write_bytes(data[: len(data) - cut])
        try:
            with open_path(path) as file:
                source = open_source(file, str(path))
                expected = np.concatenate([np.empty((0, source.audio_format.channels), np.int32), *source.blocks(4)])
        except DataError:
            with pytest.raises(DataError):
                probe_pcm16(path)
            with pytest.raises(DataError):
                read_pcm16(path)
            return
        if (source.audio_format.channels, source.audio_format.sample_bits) != (1, 16) or not len(expected):
            with pytest.raises(DataError):
                probe_pcm16(path)
            return
        pcm, info = read_pcm16(path), probe_pcm16(path)
    np.testing.assert_array_equal(pcm.samples, expected[:, 0])
    assert info == PcmInfo(len(pcm.samples), pcm.rate_hz, 1)
    assert pcm.rate_hz == source.audio_format.rate_hz
