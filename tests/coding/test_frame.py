"""The frame of a file, and what damaged and hostile files do: an error, always, and nothing else."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.coding.frame import (
    AUDIO,
    BLOCK_BYTES,
    END,
    HEAD,
    HEADER_BYTES,
    MAX_CHUNK_SAMPLES,
    SYNC,
    TAIL,
    Block,
    FrameReader,
    FrameWriter,
    Header,
    block_seed,
    read_audio_block,
    read_header,
    read_index,
)
from idf.errors import FormatError

HEADER = Header(
    fingerprint=bytes(range(16)),
    rate_hz=8000,
    channels=1,
    sample_bits=16,
    chunk_samples=10,
    samples=25,
    has_head=True,
)
BLOCKS = [
    Block(HEAD, 0, 0, b"head"),
    Block(AUDIO, 0, 10, b"first"),
    Block(AUDIO, 1, 10, b"the second"),
    Block(AUDIO, 2, 5, b"last"),
    Block(TAIL, 0, 0, b"tail"),
]


def write(header: Header = HEADER, blocks: list[Block] = BLOCKS) -> bytes:
    file = io.BytesIO()
    writer = FrameWriter(file, header)
    for block in blocks:
        if block.kind == AUDIO:
            writer.audio(block.samples, block.payload)
        else:
            writer.foreign(block.kind, block.payload)
    writer.finish(bytes(16))
    assert writer.bytes_written == len(file.getvalue())
    return file.getvalue()


def read_forwards(data: bytes) -> list[Block]:
    reader = FrameReader(io.BytesIO(data))
    blocks = [reader.next()]
    while blocks[-1].kind != END:
        blocks.append(reader.next())
    return blocks[:-1]


def read_by_index(data: bytes) -> list[Block]:
    file = io.BytesIO(data)
    index = read_index(file)
    return [read_audio_block(file, index, number) for number in range(len(index.end.lengths))]


def block(header: Header, kind: bytes, number: int, samples: int, payload: bytes, length: int | None = None) -> bytes:
    """A block with a right CRC: whoever wrote it meant it."""
    head = struct.pack("<3scIII", SYNC, kind, number, samples, len(payload) if length is None else length)
    return head + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head, block_seed(header)))) + payload


def end(header: Header, samples: int, lengths: list[int], number: int | None = None) -> bytes:
    payload = struct.pack("<Q16s", samples, bytes(16)) + np.array(lengths, "<u4").tobytes()
    payload += struct.pack("<I", BLOCK_BYTES + len(payload) + 4)
    return block(header, END, len(lengths) if number is None else number, 0, payload)


@pytest.mark.parametrize("has_head", [False, True])
def test_what_is_written_is_read(has_head: bool) -> None:
    header = replace(HEADER, has_head=has_head)
    blocks = BLOCKS[0 if has_head else 1 :]
    data = write(header, blocks)
    assert read_header(data[:HEADER_BYTES]) == header
    assert read_forwards(data) == blocks
    assert read_by_index(data) == BLOCKS[1:4]


@pytest.mark.parametrize(
    "change",
    [{"samples": None}, {"from_flac": True}, {"channels": 8}, {"sample_bits": 24}, {"rate_hz": 2**32 - 1}],
)
def test_headers_come_back(change: dict[str, Any]) -> None:
    header = replace(HEADER, **change)
    assert read_header(header.pack()) == header


def test_long_heads_take_several_blocks() -> None:
    long = bytes(2**20) + b"more"
    data = write(blocks=[Block(HEAD, 0, 0, long), *BLOCKS[1:]])
    assert [b.payload for b in read_forwards(data)[:2]] == [bytes(2**20), b"more"]
    assert read_by_index(data) == BLOCKS[1:4]


def test_the_frame_takes_92_bytes_and_24_a_block() -> None:
    header = replace(HEADER, has_head=False)
    assert len(write(header, BLOCKS[1:4])) == 92 + 3 * 24 + sum(len(b.payload) for b in BLOCKS[1:4])


def test_cut_at_every_length() -> None:
    data = write()
    for size in range(len(data)):
        for read in (read_forwards, read_by_index):
            with pytest.raises(FormatError):
                read(data[:size])
    with pytest.raises(FormatError):
        read_forwards(data + b"\0")


def test_every_changed_byte_is_noticed() -> None:
    data = write()
    for position in range(len(data)):
        for flip in (1, 128, 255):
            damaged = bytearray(data)
            damaged[position] ^= flip
            with pytest.raises(FormatError):
                read_forwards(bytes(damaged))


@settings(deadline=None, max_examples=500)
@given(st.data())
def test_edits_of_any_kind_are_noticed(data: st.DataObject) -> None:
    """Splice, delete, insert, repeat: the result is refused unless it is the file itself."""
    whole = write()
    a, b = sorted((data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))))
    middle = data.draw(st.one_of(st.binary(max_size=20), st.just(whole[a:b] * 2), st.just(whole[b : 2 * b - a])))
    edited = whole[:a] + middle + whole[b:]
    if edited == whole:
        return
    with pytest.raises(FormatError):
        read_forwards(edited)
    try:
        blocks = read_by_index(edited)
    except FormatError:
        return
    assert blocks == BLOCKS[1:4]  # only what lies around the audio was changed


def test_a_block_of_another_file_does_not_pass() -> None:
    ours, other = write(), write(replace(HEADER, rate_hz=8001))
    with pytest.raises(FormatError):
        read_forwards(ours[:HEADER_BYTES] + other[HEADER_BYTES:])


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_random_bytes_after_a_good_header(data: bytes) -> None:
    for start in (b"\x89IDF\x01", HEADER.pack()):
        for read in (read_forwards, read_by_index):
            with pytest.raises(FormatError):
                read(start + data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chunk_samples": 0}, "impossible values"),
        ({"chunk_samples": MAX_CHUNK_SAMPLES + 1}, "impossible values"),
        ({"rate_hz": 0}, "impossible values"),
        ({"channels": 0}, "impossible values"),
        ({"channels": 9}, "impossible values"),
        ({"sample_bits": 12}, "impossible values"),
        ({"samples": 2**60}, "impossible values"),
        ({"samples": None, "has_head": False}, "impossible values"),
    ],
)
def test_hostile_headers(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_header(replace(HEADER, **change).pack())


def test_foreign_files_and_versions() -> None:
    with pytest.raises(FormatError, match="not an idf file"):
        read_header(b"RIFF" + bytes(100))
    with pytest.raises(FormatError, match="empty"):
        read_header(b"")
    with pytest.raises(FormatError, match="format version 2"):
        read_header(b"\x89IDF\x02" + bytes(60))
    with pytest.raises(ValueError, match="16 bytes"):
        replace(HEADER, fingerprint=b"short")


FIRST = block(HEADER, HEAD, 0, 0, b"head")
HOSTILE = {
    "a length beyond what the samples can take": FIRST + block(HEADER, AUDIO, 0, 10, b"x", 2**32 - 1),
    "more samples than a block has": FIRST + block(HEADER, AUDIO, 0, 11, b"x"),
    "no samples": FIRST + block(HEADER, AUDIO, 0, 0, b"x"),
    "an endless head": block(HEADER, HEAD, 0, 0, b"x", 2**32 - 1),
    "an unknown kind": FIRST + block(HEADER, b"X", 0, 0, b"x"),
    "a head after the audio": FIRST + block(HEADER, AUDIO, 0, 10, b"x") + block(HEADER, HEAD, 1, 0, b"x"),
    "the same block twice": FIRST + block(HEADER, AUDIO, 0, 10, b"x") * 2 + end(HEADER, 20, [1, 1]),
    "a short block in the middle": FIRST
    + block(HEADER, AUDIO, 0, 5, b"x")
    + block(HEADER, AUDIO, 1, 10, b"x")
    + end(HEADER, 15, [1, 1]),
    "an end with 2^52 samples": FIRST + block(HEADER, AUDIO, 0, 10, b"x") + end(HEADER, 2**52, [1]),
    "an end with 2^63 samples": FIRST + end(HEADER, 2**63, []),
    "an index of 2^30 blocks": FIRST + block(HEADER, END, 2**30, 0, b"x" * 100, 28 + 2**32 - 2**32),
    "an index of too many blocks": FIRST + end(HEADER, 40, [1, 1, 1, 1]),
    "an index with lengths beyond the file": FIRST + block(HEADER, AUDIO, 0, 10, b"x") + end(HEADER, 10, [2**32 - 1]),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_blocks_are_refused_before_anything_is_allocated(body: bytes) -> None:
    data = HEADER.pack() + body
    tracemalloc.start()
    with pytest.raises(FormatError):
        read_forwards(data)
    with pytest.raises(FormatError):
        read_by_index(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_a_damaged_block_is_named_and_costs_only_itself() -> None:
    data = bytearray(write())
    data[data.index(b"second")] ^= 1
    file = io.BytesIO(data)
    index = read_index(file)
    assert read_audio_block(file, index, 2) == BLOCKS[3]
    with pytest.raises(FormatError, match="samples 10 to 19"):
        read_audio_block(file, index, 1)
    with pytest.raises(FormatError, match="samples 10 to 19"):
        read_forwards(bytes(data))
