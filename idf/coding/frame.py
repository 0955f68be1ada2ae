"""The frame of a compressed file: header, chunk table, trailer. What is inside a chunk is not looked at.

The format is specified in ``docs/format.md``; this module is that page as code, reading and writing
side by side. Everything that a file claims is checked before anything is allocated for it. Not here:
turning chunks into samples (:mod:`idf.coding.container`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from idf.coding.wav import WavAround, canonical_head
from idf.errors import FormatError

MAGIC = b"\x89IDF"
VERSION = 1
FINGERPRINT_BYTES = 16
DIGEST_BYTES = 16
MAX_CHUNK_SAMPLES = 1 << 20
"""So that what one chunk can make a reader allocate is bounded: 4 MiB of int32."""

CODED, RAW, CONSTANT = range(3)
"""Kinds of chunks: the model's code, plain PCM, one sample repeated."""

CHANNELS = 1
SAMPLE_BYTES = 2

_HEADER = struct.Struct("<4sBBBBIIQ16s")
_CHUNK = struct.Struct("<II")
_U32 = struct.Struct("<I")

_FLAG_AROUND = 1

_KIND_SHIFT = 30
_LENGTH_MASK = (1 << _KIND_SHIFT) - 1

_DAMAGED = "the file is damaged or cut off"


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        version: of the format.
        fingerprint: 16 bytes, names the model that can decode it.
        rate_hz: samples a second.
        channels: 1 for now.
        sample_bits: 16 for now.
        samples: in each channel.
        chunk_samples: samples in each chunk but the last.
        wav_head: the bytes before the samples of the original WAV file; None for the canonical 44,
            and where the original was no WAV file.

    Raises:
        ValueError: a fingerprint of another length than 16 bytes.
    """

    version: int
    fingerprint: bytes
    rate_hz: int
    channels: int
    sample_bits: int
    samples: int
    chunk_samples: int
    wav_head: bytes | None

    def __post_init__(self) -> None:
        if len(self.fingerprint) != FINGERPRINT_BYTES:
            raise ValueError(f"a fingerprint has {FINGERPRINT_BYTES} bytes, not {len(self.fingerprint)}")

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.samples // self.chunk_samples)

    @property
    def size(self) -> int:
        """Bytes that the header takes in the file, its CRC included."""
        head = 0 if self.wav_head is None else _U32.size + len(self.wav_head)
        return _HEADER.size + head + _U32.size


@dataclass(frozen=True)
class Chunk:
    """Where a chunk lies: its first sample, number of samples, and its payload's place in the file."""

    first: int
    samples: int
    kind: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """What to call the chunk in messages."""
        return f"the chunk of samples {self.first} to {self.first + self.samples - 1}"


@dataclass(frozen=True)
class Container:
    """A file whose frame was checked: header, index and trailer are whole; payloads are not yet looked at.

    Attributes:
        around: the WAV file around the samples, None for a canonical one.
        digest: first 16 bytes of the SHA-256 of the samples as little-endian 16-bit PCM.
    """

    data: bytes
    header: Header
    chunks: tuple[Chunk, ...]
    around: WavAround | None
    digest: bytes

    def wav_around(self) -> WavAround:
        """What to write before and after the samples to get the WAV file."""
        if self.around is not None:
            return self.around
        return WavAround(canonical_head(self.header.samples, self.header.rate_hz), b"")


@dataclass(frozen=True)
class Payload:
    """A chunk to be written: its kind and its bytes."""

    kind: int
    data: bytes


def write_container(header: Header, payloads: Sequence[Payload], wav_tail: bytes, digest: bytes) -> bytes:
    """Put a file together; :func:`open_container` takes it apart.

    Args:
        header: what the file says of itself; ``header.chunks`` must be the number of payloads.
        payloads: one a chunk, in order.
        wav_tail: the bytes after the samples; must be empty where ``header.wav_head`` is None.
        digest: 16 bytes.
    """
    head = _pack_header(header)
    parts = [head]
    words = []
    for number, payload in enumerate(payloads):
        words.append(payload.kind << _KIND_SHIFT | len(payload.data))
        parts += [_CHUNK.pack(words[-1], _chunk_crc(number, words[-1], payload.data)), payload.data]
    trailer = struct.pack(f"<{len(words)}I", *words)
    if header.wav_head is not None:
        trailer += wav_tail + _U32.pack(len(wav_tail))
    trailer += digest
    return b"".join([*parts, trailer, _U32.pack(zlib.crc32(trailer, zlib.crc32(head)))])


