"""The frame of a compressed file: a header, blocks that each can be checked alone, an end block.

The format is specified in ``docs/format.md``; this module is that page as code, reading and writing
side by side. Files are written and read forwards only, a block at a time, so their length is no
matter; a file that can seek also gives the place of every block (:func:`read_index`). Everything that
a file claims is checked before anything is allocated for it. Not here: what is inside an audio block
(:mod:`idf.coding.planes`), and finding blocks in a file that is broken (:mod:`idf.coding.salvage`).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO

import numpy as np

from idf.errors import FormatError

MAGIC = b"\x89IDF"
VERSION = 1
FINGERPRINT_BYTES = 16
DIGEST_BYTES = 16
MAX_CHANNELS = 8
SAMPLE_BITS = (8, 16, 24)
MAX_CHUNK_SAMPLES = 1 << 20
"""So that what one block can make a reader allocate is bounded."""
MAX_FOREIGN_BYTES = 1 << 20
"""Bytes in one head or tail block; longer heads and tails take several."""

SYNC = b"\xa9\x5d\xb2"
HEAD, AUDIO, TAIL, END = b"H", b"A", b"T", b"E"
"""Kinds of blocks, in the order in which they stand in a file."""

_HEADER = struct.Struct("<4sBBBBIIQ16s")
_BLOCK = struct.Struct("<3scIII")
_U32 = struct.Struct("<I")
_END = struct.Struct(f"<Q{DIGEST_BYTES}s")

HEADER_BYTES = _HEADER.size + _U32.size
BLOCK_BYTES = _BLOCK.size + _U32.size

_FLAG_HEAD, _FLAG_FLAC = 1, 2
_UNKNOWN = (1 << 64) - 1
_MAX_SAMPLES = 1 << 52
"""Beyond any recording, and far from overflow in what is computed from it."""

DAMAGED = "the file is damaged or cut off"


@dataclass(frozen=True)
class Header:
    """What a file says of itself before its first block.

    Attributes:
        fingerprint: 16 bytes, names the model that can decode it.
        rate_hz: samples a second, 1 ... 2^32 - 1.
        channels: 1 ... 8.
        sample_bits: 8, 16 or 24.
        chunk_samples: samples (in each channel) of each audio block but the last.
        samples: in each channel, as the source announced them; None where it did not. What there
            really are is told by the end block.
        has_head: whether the original's bytes before the samples are kept; if not, they are the
            canonical WAV header for ``samples``.
        from_flac: whether the original was a FLAC file.

    Raises:
        ValueError: a fingerprint of another length than 16 bytes.
    """

    fingerprint: bytes
    rate_hz: int
    channels: int
    sample_bits: int
    chunk_samples: int
    samples: int | None
    has_head: bool = False
    from_flac: bool = False

    def __post_init__(self) -> None:
        if len(self.fingerprint) != FINGERPRINT_BYTES:
            raise ValueError(f"a fingerprint has {FINGERPRINT_BYTES} bytes, not {len(self.fingerprint)}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels as PCM."""
        return self.channels * self.sample_bits // 8

    def pack(self) -> bytes:
        """The 44 bytes at the start of a file."""
        flags = _FLAG_HEAD * self.has_head | _FLAG_FLAC * self.from_flac
        samples = _UNKNOWN if self.samples is None else self.samples
        kind = (self.channels, self.sample_bits, self.rate_hz, self.chunk_samples, samples)
        packed = _HEADER.pack(MAGIC, VERSION, flags, *kind, self.fingerprint)
        return packed + _U32.pack(zlib.crc32(packed))


@dataclass(frozen=True)
class Block:
    """One block of a file.

    Attributes:
        number: among the blocks of its kind, from 0; for the end block the number of audio blocks.
        samples: in each channel; 0 for other kinds than audio.
    """

    kind: bytes
    number: int
    samples: int
    payload: bytes


