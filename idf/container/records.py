"""Packing and reading the parts of a compressed file: the header, the blocks and the end.

The format is specified in ``docs/format.md``. Everything that a file states is checked before memory is allocated for
it. The order of the parts is in :mod:`idf.container.frame`, their positions in :mod:`idf.container.index`.
"""

from __future__ import annotations

import functools
import io
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import IO

import numpy as np

from idf.audio.format import SAMPLE_BITS, AudioFormat, Original
from idf.audio.pcm_bytes import PLAIN, Layout
from idf.coding.codec import MAX_CHUNK_SAMPLES
from idf.container import varint
from idf.errors import FormatError
from idf.files import read_fully

MAGIC = b"\x89IDF"
VERSION = 1
FINGERPRINT_BYTES = 8
"""Bytes of a model's (longer) fingerprint that a file stores: enough to tell models apart."""
DIGEST_BYTES = 32
MAX_FOREIGN_BYTES = 1 << 20
"""Most bytes of the original in one head or tail block; longer heads and tails take several."""
MAX_NAME_BYTES = 255
"""Longest file name that file systems allow."""
MAX_SAMPLES = 1 << 52
"""More than any recording has, yet safe from overflow in computations."""

SYNC = b"\xa9\x5d\xb2"
END_MARKS = tuple(bytes([mark]) for mark in range(0x40, 0x44))
"""First bytes of the end: 0x40 and the flags below."""
_OTHER_SAMPLES, _FOREIGN = 1, 2
"""Flags of the end: the sample count differs from the header's (a number follows); there are head or tail blocks (two
numbers follow)."""

CRC_BYTES = 4
MAX_HEADER_BYTES = len(MAGIC) + 3 + 5 + 3 + 8 + 2 + MAX_NAME_BYTES + FINGERPRINT_BYTES + CRC_BYTES
MIN_BLOCK_BYTES = len(SYNC) + 1 + 1 + CRC_BYTES + 1
"""A block of one byte."""

_FLAG_FLOAT, _FLAG_HEAD, _FLAG_OPEN = 1 << 5, 1 << 6, 1 << 7
"""Bits of the first flag byte; the lower bits are channels less 1, and bytes per sample less 1."""
_FLAG_NAME, _FLAG_COLUMN, _FLAG_BIG_ENDIAN, _FLAG_SIGNED = (1 << bit for bit in range(3, 7))
"""Bits of the second flag byte; the lower bits are the kind of the original."""
RAW_BYTES, DEFLATED_BYTES = 0, 1
"""Forms of a head or tail block: stored, or deflated (RFC 1951)."""
_SHORT = 3
"""The kind, as written, of an audio block that states its number of samples."""

DAMAGED = "the file is damaged or truncated"


class ImpossibleHeaderError(FormatError):
    """A header with a correct CRC and values that no encoder writes."""


class Kind(IntEnum):
    """Kinds of blocks, in their order in a file."""

    HEAD, AUDIO, TAIL = range(3)