def read_header(data: bytes) -> Header:
    """What the file says of itself, without decoding. The beginning of the file is enough.

    Raises:
        FormatError: no file of ours, another version, or a damaged header.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise FormatError("this is not an idf file" if data else "the file is empty")
    if len(data) < _HEADER.size + _U32.size:
        raise FormatError(_DAMAGED)
    _, version, flags, channels, bits, rate_hz, chunk_samples, samples, fingerprint = _HEADER.unpack_from(data)
    if version != VERSION:
        raise FormatError(
            f"the file has format version {version}; this program reads version {VERSION}: install another idf"
        )
    position = _HEADER.size
    head = None
    if flags & _FLAG_AROUND:
        (size,) = _U32.unpack_from(data, position)
        position += _U32.size
        if size > len(data) - position - _U32.size:
            raise FormatError(_DAMAGED)
        head = data[position : position + size]
        position += size
    if _U32.unpack_from(data, position)[0] != zlib.crc32(data[:position]):
        raise FormatError("the file's header is damaged (its CRC differs)")
    if flags & ~_FLAG_AROUND or not rate_hz or not 0 < chunk_samples <= MAX_CHUNK_SAMPLES:
        raise FormatError("the file's header holds impossible values")
    if (channels, bits) != (CHANNELS, 8 * SAMPLE_BYTES):
        raise FormatError(f"the file holds {channels} channel(s) of {bits} bits; this version reads mono 16-bit only")
    return Header(
        version=version,
        fingerprint=fingerprint,
        rate_hz=rate_hz,
        channels=channels,
        sample_bits=bits,
        samples=samples,
        chunk_samples=chunk_samples,
        wav_head=head,
    )


def open_container(data: bytes) -> Container:
    """Check the frame of a file: header, trailer, and that the chunks fill what is between exactly.

    Raises:
        FormatError: see :func:`read_header`; or the file is damaged or cut off.
    """
    header = read_header(data)
    end = len(data) - _U32.size - DIGEST_BYTES
    # Each chunk takes 12 bytes at least, so the count is bounded by the file before anything is made of it.
    if header.chunks * (_CHUNK.size + _U32.size) > end - header.size:
        raise FormatError(_DAMAGED)
    digest = data[end : end + DIGEST_BYTES]
    around = None
    if header.wav_head is not None:
        end -= _U32.size
        if end < header.size:
            raise FormatError(_DAMAGED)
        (size,) = _U32.unpack_from(data, end)
        if size > end - header.size:
            raise FormatError(_DAMAGED)
        around = WavAround(header.wav_head, data[end - size : end])
        end -= size
    start = end - _U32.size * header.chunks
    if start < header.size:
        raise FormatError(_DAMAGED)
    crc = zlib.crc32(memoryview(data)[start : -_U32.size], zlib.crc32(memoryview(data)[: header.size]))
    if crc != _U32.unpack_from(data, len(data) - _U32.size)[0]:
        raise FormatError(f"{_DAMAGED} (the CRC of its trailer differs)")
    words = struct.unpack_from(f"<{header.chunks}I", data, start)
    return Container(data, header, _lay_out(data, header, words, start), around, digest)


def read_payload(container: Container, number: int) -> bytes:
    """The payload of a chunk, checked by its CRC.

    Raises:
        FormatError: the chunk is damaged; the message names it.
    """
    chunk = container.chunks[number]
    payload = container.data[chunk.start : chunk.stop]
    word, crc = _CHUNK.unpack_from(container.data, chunk.start - _CHUNK.size)
    if crc != _chunk_crc(number, word, payload):
        raise FormatError(f"{chunk.name} is damaged (its CRC differs)")
    return payload


def _lay_out(data: bytes, header: Header, words: tuple[int, ...], end: int) -> tuple[Chunk, ...]:
    """The chunks, which must follow each other from the header to ``end`` and agree with the index."""
    chunks = []
    position = header.size
    for number, word in enumerate(words):
        first = number * header.chunk_samples
        samples = min(header.chunk_samples, header.samples - first)
        kind, length = word >> _KIND_SHIFT, word & _LENGTH_MASK
        start = position + _CHUNK.size
        position = start + length
        chunk = Chunk(first, samples, kind, start, position)
        if position > end or not _is_possible(chunk):
            raise FormatError(f"{chunk.name} has an impossible length: {_DAMAGED}")
        if _CHUNK.unpack_from(data, start - _CHUNK.size)[0] != word:
            raise FormatError(f"{chunk.name} has another length than in the index: {_DAMAGED}")
        chunks.append(chunk)
    if position != end:
        raise FormatError(_DAMAGED)
    return tuple(chunks)


def _is_possible(chunk: Chunk) -> bool:
    """Whether the payload can have this length; a coded chunk is shorter than the raw samples."""
    length, raw = chunk.stop - chunk.start, SAMPLE_BYTES * chunk.samples
    if chunk.kind == CODED:
        return length < raw
    return length == {RAW: raw, CONSTANT: SAMPLE_BYTES}.get(chunk.kind)


def _pack_header(header: Header) -> bytes:
    flags = 0 if header.wav_head is None else _FLAG_AROUND
    kind = (header.channels, header.sample_bits, header.rate_hz, header.chunk_samples, header.samples)
    packed = _HEADER.pack(MAGIC, header.version, flags, *kind, header.fingerprint)
    if header.wav_head is not None:
        packed += _U32.pack(len(header.wav_head)) + header.wav_head
    return packed + _U32.pack(zlib.crc32(packed))


def _chunk_crc(number: int, word: int, payload: bytes) -> int:
    """CRC-32 over the chunk's number, kind and length too, so that no chunk passes for another."""
    return zlib.crc32(payload, zlib.crc32(_CHUNK.pack(number, word)))
