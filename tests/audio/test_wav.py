from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.audio.chunks import ChunkReader
from idf.audio.format import AudioFormat
from idf.audio.pcm_bytes import PLAIN
from idf.audio.wav import Wav, canonical_head, canonical_tail, to_wav_bytes
from idf.errors import DataError

SAMPLES = np.array([[0], [1], [-1], [32767], [-32768], [300], [-300]], np.int32)
PCM = SAMPLES.astype("<i2").tobytes()


def extensible(tag: int = 1, channels: int = 1, bits: int = 16, valid: int = 16) -> bytes:
    block = channels * bits // 8
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    return struct.pack("<HHIIHHHHI", 0xFFFE, channels, 8000, 8000 * block, block, bits, 22, valid, 4) + guid


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def fmt(tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, block: int | None = None) -> bytes:
    block = channels * -(-bits // 8) if block is None else block
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits))


def riff(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    body = b"".join(chunks)
    return magic + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def ds64(data_bytes: int) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", 0, data_bytes, 0, 0))


class Pipe(io.RawIOBase):
    """A file that returns a few bytes at a time and cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        return self._file.read(min(size, 7) if size >= 0 else 7)


def parts(data: bytes, block: int = 3) -> tuple[bytes, np.ndarray, bytes, ChunkReader]:
    reader = ChunkReader(Pipe(data), "x.wav", Wav)  # type: ignore[arg-type]
    blocks = list(reader.blocks(block))
    assert all(len(b) == block for b in blocks[:-1])
    samples = np.concatenate([np.empty((0, reader.audio_format.channels), np.int32), *blocks])
    return reader.head, samples, b"".join(reader.tail()), reader


@pytest.mark.parametrize(
    "data",
    [
        riff(fmt(), chunk(b"data", PCM)),
        riff(chunk(b"JUNK", bytes(27)), fmt(), chunk(b"LIST", b"INFOodd"), chunk(b"data", PCM), chunk(b"id3 ", b"tag")),
        riff(fmt(), chunk(b"data", PCM)) + b"bytes after the end",
        riff(chunk(b"fmt ", extensible()), chunk(b"data", PCM)),
        riff(fmt(), b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM),
        riff(fmt(), b"data" + struct.pack("<I", 0) + PCM),
        riff(fmt(), b"data" + struct.pack("<I", 4000) + PCM + b"\x01"),
        riff(ds64(len(PCM)), fmt(), b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM, chunk(b"id3 ", b"x"), magic=b"RF64"),
        riff(ds64(2**60), fmt(), b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM, magic=b"RF64"),
        riff(ds64(0), fmt(), b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM, magic=b"RF64"),
        riff(fmt(bits=12), chunk(b"data", PCM)),
        riff(fmt(), chunk(b"data", PCM + b"\x07"), chunk(b"LIST", b"x")),
    ],
    ids=[
        *("plain", "other chunks", "trailing bytes", "extensible", "streamed", "unfinished", "broken off", "RF64"),
        *("RF64, an impossible length", "RF64, unfinished"),
        *("12 in 16 bits", "an odd data chunk"),
    ],
)
def test_parts_make_up_the_file(data: bytes) -> None:
    head, samples, tail, reader = parts(data)
    np.testing.assert_array_equal(samples, SAMPLES)
    assert samples.dtype == np.int32
    assert reader.audio_format == AudioFormat(8000, 1, 16)
    assert head + PCM + tail == data


@pytest.mark.parametrize("bits", [8, 16, 24])
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_kinds_of_samples(bits: int, channels: int) -> None:
    pcm = np.random.default_rng(0).bytes(channels * bits // 8 * 10)
    data = riff(fmt(channels=channels, bits=bits), chunk(b"data", pcm))
    _, samples, _, reader = parts(data)
    assert reader.audio_format == AudioFormat(8000, channels, bits)
    assert samples.shape == (10, channels)
    assert to_wav_bytes(samples, bits) == pcm
    np.testing.assert_array_equal(PLAIN.from_bytes(pcm, channels, bits), samples)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="int32", always_2d=True)
    np.testing.assert_array_equal(samples, expected >> (32 - bits))


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_canonical_file_is_soundfiles(subtype: str, bits: int, channels: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((7, channels), np.int16), 22050, format="WAV", subtype=subtype)
    audio_format = AudioFormat(22050, channels, bits)
    silence = to_wav_bytes(np.zeros((7, channels), np.int32), bits)
    assert canonical_head(7, audio_format) + silence + canonical_tail(7, audio_format) == file.getvalue()


def test_too_long_for_wav() -> None:
    with pytest.raises(DataError, match="4 GiB"):
        canonical_head(2**31, AudioFormat(8000, 1, 16))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"OggS" + bytes(100), "not a WAV file"),
        (b"", "not a WAV file"),
        (
            riff(fmt(channels=9), chunk(b"data", PCM)),
            r"found 9 channels; supported: integer PCM of 8, 16, 24 or 32 bits",
        ),
        (riff(fmt(channels=0), chunk(b"data", PCM)), "0 channels"),
        (riff(fmt(bits=40), chunk(b"data", PCM)), "found 40-bit PCM samples; supported"),
        (riff(fmt(tag=3, bits=64), chunk(b"data", PCM)), "found 64-bit float samples; supported"),
        (riff(chunk(b"fmt ", extensible(tag=3, bits=64)), chunk(b"data", PCM)), "float samples"),
        (riff(fmt(tag=2, bits=4), chunk(b"data", PCM)), "ADPCM samples"),
        (riff(fmt(tag=0x1234), chunk(b"data", PCM)), "WAV format 0x1234"),
        (riff(fmt(block=3), chunk(b"data", PCM)), "16 bits in 3 bytes"),
        (riff(fmt(rate=0), chunk(b"data", PCM)), "rate of 0 Hz"),
        (riff(chunk(b"fmt ", b"short"), chunk(b"data", PCM)), "format chunk is truncated"),
        (riff(chunk(b"data", PCM), fmt()), "its samples precede their format"),
        (riff(fmt()), "no data chunk"),
        (riff(b"JUNK" + struct.pack("<I", 2**32 - 1), fmt(), chunk(b"data", PCM)), "no samples in its first"),
        (riff(b"JUNK" + struct.pack("<I", 2**20), fmt(), chunk(b"data", PCM)), "no data chunk"),
    ],
)
def test_what_is_not_supported_is_named(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parts(data)


def test_every_cut_gives_parts_or_a_clear_error() -> None:
    data = riff(chunk(b"JUNK", bytes(5)), fmt(), chunk(b"data", PCM), chunk(b"LIST", b"abc"))
    for size in range(len(data)):
        try:
            head, samples, tail, _ = parts(data[:size])
        except DataError:
            continue
        assert head + to_wav_bytes(samples, 16) + tail == data[:size]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_give_parts_or_a_clear_error(data: bytes, with_format: bool) -> None:
    data = riff(*([fmt()] if with_format else [])) + data
    try:
        head, samples, tail, reader = parts(data)
    except DataError:
        return
    assert head + to_wav_bytes(samples, reader.audio_format.sample_bits) + tail == data
