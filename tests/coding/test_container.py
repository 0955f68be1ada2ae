from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.coding import (
    WavAround,
    compress_clip,
    decode_chunk,
    decompress_clip,
    decompress_range,
    iter_chunks,
    open_container,
    read_header,
)
from idf.coding.frame import CODED, CONSTANT, RAW
from idf.coding.wav import canonical_head
from idf.errors import FormatError

Speech = Callable[..., np.ndarray]

FROZEN_FILE = "282f625ae5816c88b3a08e79ba2270b4bb09cbd2707ac67046fcd8e21664d173"


def kinds(data: bytes) -> list[int]:
    return [chunk.kind for chunk in open_container(data).chunks]


@settings(deadline=None, max_examples=100)
@given(
    hnp.arrays(np.int32, st.integers(0, 200), elements=st.integers(-(2**15), 2**15 - 1)),
    st.integers(1, 2**32 - 1),
    st.integers(1, 70),
)
def test_every_clip_comes_back(make_codec: Any, samples: np.ndarray, rate_hz: int, chunk: int) -> None:
    codec = make_codec(chunk_samples=chunk)
    pcm = decompress_clip(codec, compress_clip(codec, samples, rate_hz))
    np.testing.assert_array_equal(pcm.samples, samples)
    assert pcm.samples.dtype == np.int32
    assert pcm.rate_hz == rate_hz


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        np.zeros(1),
        np.full(2500, -32768),
        np.tile([-32768, 32767], 1250),
        np.random.default_rng(0).integers(-(2**15), 2**15, 2500),
        np.random.default_rng(0).integers(-1, 2, 2500),
        np.concatenate([np.zeros(1000), np.arange(1500)]),
    ],
    ids=["empty", "one sample", "constant", "square wave", "white noise", "±1 noise", "silence first"],
)
def test_any_signal_is_coded_and_never_costs_much(codec: Any, samples: np.ndarray) -> None:
    samples = samples.astype(np.int32)
    data = compress_clip(codec, samples, 8000)
    np.testing.assert_array_equal(decompress_clip(codec, data).samples, samples)
    assert len(data) <= 2 * len(samples) + 64 + 12 * -(-len(samples) // 1000)


def test_silence_is_free(make_codec: Any) -> None:
    codec = make_codec(chunk_samples=20000)
    data = compress_clip(codec, np.zeros(200_000, np.int32), 8000)
    assert kinds(data) == [CONSTANT] * 10
    assert 8 * len(data) / 200_000 < 0.01


def test_each_chunk_takes_the_shortest_form(codec: Any, speechlike: Speech) -> None:
    noise = np.random.default_rng(0).integers(-(2**15), 2**15, 1000)
    samples = np.concatenate([speechlike(1000), noise, np.full(1000, 5), speechlike(100)]).astype(np.int32)
    data = compress_clip(codec, samples, 8000)
    assert kinds(data) == [CODED, RAW, CONSTANT, CODED]
    np.testing.assert_array_equal(decompress_clip(codec, data).samples, samples)


def test_frozen_file(codec: Any) -> None:
    """Format version 1 to the byte: what was written once is written, and read, for ever."""
    samples = (np.arange(2345, dtype=np.int64) ** 3 % 401 - 200).astype(np.int32)
    data = compress_clip(codec, samples, 22050, WavAround(b"head", b"tail"))
    assert hashlib.sha256(data).hexdigest() == FROZEN_FILE


def test_a_canonical_wav_head_costs_nothing(codec: Any, speechlike: Speech) -> None:
    samples = speechlike(500)
    plain = compress_clip(codec, samples, 8000)
    head = canonical_head(500, 8000)
    assert compress_clip(codec, samples, 8000, WavAround(head, b"")) == plain
    assert open_container(plain).wav_around() == WavAround(head, b"")
    for around in (
        WavAround(head, b"x"),
        WavAround(head[:-1], b""),
        WavAround(canonical_head(500, 8001), b""),
        WavAround(b"", b""),
    ):
        data = compress_clip(codec, samples, 8000, around)
        assert open_container(data).wav_around() == around
        assert len(data) == len(plain) + 8 + len(around.head + around.tail)


def test_header(codec: Any, speechlike: Speech) -> None:
    header = read_header(compress_clip(codec, speechlike(1500), 44100))
    assert (header.version, header.channels, header.sample_bits) == (1, 1, 16)
    assert (header.rate_hz, header.samples, header.chunk_samples, header.chunks) == (44100, 1500, 1000, 2)
    assert header.fingerprint == codec.fingerprint
    assert header.wav_head is None


def test_ranges(make_codec: Any, speechlike: Speech) -> None:
    codec = make_codec(chunk_samples=10)
    samples = speechlike(45)
    data = compress_clip(codec, samples, 8000)
    for start in range(46):
        for stop in range(start, 46):
            np.testing.assert_array_equal(decompress_range(codec, data, start, stop), samples[start:stop])
    for start, stop in ((-1, 3), (3, 2), (0, 46)):
        with pytest.raises(ValueError, match="the file has 45"):
            decompress_range(codec, data, start, stop)


def test_a_damaged_chunk_costs_only_itself(codec: Any, speechlike: Speech) -> None:
    samples = speechlike(3000)
    data = bytearray(compress_clip(codec, samples, 8000))
    chunk = open_container(bytes(data)).chunks[1]
    data[(chunk.start + chunk.stop) // 2] ^= 1
    container = open_container(bytes(data))
    with pytest.raises(FormatError, match="samples 1000 to 1999 is damaged"):
        list(iter_chunks(codec, container))
    for number in (0, 2):
        np.testing.assert_array_equal(
            decode_chunk(codec, container, number), samples[1000 * number : 1000 * (number + 1)]
        )
    np.testing.assert_array_equal(decompress_range(codec, bytes(data), 2000, 3000), samples[2000:])
    with pytest.raises(FormatError, match="1000 to 1999"):
        decompress_range(codec, bytes(data), 1999, 2000)


def test_another_model_is_refused(codec: Any, make_codec: Any, speechlike: Speech) -> None:
    data = compress_clip(codec, speechlike(100), 8000)
    other = make_codec(scale=100)
    for read in (lambda: decompress_clip(other, data), lambda: decompress_range(other, data, 0, 1)):
        with pytest.raises(FormatError, match=f"{codec.fingerprint.hex()}.*{other.fingerprint.hex()}"):
            read()


@dataclass(frozen=True)
class Misbehaving:
    """A codec under the right fingerprint that decodes to something else."""

    good: Any
    result: np.ndarray
    chunk_samples: int = 1000

    @property
    def fingerprint(self) -> bytes:
        return bytes(self.good.fingerprint)

    def encode(self, samples: np.ndarray) -> bytes:
        return bytes(self.good.encode(samples))

    def decode(self, data: bytes, count: int) -> np.ndarray:
        return self.result


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.zeros(100, np.int32), "digest differs"),
        (np.zeros(99, np.int32), "no 16-bit audio"),
        (np.zeros((100, 1), np.int32), "no 16-bit audio"),
        (np.full(100, 32768, np.int32), "no 16-bit audio"),
        (np.zeros(100), "no 16-bit audio"),
    ],
)
def test_wrong_audio_is_never_returned(codec: Any, speechlike: Speech, result: np.ndarray, message: str) -> None:
    data = compress_clip(codec, speechlike(100), 8000)
    with pytest.raises(FormatError, match=message):
        decompress_clip(Misbehaving(codec, result), data)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "chunk", "message"),
    [
        (np.zeros((5, 2), np.int32), 8000, 10, "mono integers"),
        (np.zeros(5), 8000, 10, "mono integers"),
        (np.full(5, 32768), 8000, 10, "16 bits"),
        (np.zeros(5, np.int32), 0, 10, "rate_hz"),
        (np.zeros(5, np.int32), 2**32, 10, "rate_hz"),
        (np.zeros(5, np.int32), 8000, 0, "chunk_samples"),
        (np.zeros(5, np.int32), 8000, 2**20 + 1, "chunk_samples"),
    ],
)
def test_what_cannot_be_coded_is_refused(
    make_codec: Any, samples: np.ndarray, rate_hz: int, chunk: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compress_clip(make_codec(chunk_samples=chunk), samples, rate_hz)
