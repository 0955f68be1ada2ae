"""Salvaging a damaged file: recovers every intact block, wherever it lies.

Blocks are found by their sync mark and accepted if their CRC is correct, so truncation, missing or inserted bytes and a
damaged index do not affect other blocks. A header with one wrong byte is repaired with its CRC. Lost samples become
silence, so that the rest keeps its position, and are reported.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from idf.audio.format import AudioFormat, Original
from idf.audio.wav import canonical_head, canonical_tail, to_wav_bytes
from idf.coding.codec import ChunkCodec
from idf.container.frame import Block
from idf.container.index import read_end
from idf.container.records import (
    AUDIO,
    HEAD,
    MAX_HEADER_BYTES,
    MIN_BLOCK_BYTES,
    SYNC,
    BlockHead,
    Header,
    ImpossibleHeaderError,
    read_block_head,
    read_header,
    unpack_foreign,
)
from idf.container.stream import Progress, check_model, decode_samples, no_progress
from idf.errors import FormatError

_WINDOW = 1 << 20
_WASTE_FACTOR = 8
"""Most bytes read for invalid blocks, as a multiple of the file size, so that forged block heads cannot make a reader search forever."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An intact block and the position of its payload."""

    head: BlockHead
    place: int


@dataclass
class Survey:
    """What a damaged file still contains.

    Attributes:
        header: the header, repaired if necessary.
        samples: samples per channel, as far as can be determined.
        notes: what is wrong, one sentence each.
        audio: intact audio blocks by number.
        head, tail: intact blocks of the original's head and tail, up to the first gap.
    """

    header: Header
    samples: int
    notes: list[str]
    audio: dict[int, _Found] = field(default_factory=dict)
    head: list[_Found] = field(default_factory=list)
    tail: list[_Found] = field(default_factory=list)

    @property
    def audio_format(self) -> AudioFormat:
        """Rate, channels and bits."""
        return self.header.audio_format


