"""The positions of all blocks in a seekable compressed file, to read any block without the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

import numpy as np

from idf.container import varint
from idf.container.frame import Block
from idf.container.records import (
    AUDIO,
    CRC_BYTES,
    DAMAGED,
    DIGEST_BYTES,
    HEAD,
    MIN_BLOCK_BYTES,
    End,
    Header,
    parse_end,
    read_block_head,
    read_header,
)
from idf.errors import FormatError
from idf.files import read_fully


@dataclass(frozen=True)
class Index:
    """Header, end and block positions of a file.

    Attributes:
        header: the file's header.
        end: the file's end.
        starts: position of each audio block, int64 (blocks,).
    """

    header: Header
    end: End
    starts: np.ndarray


def read_index(file: IO[bytes]) -> Index:
    """Return the index of a file without reading its audio blocks.

    Raises:
        FormatError: the file is damaged, truncated, or not a compressed file.
    """
    file.seek(0)
    header = read_header(file)
    first = file.tell()
    end, place = read_end(file, header)
    for number in range(end.heads):
        first = _skip_head_block(file, header, first, number)
    starts = np.cumsum(np.concatenate([[first], end.sizes]))[: end.blocks(header)]
    # after the last known position: at least one minimal block each, or nothing at all
    known, rest = (int(starts[-1]), 1 + end.tails) if len(starts) else (first, end.tails)
    if known > place - rest * MIN_BLOCK_BYTES or (not rest and known != place):
        raise FormatError(f"{DAMAGED}: its index contradicts its length")
    return Index(header, end, starts)


def read_end(file: IO[bytes], header: Header) -> tuple[End, int]:
    """Return the end of a seekable file, and its position.

    Raises:
        FormatError: the end is damaged or missing.
    """
    size = file.seek(0, 2)
    file.seek(max(size - varint.MAX_BYTES, 0))
    last = file.read()[::-1]
    size_bytes = next((n + 1 for n, byte in enumerate(last) if byte < 128), 0)
    length = varint.unpack(last[:size_bytes])
    place = size - size_bytes - length
    # an index has at most 4 bytes per block, and a block is larger
    largest = 1 + 3 * varint.MAX_BYTES + 4 * (size // MIN_BLOCK_BYTES) + DIGEST_BYTES + CRC_BYTES
    if place < 0 or not 1 + DIGEST_BYTES + CRC_BYTES <= length <= largest:
        raise FormatError(DAMAGED)
    file.seek(place)
    end = parse_end(read_fully(file, length), header)
    if (end.blocks(header) + end.heads + end.tails) * MIN_BLOCK_BYTES > place:
        raise FormatError(f"{DAMAGED}: its index contradicts its length")
    return end, place


def read_audio_block(file: IO[bytes], index: Index, number: int) -> Block:
    """Return audio block ``number``, checked by its CRC.

    Raises:
        FormatError: the block is damaged; the message gives its samples.
    """
    header = index.header
    first = number * header.chunk_samples
    samples = min(header.chunk_samples, index.end.samples - first)
    file.seek(int(index.starts[number]))
    try:
        head = read_block_head(file, header)
    except FormatError:
        head = None
    if head is not None and (head.kind, head.number, head.samples) == (AUDIO, number, samples):
        payload = read_fully(file, head.length)
        if head.fits(payload):
            return Block(AUDIO, number, samples, payload)
    raise FormatError(f"the block of samples {first} to {first + samples - 1} is damaged")


def _skip_head_block(file: IO[bytes], header: Header, place: int, number: int) -> int:
    """Return the position after head block ``number``. Raises FormatError if there is no such block."""
    file.seek(place)
    head = read_block_head(file, header)
    if (head.kind, head.number) != (HEAD, number):
        raise FormatError(f"{DAMAGED}: a block of the original's header is missing")
    return place + head.size
