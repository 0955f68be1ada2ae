"""The frame of a file. Damaged and hostile files always raise the documented error, and nothing else."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.audio.format import Original
from idf.audio.pcm_bytes import Layout
from idf.coding.codec import MAX_CHUNK_SAMPLES
from idf.container import varint
from idf.container.frame import Block, FrameReader, FrameWriter
from idf.container.index import read_audio_block, read_index
from idf.container.records import (
    AUDIO,
    HEAD,
    MAX_HEADER_BYTES,
    SYNC,
    TAIL,
    End,
    Header,
    pack_foreign,
    read_header,
)
from idf.errors import FormatError

HEADER = Header(
    fingerprint=bytes(range(8)),
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
    writer.finish(bytes(32))
    assert writer.bytes_written == len(file.getvalue())
    return file.getvalue()


def read_forwards(data: bytes) -> list[Block]:
    reader = FrameReader(io.BytesIO(data))
    blocks = []
    while not isinstance(part := reader.next(), End):
        blocks.append(part)
    assert part.samples == sum(block.samples for block in blocks)
    return blocks


def read_by_index(data: bytes) -> list[Block]:
    file = io.BytesIO(data)
    index = read_index(file)
    return [read_audio_block(file, index, number) for number in range(len(index.starts))]


def header_of(data: bytes) -> Header:
    return read_header(io.BytesIO(data))


def block(header: Header, kind: int, number: int, samples: int | None, payload: bytes, length: int = -1) -> bytes:
    """Return a block with a correct CRC, as a hostile writer would make it."""
    numbers = [number << 2 | kind, *([] if samples is None else [samples]), len(payload) if length < 0 else length]
    head = SYNC + b"".join(map(varint.pack, numbers))
    return head + zlib.crc32(payload, zlib.crc32(head, header.seed)).to_bytes(4, "little") + payload


def end(header: Header, samples: int | None, sizes: list[int], size: int | None = None) -> bytes:
    """Return an end that states one head block, as :data:`HEADER` announces."""
    numbers = [*([] if samples is None else [samples]), 1, 0, *sizes]
    body = (b"B" if samples is None else b"C") + b"".join(map(varint.pack, numbers)) + bytes(32)
    body += zlib.crc32(body, header.seed).to_bytes(4, "little")
    return body + varint.pack(len(body) if size is None else size)[::-1]


@pytest.mark.parametrize("has_head", [False, True])
def test_what_is_written_is_read(has_head: bool) -> None:
    header = replace(HEADER, has_head=has_head)
    blocks = BLOCKS[0 if has_head else 1 :]
    data = write(header, blocks)
    assert header_of(data) == header
    assert read_forwards(data) == blocks
    assert read_by_index(data) == BLOCKS[1:4]


@pytest.mark.parametrize(
    "change",
    [
        *({"samples": None}, {"samples": 0}, {"samples": 2**52}, {"rate_hz": 2**32 - 1}, {"chunk_samples": 2**20}),
        *({"original": Original.FLAC, "has_head": True}, {"channels": 8}, {"sample_bits": 24}, {"sample_bits": 8}),
        {"original": Original.AIFF, "has_head": True, "layout": Layout(is_big_endian=True)},
        {"original": Original.CAF, "has_head": True, "sample_bits": 8, "layout": Layout(is_signed=True)},
        {"original": Original.W64, "has_head": True, "samples": None},
    ],
)
def test_headers_come_back(change: dict[str, Any]) -> None:
    header = replace(HEADER, **change)
    packed = header.pack()
    assert header_of(packed + b"more") == header
    assert len(packed) <= MAX_HEADER_BYTES


def test_long_heads_take_several_blocks() -> None:
    long = bytes(2**20) + b"more"
    data = write(blocks=[Block(HEAD, 0, 0, long), *BLOCKS[1:]])
    assert [b.payload for b in read_forwards(data)[:2]] == [bytes(2**20), b"more"]
    assert read_by_index(data) == BLOCKS[1:4]


@pytest.mark.parametrize("announced", [None, 25, 20, 10, 3, 0, 1000])
def test_what_was_announced_need_not_be_true(announced: int | None) -> None:
    header = replace(HEADER, samples=announced)
    data = write(header)
    assert read_forwards(data) == BLOCKS
    assert read_by_index(data) == BLOCKS[1:4]
    assert read_index(io.BytesIO(data)).end.samples == 25


@pytest.mark.parametrize("blocks", [BLOCKS[:1], BLOCKS[:2], [*BLOCKS[:1], BLOCKS[4]]])
def test_few_blocks(blocks: list[Block]) -> None:
    data = write(blocks=blocks)
    assert read_forwards(data) == blocks
    assert read_by_index(data) == [block for block in blocks if block.kind == AUDIO]


def test_what_the_frame_takes() -> None:
    """The overhead of a speech clip in one block, then in several blocks."""
    header = replace(HEADER, has_head=False, rate_hz=22050, chunk_samples=65536, samples=40000)
    payload = bytes(50000)
    assert len(write(header, [Block(AUDIO, 0, 40000, payload)])) - len(payload) == 77
    header = replace(header, samples=3 * 65536)
    assert len(write(header, [Block(AUDIO, n, 65536, payload) for n in range(3)])) - 3 * len(payload) == 77 + 2 * 14


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
    """Spliced, deleted, inserted and repeated bytes are refused, unless the file is unchanged."""
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
    assert blocks == BLOCKS[1:4]  # only bytes around the audio were changed


def test_blocks_around_the_samples_that_are_cut_out_exactly_are_missed() -> None:
    """Removing the last head block or tail blocks leaves a valid order that contradicts only the end."""
    long = bytes(2**20) + b"more"
    blocks = [Block(HEAD, 0, 0, long), *BLOCKS[1:4], Block(TAIL, 0, 0, long)]
    whole = write(blocks=blocks)
    parts = [
        block(HEADER, kind, n, None, pack_foreign(part))
        for kind in (HEAD, TAIL)
        for n, part in enumerate((long[: 2**20], b"more"))
    ]
    assert all(whole.count(part) == 1 for part in parts)
    for cut in (parts[1], parts[3], parts[2] + parts[3]):
        edited = whole.replace(cut, b"")
        with pytest.raises(FormatError, match="its end contradicts the rest"):
            read_forwards(edited)
        if cut == parts[1]:
            with pytest.raises(FormatError, match="header is missing"):
                read_by_index(edited)
    swapped = whole.replace(parts[2] + parts[3], parts[3] + parts[2])
    with pytest.raises(FormatError, match="missing or misplaced"):
        read_forwards(swapped)


@pytest.mark.parametrize("blocks", [BLOCKS[1:], []], ids=["before samples", "before the end"])
def test_a_head_that_was_promised_is_missed(blocks: list[Block]) -> None:
    header = replace(HEADER, samples=sum(block.samples for block in blocks))
    with pytest.raises(FormatError, match=r"damaged|impossible"):
        read_forwards(write(header, blocks))


def test_a_block_of_another_file_does_not_pass() -> None:
    ours, other = write(), write(replace(HEADER, rate_hz=8001))
    size = len(HEADER.pack())
    with pytest.raises(FormatError):
        read_forwards(ours[:size] + other[size:])


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
        ({"rate_hz": 2**32}, "impossible values"),
        ({"is_float": True}, "impossible values"),
        ({"original": Original.FLAC, "samples": None}, "impossible values"),
        *(({"original": kind, "has_head": False}, "impossible values") for kind in list(Original)[1:]),
        ({"original": 5, "has_head": True}, "impossible values"),
        ({"layout": Layout(is_big_endian=True)}, "impossible values"),
        ({"original": Original.W64, "has_head": True, "layout": Layout(is_big_endian=True)}, "impossible values"),
        ({"original": Original.AIFF, "has_head": True, "layout": Layout(is_signed=True)}, "impossible values"),
        *(
            ({"original": Original.CAF, "has_head": True, "sample_bits": 8, "layout": layout}, "impossible values")
            for layout in (Layout(is_big_endian=True), Layout(True, True))
        ),
        ({"is_column": True, "channels": 2}, "impossible values"),
        ({"samples": 2**52 + 1}, "impossible values"),
        ({"samples": 2**60}, "impossible"),
        ({"samples": None, "has_head": False}, "impossible values"),
    ],
)
def test_hostile_headers(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        header_of(replace(HEADER, **change).pack())


def test_foreign_files_and_versions() -> None:
    with pytest.raises(FormatError, match="not an idf file"):
        header_of(b"RIFF" + bytes(100))
    with pytest.raises(FormatError, match="empty"):
        header_of(b"")
    with pytest.raises(FormatError, match="format version 2"):
        header_of(b"\x89IDF\x02" + bytes(60))
    with pytest.raises(ValueError, match="8 bytes"):
        replace(HEADER, fingerprint=b"short")
    for name in (b"a/b", b"a\0", b"..", b"x" * 256):
        with pytest.raises(ValueError, match="not a file name"):
            replace(HEADER, name=name)


SHORT = 3
FIRST = block(HEADER, HEAD, 0, None, b"\0head")
FULL = block(HEADER, AUDIO, 0, None, b"x")
HOSTILE = {
    "a length beyond what the samples can take": FIRST + block(HEADER, AUDIO, 0, None, b"x", 2**32 - 1),
    "more samples than a block has": FIRST + block(HEADER, SHORT, 0, 11, b"x") + end(HEADER, 11, []),
    "no samples": FIRST + block(HEADER, SHORT, 0, 0, b"x") + end(HEADER, 0, []),
    "no payload": FIRST + block(HEADER, AUDIO, 0, None, b"") + end(HEADER, 10, []),
    "an endless head": block(HEADER, HEAD, 0, None, b"x", 2**32 - 1),
    "an unknown mark": FIRST + b"X" + FULL,
    "a head after the audio": FIRST + FULL + block(HEADER, HEAD, 1, None, b"x"),
    "the same block twice": FIRST + FULL * 2 + end(HEADER, 20, [len(FULL)]),
    "a block with a number beyond all": FIRST + block(HEADER, AUDIO, 2**53, None, b"x"),
    "a short block in the middle": FIRST
    + block(HEADER, SHORT, 0, 5, b"x")
    + block(HEADER, AUDIO, 1, None, b"x")
    + end(HEADER, 15, [len(FULL)]),
    "an end with more samples than announced": FIRST + FULL + end(HEADER, None, []),
    "an end with 2^52 samples": FIRST + FULL + end(HEADER, 2**52, []),
    "an end with 2^55 samples": FIRST + end(HEADER, 2**55, []),
    "an end as long as 2^50": FIRST + FULL + end(HEADER, 10, [], 2**50),
    "an end that is the whole file": FIRST + FULL + end(HEADER, 10, [], len(FIRST + FULL) + 40),
    "an end that says it is shorter": FIRST + FULL + end(HEADER, 10, [], 5),
    "an index of too many blocks": FIRST + end(HEADER, 40, [10, 10, 10]),
    "an index of too few blocks": FIRST + FULL + block(HEADER, AUDIO, 1, None, b"x") + end(HEADER, 20, []),
    "an index with sizes beyond the file": FIRST
    + FULL
    + block(HEADER, AUDIO, 1, None, b"x")
    + end(HEADER, 20, [2**27]),
    "an end without a digest": FIRST + FULL + b"C",
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