@dataclass(frozen=True)
class Loss:
    """What could not be salvaged.

    Attributes:
        ranges: lost ranges of samples (start, stop), which are now silent.
        notes: what else is wrong, one sentence each.
    """

    ranges: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def survey(file: IO[bytes]) -> Survey:
    """Find the intact parts of a seekable file.

    Raises:
        FormatError: not a compressed file, or its header cannot be repaired.
    """
    file.seek(0)
    header, notes = _repaired_header(file.read(MAX_HEADER_BYTES))
    size = file.seek(0, 2)
    result = Survey(header, 0, notes)
    heads, tails = {}, {}
    for found in _whole_blocks(file, header, size):
        number = found.head.number
        if found.head.kind == AUDIO:
            result.audio.setdefault(number, found)
        elif found.head.kind == HEAD:
            heads[number] = found
        else:
            tails[number] = found
    chunk = header.chunk_samples
    seen = max((n * chunk + found.head.samples for n, found in result.audio.items()), default=0)
    wanted_heads, wanted_tails = int(header.has_head), 0
    try:
        end = read_end(file, header)[0]
        total, wanted_heads, wanted_tails = end.samples, end.heads, end.tails
    except FormatError:
        notes.append("the end of the file is missing, so its length and digest are unknown")
        announced = header.samples
        # trust the length in the header only if the size of the file makes it plausible
        plausible = announced is not None and announced - seen <= chunk * (2 + size // MIN_BLOCK_BYTES)
        total = max(seen, announced if plausible and announced is not None else 0)
    result.samples = max(total, seen)
    result.head, whole_head = _in_order(heads, wanted_heads)
    result.tail, whole_tail = _in_order(tails, wanted_tails)
    if not whole_head:
        notes.append("the original's header is damaged and replaced with a standard one")
        result.head = []
    if not whole_tail:
        notes.append("the original's bytes after the samples are damaged and omitted from there on")
    return result


def salvage_blocks(
    codec: ChunkCodec, file: IO[bytes], found: Survey, lost: list[tuple[int, int]]
) -> Iterator[np.ndarray]:
    """Yield all samples in order, int32 (n, channels) per block, with silence for lost blocks.

    Args:
        codec: the model.
        file: the damaged file.
        found: its survey.
        lost: lost ranges are appended here, adjacent ones merged.

    Raises:
        FormatError: the file was made with another model.
    """
    check_model(codec, found.header)
    chunk = found.header.chunk_samples
    for number in range(-(-found.samples // chunk)):
        first = number * chunk
        count = min(chunk, found.samples - first)
        samples = _samples(codec, file, found, number)
        if samples is None or len(samples) != count:
            if lost and lost[-1][1] == first:
                lost[-1] = (lost[-1][0], first + count)
            else:
                lost.append((first, first + count))
            samples = np.zeros((count, found.header.channels), np.int32)
        yield samples


def salvage_stream(
    codec: ChunkCodec, file: IO[bytes], write: Callable[[bytes], object], *, progress: Progress = no_progress
) -> Loss:
    """Write what can be salvaged of a damaged file as WAV.

    Args:
        codec: the model.
        file: the damaged file.
        write: called with the bytes, in order.
        progress: called with the number of samples done.

    Raises:
        FormatError: not a compressed file, its header cannot be repaired, or it was made with another model.
        DataError: too many samples for a WAV file.
    """
    found = survey(file)
    lost: list[tuple[int, int]] = []
    is_wav = found.header.original is Original.WAV
    if found.head and is_wav:
        for block in found.head:
            write(unpack_foreign(_payload(file, block)))
    else:
        known = None if found.header.has_head else found.header.samples
        write(canonical_head(found.samples if known is None else known, found.audio_format))
    for samples in salvage_blocks(codec, file, found, lost):
        write(to_wav_bytes(samples, found.header.sample_bits))
        progress(len(samples))
    for block in found.tail if is_wav else ():
        write(unpack_foreign(_payload(file, block)))
    if not is_wav:
        write(canonical_tail(found.samples, found.audio_format))
    return Loss(tuple(lost), tuple(found.notes))


def _samples(codec: ChunkCodec, file: IO[bytes], found: Survey, number: int) -> np.ndarray | None:
    block = found.audio.get(number)
    if block is None:
        return None
    whole = Block(AUDIO, number, block.head.samples, _payload(file, block))
    try:
        return decode_samples(codec, found.header, number * found.header.chunk_samples, whole)
    except FormatError:
        return None


def _payload(file: IO[bytes], block: _Found) -> bytes:
    file.seek(block.place)
    return file.read(block.head.length)


def _in_order(blocks: dict[int, _Found], wanted: int) -> tuple[list[_Found], bool]:
    """Return blocks 0, 1, … up to the first gap, and whether they are all the blocks, and at least ``wanted``."""
    ordered: list[_Found] = []
    while len(ordered) in blocks:
        ordered.append(blocks[len(ordered)])
    return ordered, len(ordered) == max(len(blocks), wanted)


def _whole_blocks(file: IO[bytes], header: Header, size: int) -> Iterator[_Found]:
    place, waste = 0, _WASTE_FACTOR * (size + _WINDOW)
    while (place := _next_sync(file, place)) >= 0 and waste > 0:
        file.seek(place)
        head = _possible_head(file, header)
        begin = file.tell()
        if head is not None and head.length <= size - begin and _is_sensible(head, header, size):
            if _crc(file, head) == head.crc:
                yield _Found(head, begin)
                place = begin + head.length
                continue
            waste -= head.length
        waste -= MIN_BLOCK_BYTES
        place += 1


def _possible_head(file: IO[bytes], header: Header) -> BlockHead | None:
    try:
        return read_block_head(file, header)
    except FormatError:
        return None


def _crc(file: IO[bytes], head: BlockHead) -> int:
    crc, left = head.begun, head.length
    while left and (data := file.read(min(left, _WINDOW))):
        crc = zlib.crc32(data, crc)
        left -= len(data)
    return crc


def _is_sensible(head: BlockHead, header: Header, size: int) -> bool:
    """Return whether the block's number is possible, given that each earlier block takes some bytes."""
    return head.number <= size // MIN_BLOCK_BYTES + (header.samples or 0) // header.chunk_samples


def _next_sync(file: IO[bytes], place: int) -> int:
    """Return the position of the next sync mark at or after ``place``, or -1."""
    while True:
        file.seek(place)
        window = file.read(_WINDOW)
        at = window.find(SYNC)
        if at >= 0:
            return place + at
        if len(window) < _WINDOW:
            return -1
        place += len(window) - len(SYNC) + 1


def _repaired_header(data: bytes) -> tuple[Header, list[str]]:
    try:
        return read_header(io.BytesIO(data)), []
    except ImpossibleHeaderError:
        raise
    except FormatError as error:
        for place in range(len(data)):
            edited = bytearray(data)
            for value in range(256):
                edited[place] = value
                try:
                    header = read_header(io.BytesIO(edited))
                except FormatError:
                    continue
                return header, [f"byte {place} of the header was wrong and has been repaired"]
        raise FormatError(f"{error}; nothing can be salvaged without a header") from error
