"""Clips in memory: exact round trips of all kinds of signals, and file sizes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.audio.format import AudioFormat
from idf.container.arrays import compress_array, decompress_array
from idf.container.index import read_index
from idf.container.reading import RangeReader
from idf.container.records import DIGEST_BYTES
from idf.errors import FormatError

Speech = Callable[..., np.ndarray]
MONO = AudioFormat(8000, 1, 16)


@settings(deadline=None, max_examples=150)
@given(
    data=st.data(),
    bits=st.sampled_from([8, 16, 24]),
    channels=st.integers(1, 8),
    rate_hz=st.integers(1, 2**32 - 1),
    chunk=st.integers(1, 40),
    jobs=st.integers(1, 3),
)
def test_every_kind_of_samples_comes_back(
    make_codec: Any, data: st.DataObject, bits: int, channels: int, rate_hz: int, chunk: int, jobs: int
) -> None:
    limit = 1 << (bits - 1)
    shape = (data.draw(st.integers(0, 100)), channels)
    samples = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(-limit, limit - 1)))
    codec, form = make_codec(chunk_samples=chunk), AudioFormat(rate_hz, channels, bits)
    packed = compress_array(codec, samples, form, jobs=jobs)
    decoded, decoded_form = decompress_array(codec, packed, jobs=jobs)
    np.testing.assert_array_equal(decoded, samples)
    assert decoded.dtype == np.int32
    assert decoded_form == form
    assert packed == compress_array(codec, samples, form)


SECONDS = 66000
SIGNALS = {
    "empty": np.zeros(0),
    "one sample": np.full(1, 77),
    "silence": np.zeros(SECONDS),
    "constant": np.full(SECONDS, -32768),
    "full-scale square wave": np.tile([-32768, 32767], SECONDS // 2),
    "slow square wave": np.repeat(np.tile([-32768, 32767], 330), 100),
    "white noise": np.random.default_rng(0).integers(-(2**15), 2**15, SECONDS),
    "±1 noise": np.random.default_rng(0).integers(-1, 2, SECONDS),
    "clipped": np.clip(np.random.default_rng(0).normal(0, 60000, SECONDS), -32768, 32767),
    "silence, then a ramp": np.concatenate([np.zeros(SECONDS // 2), np.arange(SECONDS // 2) % 32768]),
}


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", SIGNALS)
def test_any_signal_is_exact_and_never_costs_much(make_codec: Any, name: str, bits: int, channels: int) -> None:
    codec, audio_format = make_codec(chunk_samples=65536), AudioFormat(22050, channels, bits)
    mono = SIGNALS[name].astype(np.int64)
    mono = mono << (bits - 16) if bits > 16 else mono >> (16 - bits)
    samples = np.stack([np.roll(mono, 7 * c) for c in range(channels)], axis=1).astype(np.int32)
    data = compress_array(codec, samples, audio_format)
    np.testing.assert_array_equal(decompress_array(codec, data)[0], samples)
    raw = samples.size * bits // 8
    assert len(data) <= raw + 100  # the promise is 0.1 % plus 256 bytes
    if name in ("silence", "constant"):
        assert 8 * (len(data) - DIGEST_BYTES) / samples.size < 0.01
    if name == "±1 noise" and bits == 16:
        assert 8 * len(data) / samples.size < 2.05


def test_silence_takes_under_a_hundredth_of_a_bit(make_codec: Any) -> None:
    samples = np.zeros((10 * 65536, 1), np.int32)
    assert (
        8 * len(compress_array(make_codec(chunk_samples=65536), samples, AudioFormat(8000, 1, 16))) / len(samples)
        < 0.01
    )


def test_ranges(make_codec: Any, speechlike: Speech) -> None:
    codec = make_codec(chunk_samples=10)
    samples = np.stack([speechlike(45), speechlike(45, 1)], 1)
    reader = RangeReader(codec, io.BytesIO(compress_array(codec, samples, AudioFormat(8000, 2, 16))))
    assert (reader.samples, reader.audio_format) == (45, AudioFormat(8000, 2, 16))
    for start in range(46):
        for stop in range(start, 46):
            np.testing.assert_array_equal(reader.read(start, stop), samples[start:stop])
    for start, stop in ((-1, 3), (3, 2), (0, 46)):
        with pytest.raises(ValueError, match="the file has 45"):
            reader.read(start, stop)


def test_reading_a_part_decodes_only_that_part(make_codec: Any, speechlike: Speech) -> None:
    codec = make_codec(chunk_samples=1000)
    data = bytearray(compress_array(codec, speechlike(3000)[:, None], MONO))
    index = read_index(io.BytesIO(data))
    data[int(index.starts[1]) + 50] ^= 1
    with pytest.raises(FormatError, match="samples 1000 to 1999 is damaged"):
        decompress_array(codec, bytes(data))
    reader = RangeReader(codec, io.BytesIO(data))
    np.testing.assert_array_equal(reader.read(0, 1000)[:, 0], speechlike(3000)[:1000])
    np.testing.assert_array_equal(reader.read(2000, 3000)[:, 0], speechlike(3000)[2000:])
    with pytest.raises(FormatError, match="1000 to 1999"):
        reader.read(1999, 2000)


def test_another_model_is_refused(codec: Any, make_codec: Any, speechlike: Speech) -> None:
    data = compress_array(codec, speechlike(100)[:, None], MONO)
    other = make_codec(scale=100)
    for read in (lambda: decompress_array(other, data), lambda: RangeReader(other, io.BytesIO(data))):
        with pytest.raises(FormatError, match=f"{codec.fingerprint[:8].hex()},.*{other.fingerprint[:8].hex()};"):
            read()
    with pytest.raises(FormatError, match="longer than its model allows"):
        decompress_array(make_codec(chunk_samples=999), data)


@dataclass(frozen=True)
class Misbehaving:
    """A codec with the right fingerprint that decodes to something else."""

    good: Any
    result: np.ndarray
    chunk_samples: int = 1000
    joins_channels: bool = False
    max_low_bits: int = 0

    @property
    def fingerprint(self) -> bytes:
        return bytes(self.good.fingerprint)

    def encode(self, samples: np.ndarray) -> bytes:
        return bytes(self.good.encode(samples))

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        return self.result


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.zeros((100, 1), np.int32), "digest differs"),
        (np.zeros((99, 1), np.int32), "not decode to 16-bit audio"),
        (np.zeros((100, 2), np.int32), "not decode to 16-bit audio"),
        (np.zeros(100, np.int32), "not decode to 16-bit audio"),
        (np.full((100, 1), 32768, np.int32), "not decode to 16-bit audio"),
        (np.zeros((100, 1)), "not decode to 16-bit audio"),
    ],
)
def test_wrong_audio_is_never_returned(codec: Any, speechlike: Speech, result: np.ndarray, message: str) -> None:
    data = compress_array(codec, speechlike(100)[:, None], MONO)
    with pytest.raises(FormatError, match=message):
        decompress_array(Misbehaving(codec, result), data)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "chunk", "message"),
    [
        (np.zeros((5, 2), np.int32), 8000, 10, r"\(time, 1\), not int32 \(5, 2\)"),
        (np.zeros(5, np.int32), 8000, 10, r"\(time, 1\), not int32 \(5,\)"),
        (np.zeros((5, 1)), 8000, 10, "integers"),
        (np.full((5, 1), 32768), 8000, 10, "16-bit integers"),
        (np.zeros((5, 1), np.int32), 0, 10, "rate_hz"),
        (np.zeros((5, 1), np.int32), 2**32, 10, "rate_hz"),
        (np.zeros((5, 1), np.int32), 8000, 0, "chunk_samples"),
        (np.zeros((5, 1), np.int32), 8000, 2**20 + 1, "chunk_samples"),
    ],
)
def test_what_cannot_be_coded_is_refused(
    make_codec: Any, samples: np.ndarray, rate_hz: int, chunk: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compress_array(make_codec(chunk_samples=chunk), samples, AudioFormat(rate_hz, 1, 16))
