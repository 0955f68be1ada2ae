"""The frame of a file, and what damaged and hostile files do: an error, always, and nothing else."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.coding import MAX_CHUNK_SAMPLES, WavAround, compress_clip, decompress_clip, open_container, read_header
from idf.coding.frame import CODED, CONSTANT, RAW, Header, Payload, read_payload, write_container
from idf.errors import FormatError

AROUND = WavAround(b"some head", b"the tail")
HEADER = Header(
    version=1,
    fingerprint=bytes(range(16)),
    rate_hz=8000,
    channels=1,
    sample_bits=16,
    samples=25,
    chunk_samples=10,
    wav_head=None,
)
PAYLOADS = (Payload(CODED, b"abc"), Payload(RAW, bytes(20)), Payload(CONSTANT, b"\x01\x02"))


def read_everything(data: bytes) -> None:
    container = open_container(data)
    for number in range(len(container.chunks)):
        read_payload(container, number)


def with_crc(header: bytes) -> bytes:
    return header + struct.pack("<I", zlib.crc32(header))


@pytest.mark.parametrize("head", [None, b"", b"head"])
def test_what_is_written_is_read(head: bytes | None) -> None:
    header = replace(HEADER, wav_head=head)
    tail = b"" if head is None else b"tail"
    data = write_container(header, PAYLOADS, tail, bytes(16))
    container = open_container(data)
    assert container.header == read_header(data) == header
    assert container.header.size == data.index(struct.pack("<I", 3))
    assert container.around == (None if head is None else WavAround(head, tail))
    assert [(chunk.first, chunk.samples, chunk.kind) for chunk in container.chunks] == [
        (0, 10, CODED),
        (10, 10, RAW),
        (20, 5, CONSTANT),
    ]
    assert tuple(data[chunk.start : chunk.stop] for chunk in container.chunks) == tuple(p.data for p in PAYLOADS)


def test_the_frame_takes_64_bytes_and_12_a_chunk() -> None:
    data = write_container(HEADER, PAYLOADS, b"", bytes(16))
    assert len(data) == 64 + 3 * 12 + sum(len(payload.data) for payload in PAYLOADS)


def test_the_header_needs_only_the_beginning() -> None:
    data = write_container(replace(HEADER, wav_head=b"head"), PAYLOADS, b"", bytes(16))
    header = read_header(data)
    assert read_header(data[: header.size]) == header
    with pytest.raises(FormatError):
        read_header(data[: header.size - 1])


@pytest.mark.parametrize("around", [None, AROUND])
def test_cut_at_every_length(codec: Any, speechlike: Callable[..., np.ndarray], around: WavAround | None) -> None:
    data = compress_clip(codec, speechlike(2100), 8000, around)
    assert {chunk.kind for chunk in open_container(data).chunks} == {CODED}
    for size in range(len(data)):
        with pytest.raises(FormatError):
            decompress_clip(codec, data[:size])
    with pytest.raises(FormatError):
        decompress_clip(codec, data + b"\0")


@pytest.mark.parametrize("around", [None, AROUND])
def test_every_flipped_byte_is_noticed(make_codec: Any, speechlike: Callable[..., np.ndarray], around: Any) -> None:
    codec = make_codec(chunk_samples=60)
    samples = np.concatenate([speechlike(120), np.full(60, 7, np.int32), np.tile([-32768, 32767], 20)])
    data = compress_clip(codec, samples.astype(np.int32), 8000, around)
    assert {chunk.kind for chunk in open_container(data).chunks} == {CODED, RAW, CONSTANT}
    for position in range(len(data)):
        for flip in (1, 128, 255):
            damaged = bytearray(data)
            damaged[position] ^= flip
            with pytest.raises(FormatError):
                decompress_clip(codec, bytes(damaged))


@pytest.fixture(scope="module")
def whole() -> bytes:
    samples = np.arange(1000, dtype=np.int32) % 37
    header = replace(HEADER, samples=1000, chunk_samples=100, wav_head=b"head")
    payloads = [Payload(RAW, samples[i : i + 100].astype("<i2").tobytes()) for i in range(0, 1000, 100)]
    return write_container(header, payloads, b"tail", bytes(16))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_edits_of_any_kind_are_noticed(whole: bytes, data: st.DataObject) -> None:
    """Splice, delete, insert, repeat: the result is refused unless it is the file itself."""
    a, b = sorted((data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))))
    middle = data.draw(st.one_of(st.binary(max_size=20), st.just(whole[a:b] * 2), st.just(whole[b : 2 * b - a])))
    edited = whole[:a] + middle + whole[b:]
    if edited == whole:
        return
    with pytest.raises(FormatError):
        read_everything(edited)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_random_bytes_after_the_magic(data: bytes) -> None:
    with pytest.raises(FormatError):
        open_container(b"\x89IDF\x01" + data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 2**64 - 1}, "damaged or cut off"),
        ({"samples": 2**64 - 1, "chunk_samples": MAX_CHUNK_SAMPLES}, "damaged or cut off"),
        ({"samples": 2**40, "chunk_samples": 1}, "damaged or cut off"),
        ({"samples": 26}, "impossible length"),
        ({"samples": 31}, "damaged or cut off"),
        ({"samples": 20}, "damaged or cut off"),
        ({"chunk_samples": 0}, "impossible values"),
        ({"chunk_samples": MAX_CHUNK_SAMPLES + 1}, "impossible values"),
        ({"rate_hz": 0}, "impossible values"),
        ({"channels": 2}, "2 channel"),
        ({"sample_bits": 24}, "24 bits"),
        ({"version": 2}, "format version 2"),
    ],
)
def test_hostile_headers_are_refused_before_anything_is_allocated(change: dict[str, int], message: str) -> None:
    """Their CRCs are right: whoever wrote them meant it."""
    payloads = (*PAYLOADS[:2], Payload(RAW, bytes(10)))
    data = write_container(replace(HEADER, **change), payloads, b"", bytes(16))
    tracemalloc.start()
    with pytest.raises(FormatError, match=message):
        open_container(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize(
    "payload",
    [
        Payload(CODED, bytes(20)),
        Payload(RAW, bytes(18)),
        Payload(CONSTANT, b"\0"),
        Payload(CONSTANT, bytes(4)),
        Payload(3, b""),
    ],
)
def test_chunks_of_impossible_length_or_kind_are_refused(payload: Payload) -> None:
    with pytest.raises(FormatError, match="samples 0 to 9 has an impossible length"):
        open_container(write_container(HEADER, (payload, *PAYLOADS[1:]), b"", bytes(16)))


def test_an_index_that_contradicts_the_chunks_is_refused() -> None:
    data = bytearray(write_container(HEADER, PAYLOADS, b"", bytes(16)))
    data[HEADER.size] = 4
    with pytest.raises(FormatError, match="in the index"):
        open_container(bytes(data))


def test_a_hostile_wav_head_is_refused() -> None:
    fixed = struct.pack("<4sBBBBIIQ16s", b"\x89IDF", 1, 1, 1, 16, 8000, 10, 0, bytes(16))
    for size in (1, 2**31, 2**32 - 1):
        with pytest.raises(FormatError):
            open_container(with_crc(fixed + struct.pack("<I", size)) + bytes(40))


def test_a_hostile_wav_tail_is_refused() -> None:
    header = replace(HEADER, samples=0, wav_head=b"")
    data = write_container(header, (), b"", bytes(16))
    for size in (1, 2**32 - 1):
        trailer = struct.pack("<I", size) + bytes(16)
        crc = zlib.crc32(trailer, zlib.crc32(data[: header.size]))
        with pytest.raises(FormatError):
            open_container(data[: header.size] + trailer + struct.pack("<I", crc))


def test_foreign_files() -> None:
    with pytest.raises(FormatError, match="not an idf file"):
        read_header(b"RIFF" + bytes(100))
    with pytest.raises(FormatError, match="empty"):
        read_header(b"")
    with pytest.raises(ValueError, match="16 bytes"):
        replace(HEADER, fingerprint=b"short")