@dataclass(frozen=True)
class End:
    """What the end block says.

    Attributes:
        samples: in each channel.
        digest: first 16 bytes of the SHA-256 of the samples as interleaved little-endian PCM.
        lengths: uint32, of the payload of each audio block.
    """

    samples: int
    digest: bytes
    lengths: np.ndarray


def read_header(data: bytes) -> Header:
    """What the file says of itself; the first 44 bytes are enough.

    Raises:
        FormatError: no file of ours, another version, or a damaged header.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise FormatError("this is not an idf file" if data else "the file is empty")
    if len(data) < HEADER_BYTES:
        raise FormatError(DAMAGED)
    _, version, flags, channels, bits, rate_hz, chunk_samples, samples, fingerprint = _HEADER.unpack_from(data)
    if version != VERSION:
        raise FormatError(
            f"the file has format version {version}; this program reads version {VERSION}: install another idf"
        )
    if _U32.unpack_from(data, _HEADER.size)[0] != zlib.crc32(data[: _HEADER.size]):
        raise FormatError("the file's header is damaged (its CRC differs)")
    if (
        flags & ~(_FLAG_HEAD | _FLAG_FLAC)
        or not rate_hz
        or not 0 < chunk_samples <= MAX_CHUNK_SAMPLES
        or not 0 < channels <= MAX_CHANNELS
        or bits not in SAMPLE_BITS
        or _MAX_SAMPLES < samples < _UNKNOWN
        or (samples == _UNKNOWN and not flags & _FLAG_HEAD)
    ):
        raise FormatError("the file's header holds impossible values")
    return Header(
        fingerprint=fingerprint,
        rate_hz=rate_hz,
        channels=channels,
        sample_bits=bits,
        chunk_samples=chunk_samples,
        samples=None if samples == _UNKNOWN else samples,
        has_head=bool(flags & _FLAG_HEAD),
        from_flac=bool(flags & _FLAG_FLAC),
    )


class FrameWriter:
    """Writes a file block by block; forwards only.

    Args:
        file: binary, to write to.
        header: written at once.
    """

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file, self._header = file, header
        self._seed = block_seed(header)
        self._count = {HEAD: 0, AUDIO: 0, TAIL: 0}
        self._lengths: list[int] = []
        self._samples = 0
        self.bytes_written = 0
        self._put(header.pack())

    def foreign(self, kind: bytes, data: bytes) -> None:
        """Bytes before (``HEAD``) or after (``TAIL``) the samples, of any length; may be called again for more."""
        for start in range(0, len(data), MAX_FOREIGN_BYTES):
            self._block(kind, self._count[kind], 0, data[start : start + MAX_FOREIGN_BYTES])
            self._count[kind] += 1

    def audio(self, samples: int, payload: bytes) -> None:
        """The next ``samples`` samples; all blocks but the last must be full."""
        self._block(AUDIO, self._count[AUDIO], samples, payload)
        self._count[AUDIO] += 1
        self._lengths.append(len(payload))
        self._samples += samples

    def finish(self, digest: bytes) -> None:
        """Write the end block. The file itself stays open."""
        payload = _END.pack(self._samples, digest) + np.array(self._lengths, "<u4").tobytes()
        size = BLOCK_BYTES + len(payload) + _U32.size
        self._block(END, self._count[AUDIO], 0, payload + _U32.pack(size))

    def _block(self, kind: bytes, number: int, samples: int, payload: bytes) -> None:
        head = _BLOCK.pack(SYNC, kind, number, samples, len(payload))
        self._put(head + _U32.pack(zlib.crc32(payload, zlib.crc32(head, self._seed))))
        self._put(payload)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.bytes_written += len(data)


class FrameReader:
    """Reads a file block by block and checks that they follow each other as they must; forwards only.

    Args:
        file: binary, to read from.

    Attributes:
        header: what the file says of itself.

    Raises:
        FormatError: see :func:`read_header`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.header = read_header(_read(file, HEADER_BYTES))
        self._seed = block_seed(self.header)
        self._kind = HEAD
        self._count = {HEAD: 0, AUDIO: 0, TAIL: 0}
        self._samples = 0
        self._lengths_crc = 0

    def next(self) -> Block:
        """The next block: whole, and where it belongs. The end block is the last.

        Raises:
            FormatError: it is damaged or missing, or something follows the end block.
        """
        head = parse_block_head(_read(self._file, BLOCK_BYTES), self.header)
        if head is None:
            raise FormatError(f"{DAMAGED} after sample {self._samples}")
        self._check_place(head)
        payload = _read(self._file, head.length)
        if len(payload) < head.length or head.crc(payload, self._seed) != head.stored_crc:
            raise FormatError(f"{self._name(head)} is damaged or cut off (its CRC differs)")
        if head.kind == END:
            end = parse_end(payload)
            same = end.samples == self._samples and zlib.crc32(end.lengths.tobytes()) == self._lengths_crc
            if not same or self._file.read(1):
                raise FormatError(f"{DAMAGED}: its end contradicts the rest")
        else:
            self._count[head.kind] += 1
            self._samples += head.samples
            if head.kind == AUDIO:
                self._lengths_crc = zlib.crc32(_U32.pack(head.length), self._lengths_crc)
        return Block(head.kind, head.number, head.samples, payload)

    def _check_place(self, head: BlockHead) -> None:
        order = (HEAD, AUDIO, TAIL, END)
        expected = self._count[AUDIO if head.kind == END else head.kind]
        after_short = head.kind == AUDIO and self._samples % self.header.chunk_samples
        unannounced = head.kind == HEAD and not self.header.has_head
        if order.index(head.kind) < order.index(self._kind) or head.number != expected or after_short or unannounced:
            raise FormatError(f"{DAMAGED}: a block is missing or misplaced after sample {self._samples}")
        self._kind = head.kind

    def _name(self, head: BlockHead) -> str:
        if head.kind == AUDIO:
            return f"the block of samples {self._samples} to {self._samples + head.samples - 1}"
        return {HEAD: "the block of the WAV header", TAIL: "the block of the WAV file's end", END: "the end block"}[
            head.kind
        ]


