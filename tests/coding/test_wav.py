from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from idf.coding import split_wav
from idf.coding.wav import canonical_head, is_canonical
from idf.errors import DataError

SAMPLES = np.array([0, 1, -1, 32767, -32768, 123], np.int32)
PCM = SAMPLES.astype("<i2").tobytes()
EXTENSIBLE = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4) + bytes.fromhex(
    "0100000000001000800000aa00389b71"
)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def fmt(tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16) -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits))


def riff(*chunks: bytes) -> bytes:
    body = b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


@pytest.mark.parametrize(
    "data",
    [
        riff(fmt(), chunk(b"data", PCM)),
        riff(chunk(b"JUNK", bytes(27)), fmt(), chunk(b"LIST", b"INFOodd"), chunk(b"data", PCM), chunk(b"id3 ", b"tag")),
        riff(fmt(), chunk(b"data", PCM)) + b"bytes after the end",
        riff(chunk(b"fmt ", EXTENSIBLE), chunk(b"data", PCM)),
        riff(fmt(), b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM),
        riff(fmt(), b"data" + struct.pack("<I", 0) + PCM),
        riff(fmt(), b"data" + struct.pack("<I", 4000) + PCM + b"\x01"),
    ],
    ids=["plain", "other chunks", "trailing bytes", "extensible", "streamed", "unfinished", "broken off"],
)
def test_parts_make_up_the_file(data: bytes) -> None:
    parts = split_wav(data, "x.wav")
    np.testing.assert_array_equal(parts.samples, SAMPLES)
    assert parts.samples.dtype == np.int32
    assert parts.rate_hz == 8000
    assert parts.around.head + PCM + parts.around.tail == data


def test_an_odd_data_chunk_leaves_its_last_byte_in_the_tail() -> None:
    data = riff(fmt(), chunk(b"data", PCM + b"\x07"), chunk(b"LIST", b"x"))
    parts = split_wav(data, "x.wav")
    np.testing.assert_array_equal(parts.samples, SAMPLES)
    assert parts.around.head + PCM + parts.around.tail == data


def test_the_canonical_head_is_soundfiles() -> None:
    file = io.BytesIO()
    soundfile.write(file, SAMPLES.astype(np.int16), 22050, format="WAV", subtype="PCM_16")
    parts = split_wav(file.getvalue(), "x.wav")
    assert parts.around.head == canonical_head(len(SAMPLES), 22050)
    assert is_canonical(parts.around, len(SAMPLES), 22050)
    assert not is_canonical(parts.around, len(SAMPLES) + 1, 22050)


def test_too_long_for_wav() -> None:
    with pytest.raises(DataError, match="4 GiB"):
        canonical_head(2**31, 8000)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"OggS" + bytes(100), "is not a WAV file"),
        (b"", "is not a WAV file"),
        (riff(fmt(channels=2), chunk(b"data", PCM)), "2 channels; only mono"),
        (riff(fmt(bits=24), chunk(b"data", PCM)), "24 bits; only 16-bit"),
        (riff(fmt(tag=3, bits=32), chunk(b"data", PCM)), "WAV format 0x0003"),
        (riff(fmt(rate=0), chunk(b"data", PCM)), "0 samples a second"),
        (riff(chunk(b"fmt ", b"short"), chunk(b"data", PCM)), "format chunk is cut off"),
        (riff(chunk(b"data", PCM), fmt()), "before it says"),
        (riff(fmt()), "no data chunk"),
    ],
)
def test_what_is_not_supported_is_named(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_wav(data, "x.wav")


def test_every_cut_gives_parts_or_a_clear_error() -> None:
    data = riff(chunk(b"JUNK", bytes(5)), fmt(), chunk(b"data", PCM), chunk(b"LIST", b"abc"))
    for size in range(len(data)):
        try:
            parts = split_wav(data[:size], "x.wav")
        except DataError:
            continue
        pcm = parts.samples.astype("<i2").tobytes()
        assert parts.around.head + pcm + parts.around.tail == data[:size]
