"""Where everything lies in a compressed file that can seek, so that any block is read without the rest."""

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
    """Where everything lies.

    Attributes:
        starts: int64 (blocks,), the place of each audio block.
    """

    header: Header
    end: End
    starts: np.ndarray


def read_index(file: IO[bytes]) -> Index:
    """Header, end and the places of the audio blocks; no block in between is read.

    Raises:
        FormatError: the file is damaged, cut off, or no file of ours.
    """
    file.seek(0)
    header = read_header(file)
    first = file.tell()
    end, place = read_end(file, header)
    for number in range(end.heads):
        first = _skip_head_block(file, header, first, number)
    starts = np.cumsum(np.concatenate([[first], end.sizes]))[: end.blocks(header)]
    # behind what is known to be there: at least a block each, or nothing at all
    known, rest = (int(starts[-1]), 1 + end.tails) if len(starts) else (first, end.tails)
    if known > place - rest * MIN_BLOCK_BYTES or (not rest and known != place):
        raise FormatError(f"{DAMAGED}: its index contradicts its length")
    return Index(header, end, starts)


def read_end(file: IO[bytes], header: Header) -> tuple[End, int]:
    """The end of a file that can seek, and its place.

    Raises:
        FormatError: it is damaged or missing.
    """
    size = file.seek(0, 2)
    file.seek(max(size - varint.MAX_BYTES, 0))
    last = file.read()[::-1]
    size_bytes = next((n + 1 for n, byte in enumerate(last) if byte < 128), 0)
    length = varint.unpack(last[:size_bytes])
    place = size - size_bytes - length
    # an index has at most 4 bytes for each block, and a block takes more: most of a file is not index
    largest = 1 + 3 * varint.MAX_BYTES + 4 * (size // MIN_BLOCK_BYTES) + DIGEST_BYTES + CRC_BYTES
    if place < 0 or not 1 + DIGEST_BYTES + CRC_BYTES <= length <= largest:
        raise FormatError(DAMAGED)
    file.seek(place)
    end = parse_end(read_fully(file, length), header)
    if (end.blocks(header) + end.heads + end.tails) * MIN_BLOCK_BYTES > place:
        raise FormatError(f"{DAMAGED}: its index contradicts its length")
    return end, place


def read_audio_block(file: IO[bytes], index: Index, number: int) -> Block:
    """Audio block ``number``, checked by its CRC.

    Raises:
        FormatError: the block is damaged; the message names it.
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
    """The place behind head block ``number``. Raises FormatError where there is none."""
    file.seek(place)
    head = read_block_head(file, header)
    if (head.kind, head.number) != (HEAD, number):
        raise FormatError(f"{DAMAGED}: a block of the original's header is missing")
    return place + head.size