@dataclass(frozen=True)
class BlockHead:
    """The 20 bytes before a payload, checked to be possible: nothing larger than the header allows."""

    kind: bytes
    number: int
    samples: int
    length: int
    stored_crc: int
    packed: bytes

    def crc(self, payload: bytes | memoryview, seed: int) -> int:
        """CRC-32 of the file's header, this head and the payload."""
        return zlib.crc32(payload, zlib.crc32(self.packed, seed))


def parse_block_head(data: bytes, header: Header) -> BlockHead | None:
    """What a block says of itself; None if no block can begin like that in a file with this header."""
    if len(data) < BLOCK_BYTES:
        return None
    sync, kind, number, samples, length = _BLOCK.unpack_from(data)
    if sync != SYNC:
        return None
    if kind == AUDIO:
        possible = 0 < samples <= header.chunk_samples and 0 < length <= max_payload(header, samples)
    elif kind in (HEAD, TAIL):
        possible = samples == 0 and 0 < length <= MAX_FOREIGN_BYTES
    else:
        possible = kind == END and samples == 0 and length == _END.size + _U32.size * (number + 1)
    stored = _U32.unpack_from(data, _BLOCK.size)[0]
    return BlockHead(kind, number, samples, length, stored, bytes(data[: _BLOCK.size])) if possible else None


def parse_end(payload: bytes) -> End:
    """The end block's payload, whose length was checked with its head.

    Raises:
        FormatError: its numbers are impossible.
    """
    samples, digest = _END.unpack_from(payload)
    if samples > _MAX_SAMPLES or _U32.unpack_from(payload, len(payload) - 4)[0] != BLOCK_BYTES + len(payload):
        raise FormatError("the end block holds impossible values")
    return End(samples, digest, np.frombuffer(payload, "<u4", offset=_END.size)[:-1])