HEAD, AUDIO, TAIL = Kind


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes:
        fingerprint: the first 8 bytes of the fingerprint of the model that made the file.
        rate_hz: sampling rate in Hz, 1 ... 2^32 - 1.
        channels: number of channels, 1 ... 8.
        sample_bits: bits of a sample: 8, 16, 24 or 32.
        chunk_samples: samples per channel of each audio block but the last.
        samples: samples per channel as the source stated them; None if it did not. The end holds the actual number.
        has_head: whether the original's bytes before the samples are stored; if not, they are the canonical WAV
            header for ``samples``.
        original: the kind of the original file; ``WAV`` for arrays.
        name: name of the original file without folders, as bytes of the file system; empty if it has none.
        is_float: whether samples are 32-bit floats.
        is_column: whether the original is a mono array of shape (time, 1).
        layout: byte layout of the samples in the original; the plain one except for AIFF and CAF.

    Raises:
        ValueError: the fingerprint does not have 8 bytes, or the name is impossible.
    """

    fingerprint: bytes
    rate_hz: int
    channels: int
    sample_bits: int
    chunk_samples: int
    samples: int | None
    has_head: bool = False
    original: Original = Original.WAV
    name: bytes = b""
    is_float: bool = False
    is_column: bool = False
    layout: Layout = PLAIN

    def __post_init__(self) -> None:
        if len(self.fingerprint) != FINGERPRINT_BYTES:
            raise ValueError(f"the fingerprint must have {FINGERPRINT_BYTES} bytes, not {len(self.fingerprint)}")
        if not is_name(self.name):
            raise ValueError(f"{self.name!r} is not a file name")

    @functools.cached_property
    def audio_format(self) -> AudioFormat:
        """The sample format."""
        return AudioFormat(self.rate_hz, self.channels, self.sample_bits, self.is_float)

    @property
    def from_flac(self) -> bool:
        """Whether the original was a FLAC file."""
        return self.original is Original.FLAC

    @functools.cached_property
    def seed(self) -> int:
        """The header's CRC. All other CRCs start from it, so that no block is valid in another file."""
        return zlib.crc32(self._pack())

    def pack(self) -> bytes:
        """Return the bytes at the start of the file."""
        packed = self._pack()
        return packed + _crc_bytes(zlib.crc32(packed))

    def expected(self, number: int) -> int:
        """Return the samples per channel of audio block ``number`` according to the header; a chunk if unknown."""
        left = self.chunk_samples if self.samples is None else self.samples - number * self.chunk_samples
        return min(left, self.chunk_samples) if left > 0 else self.chunk_samples

    def max_payload(self, samples: int) -> int:
        """Return the longest payload of an audio block: its samples as PCM plus one byte."""
        return 1 + samples * self.audio_format.frame_bytes

    def _pack(self) -> bytes:
        sound = (self.channels - 1) | (self.sample_bits // 8 - 1) << 3 | _FLAG_FLOAT * self.is_float
        sound |= _FLAG_HEAD * self.has_head | _FLAG_OPEN * (self.samples is None)
        origin = self.original | _FLAG_NAME * bool(self.name) | _FLAG_COLUMN * self.is_column
        origin |= _FLAG_BIG_ENDIAN * self.layout.is_big_endian | _FLAG_SIGNED * self.layout.is_signed
        numbers = [self.rate_hz, self.chunk_samples] + ([] if self.samples is None else [self.samples])
        packed = MAGIC + bytes([VERSION, sound, origin]) + b"".join(map(varint.pack, numbers))
        return packed + (varint.pack(len(self.name)) + self.name if self.name else b"") + self.fingerprint


@dataclass(frozen=True, slots=True)
class BlockHead:
    """The head of a block, checked against the limits that the file's header sets.

    Attributes:
        kind: kind of the block.
        number: number among the blocks of its kind, from 0.
        samples: samples per channel; 0 unless the kind is audio.
        length: bytes of the payload.
        size: bytes of the whole block.
        begun: CRC-32 up to the payload.
        crc: CRC-32 of the whole block, as stored.
    """

    kind: Kind
    number: int
    samples: int
    length: int
    size: int
    begun: int
    crc: int

    def fits(self, payload: bytes) -> bool:
        """Return whether this is the complete, undamaged payload."""
        return len(payload) == self.length and zlib.crc32(payload, self.begun) == self.crc


@dataclass(frozen=True)
class End:
    """The end of a file.

    Attributes:
        samples: samples per channel.
        heads: number of head blocks.
        tails: number of tail blocks.
        sizes: bytes of each audio block but the last, int64 (blocks - 1,).
        digest: SHA-256 of the samples as interleaved little-endian PCM.
    """

    samples: int
    heads: int
    tails: int
    sizes: np.ndarray
    digest: bytes

    def blocks(self, header: Header) -> int:
        """Return the number of audio blocks."""
        return -(-self.samples // header.chunk_samples)


def is_name(name: bytes) -> bool:
    """Return whether these bytes are empty or a possible file name: no folders, not too long."""
    return len(name) <= MAX_NAME_BYTES and not set(name) & set(b"/\0") and name not in (b".", b"..")


class Taker:
    """Reads numbers and bytes from a file in sequence, and collects them for a checksum.

    Attributes:
        taken: all bytes read, CRCs excluded.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.taken = bytearray()

    def take(self, size: int) -> bytes:
        """Read exactly ``size`` bytes. Raises FormatError if there are fewer."""
        data = read_fully(self._file, size)
        if len(data) < size:
            raise FormatError(DAMAGED)
        self.taken += data
        return data

    def number(self) -> int:
        """Read a variable-length number. Raises FormatError if there is none."""
        return varint.read(self.take)

    def crc(self) -> int:
        """Read a CRC-32, which is not added to ``taken``."""
        data = self.take(CRC_BYTES)
        del self.taken[-CRC_BYTES:]
        return int.from_bytes(data, "little")


def read_header(file: IO[bytes]) -> Header:
    """Read the header from the start of a file, and nothing beyond it.

    Raises:
        FormatError: not a compressed file, another version, or a damaged header.
    """
    magic = read_fully(file, len(MAGIC))
    if magic != MAGIC:
        raise FormatError("this is not an idf file" if magic else "the file is empty")
    taker = Taker(file)
    taker.taken += magic
    version = taker.take(1)[0]
    if version != VERSION:
        raise FormatError(
            f"the file has format version {version}; this program reads version {VERSION}; install a matching version of idf"
        )
    sound, origin = taker.take(2)
    rate_hz, chunk_samples = taker.number(), taker.number()
    samples = None if sound & _FLAG_OPEN else taker.number()
    name_bytes = taker.number() if origin & _FLAG_NAME else 0
    if name_bytes > MAX_NAME_BYTES:
        raise FormatError("the file's header is damaged (its name is too long)")
    name = taker.take(name_bytes)
    fingerprint = taker.take(FINGERPRINT_BYTES)
    if taker.crc() != zlib.crc32(taker.taken):
        raise FormatError("the file's header is damaged (its CRC differs)")
    sample_bits, original = SAMPLE_BITS[sound >> 3 & 3], origin & 7
    needs_head = samples is None or original != Original.WAV
    if (
        not 0 < rate_hz < 1 << 32
        or not 0 < chunk_samples <= MAX_CHUNK_SAMPLES
        or (samples or 0) > MAX_SAMPLES
        or (sound & _FLAG_FLOAT and sample_bits != 32)
        or origin >> 7
        or (origin & (_FLAG_BIG_ENDIAN | _FLAG_SIGNED) and original not in (Original.AIFF, Original.CAF))
        or (origin & _FLAG_BIG_ENDIAN and sample_bits == 8)
        or (origin & _FLAG_SIGNED and sample_bits != 8)
        or original >= len(Original)
        or (needs_head and not sound & _FLAG_HEAD)
        or (samples is None and original == Original.FLAC)
        or (origin & _FLAG_COLUMN and (sound & 7 or original))
        or (origin & _FLAG_NAME and not name)
        or not is_name(name)
    ):
        raise ImpossibleHeaderError("the file's header holds impossible values")
    return Header(
        fingerprint=fingerprint,
        rate_hz=rate_hz,
        channels=(sound & 7) + 1,
        sample_bits=sample_bits,
        chunk_samples=chunk_samples,
        samples=samples,
        has_head=bool(sound & _FLAG_HEAD),
        original=Original(original),
        name=name,
        is_float=bool(sound & _FLAG_FLOAT),
        is_column=bool(origin & _FLAG_COLUMN),
        layout=Layout(bool(origin & _FLAG_BIG_ENDIAN), bool(origin & _FLAG_SIGNED)),
    )


def pack_block(header: Header, kind: Kind, number: int, samples: int, payload: bytes) -> bytes:
    """Return a complete block."""
    is_short = kind == AUDIO and samples != header.expected(number)
    numbers = [number << 2 | (_SHORT if is_short else kind), *([samples] if is_short else []), len(payload)]
    head = SYNC + b"".join(map(varint.pack, numbers))
    return head + _crc_bytes(zlib.crc32(payload, zlib.crc32(head, header.seed))) + payload


def read_block_head(file: IO[bytes], header: Header) -> BlockHead:
    """Read the head of a block, up to the payload.

    Raises:
        FormatError: not a possible block head in a file with this header.
    """
    taker = Taker(file)
    if taker.take(len(SYNC)) != SYNC:
        raise FormatError(DAMAGED)
    place = taker.number()
    number, written = place >> 2, place & 3
    kind = AUDIO if written == _SHORT else Kind(written)
    samples = 0
    if kind == AUDIO:
        samples = taker.number() if written == _SHORT else header.expected(number)
    length = taker.number()
    crc = taker.crc()
    if kind == AUDIO:
        possible = 0 < samples <= header.chunk_samples and 0 < length <= header.max_payload(samples)
    else:
        possible = 1 < length <= 1 + MAX_FOREIGN_BYTES
    if not possible or number * header.chunk_samples > MAX_SAMPLES:
        raise FormatError(DAMAGED)
    size = len(taker.taken) + CRC_BYTES + length
    return BlockHead(kind, number, samples, length, size, zlib.crc32(taker.taken, header.seed), crc)


def pack_foreign(data: bytes) -> bytes:
    """Return the payload of a head or tail block: ``data`` (1 … 2^20 bytes), deflated if that is shorter."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = packer.compress(data) + packer.flush()
    return bytes([DEFLATED_BYTES]) + deflated if len(deflated) < len(data) else bytes([RAW_BYTES]) + data


def unpack_foreign(payload: bytes) -> bytes:
    """Invert :func:`pack_foreign`.

    Raises:
        FormatError: not a valid payload.
    """
    form, data = payload[0], payload[1:]
    if form == DEFLATED_BYTES:
        unpacker = zlib.decompressobj(-15)
        try:
            data = unpacker.decompress(data, MAX_FOREIGN_BYTES + 1)
        except zlib.error:
            form = -1
        if not unpacker.eof or unpacker.unused_data or not 0 < len(data) <= MAX_FOREIGN_BYTES:
            form = -1
    if form not in (RAW_BYTES, DEFLATED_BYTES):
        raise FormatError(f"{DAMAGED}: bytes of the original cannot be unpacked")
    return data


def pack_end(header: Header, samples: int, heads: int, tails: int, index: bytes, digest: bytes) -> bytes:
    """Return the end of a file.

    Args:
        header: the file's header.
        samples: samples per channel.
        heads, tails: number of blocks of these kinds.
        index: packed sizes of all audio blocks but the last.
        digest: SHA-256 of the samples.
    """
    numbers = [samples] if samples != header.samples else []
    mark = END_MARKS[_OTHER_SAMPLES * bool(numbers) | _FOREIGN * bool(heads or tails)]
    numbers += [heads, tails] if heads or tails else []
    body = mark + b"".join(map(varint.pack, numbers)) + index + digest
    crc = _crc_bytes(zlib.crc32(body, header.seed))
    return body + crc + varint.pack(len(body) + CRC_BYTES)[::-1]


def take_end_start(taker: Taker, header: Header) -> tuple[int, int, int]:
    """Read the end up to its index.

    Returns:
        The samples per channel, the number of head blocks and the number of tail blocks.

    Raises:
        FormatError: not a possible end of a file with this header.
    """
    mark = taker.take(1)
    if mark not in END_MARKS:
        raise FormatError(DAMAGED)
    flags = END_MARKS.index(mark)
    samples = taker.number() if flags & _OTHER_SAMPLES else header.samples
    heads, tails = (taker.number(), taker.number()) if flags & _FOREIGN else (0, 0)
    is_needless = (flags & _OTHER_SAMPLES and samples == header.samples) or (flags & _FOREIGN and not heads + tails)
    if samples is None or samples > MAX_SAMPLES or header.has_head != bool(heads) or is_needless:
        raise FormatError("the file's end holds impossible values")
    return samples, heads, tails


def parse_end(data: bytes, header: Header) -> End:
    """Parse the end of a file, without its trailing size.

    Raises:
        FormatError: the end is damaged or holds impossible values.
    """
    body = data[:-CRC_BYTES]
    if zlib.crc32(body, header.seed) != int.from_bytes(data[-CRC_BYTES:], "little"):
        raise FormatError(f"{DAMAGED} (the CRC of its end differs)")
    taker = Taker(io.BytesIO(body))
    samples, heads, tails = take_end_start(taker, header)
    rest = body[len(taker.taken) :]
    index, digest = rest[:-DIGEST_BYTES], rest[-DIGEST_BYTES:]
    if len(digest) != DIGEST_BYTES:
        raise FormatError("the file's end holds impossible values")
    blocks = -(-samples // header.chunk_samples)
    return End(samples, heads, tails, varint.unpack_all(index, max(blocks - 1, 0)), digest)


def _crc_bytes(crc: int) -> bytes:
    return crc.to_bytes(CRC_BYTES, "little")