def max_payload(header: Header, samples: int) -> int:
    """An audio block is never longer than its samples as PCM and one byte."""
    return 1 + samples * header.frame_bytes


def block_seed(header: Header) -> int:
    """Where CRCs of blocks start: the header's CRC, so that no block passes in another file."""
    return zlib.crc32(header.pack()[: _HEADER.size])


@dataclass(frozen=True)
class Index:
    """Where everything lies in a file that can seek.

    Attributes:
        starts: int64 (blocks + 1,), the place of each audio block and of what follows the last.
    """

    header: Header
    end: End
    starts: np.ndarray


def read_index(file: IO[bytes]) -> Index:
    """Header, end block and the places of the audio blocks; no block in between is read.

    Raises:
        FormatError: the file is damaged, cut off, or no file of ours.
    """
    file.seek(0)
    header = read_header(_read(file, HEADER_BYTES))
    size = file.seek(0, 2)
    file.seek(max(size - _U32.size, 0))
    (end_bytes,) = _U32.unpack(_read(file, _U32.size))
    # An index has 4 bytes for each block of at least 20, so most of the file is not index.
    if not BLOCK_BYTES + _END.size <= end_bytes <= size - HEADER_BYTES:
        raise FormatError(DAMAGED)
    file.seek(size - end_bytes)
    head = parse_block_head(_read(file, BLOCK_BYTES), header)
    if head is None or head.kind != END or head.length != end_bytes - BLOCK_BYTES:
        raise FormatError(DAMAGED)
    if head.number * (BLOCK_BYTES + 1) > size:
        raise FormatError(DAMAGED)
    payload = _read(file, head.length)
    if head.crc(payload, block_seed(header)) != head.stored_crc:
        raise FormatError(f"{DAMAGED} (the CRC of its end block differs)")
    end = parse_end(payload)
    if head.number != -(-end.samples // header.chunk_samples):
        raise FormatError(f"{DAMAGED}: its end contradicts its header")
    first = _skip_head_blocks(file, header)
    sizes = end.lengths.astype(np.int64) + BLOCK_BYTES
    starts = np.concatenate([[first], first + np.cumsum(sizes)])
    if starts[-1] > size - end_bytes:
        raise FormatError(f"{DAMAGED}: its index contradicts its length")
    return Index(header, end, starts)


def read_audio_block(file: IO[bytes], index: Index, number: int) -> Block:
    """Audio block ``number``, checked by its CRC.

    Raises:
        FormatError: the block is damaged; the message names it.
    """
    header = index.header
    first = number * header.chunk_samples
    samples = min(header.chunk_samples, index.end.samples - first)
    file.seek(int(index.starts[number]))
    head = parse_block_head(_read(file, BLOCK_BYTES), header)
    if head is not None and (head.kind, head.number, head.samples) == (AUDIO, number, samples):
        payload = _read(file, head.length)
        if len(payload) == head.length and head.crc(payload, block_seed(header)) == head.stored_crc:
            return Block(AUDIO, number, samples, payload)
    raise FormatError(f"the block of samples {first} to {first + samples - 1} is damaged")


def _skip_head_blocks(file: IO[bytes], header: Header) -> int:
    """The place of the first block that is no head block."""
    place = HEADER_BYTES
    while True:
        file.seek(place)
        head = parse_block_head(_read(file, BLOCK_BYTES), header)
        if head is None:
            raise FormatError(DAMAGED)
        if head.kind != HEAD:
            return place
        place += BLOCK_BYTES + head.length


def _read(file: IO[bytes], size: int) -> bytes:
    """Up to ``size`` bytes: fewer only at the end of the file (pipes give less than asked for)."""
    data = file.read(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (data := file.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
