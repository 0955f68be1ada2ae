"""Chunked files (WAV, W64, AIFF, CAF), split so that they can be restored byte for byte.

A file is ``head + samples + tail``. The head is everything before the first sample, the tail everything
after the last one (tag chunks, padding, any other bytes). Both are parsed only as far as needed to find the
samples. Files are read sequentially, so pipes work.

This module holds what all kinds share. Each kind is a subclass of :class:`Chunks` in its own module, and
:mod:`idf.audio.kinds` lists them all.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import IO, ClassVar

import numpy as np

from idf.audio.format import MAX_CHANNELS, AudioFormat, Original, UnsupportedAudioError
from idf.audio.pcm_bytes import PLAIN, Layout
from idf.errors import DataError
from idf.files import read_fully

MAX_HEAD_BYTES = 1 << 28
"""Limit for a head, which is held in memory. Real heads are far smaller."""
MAX_SOUND_BYTES = 1 << 52
"""Longer than any recording: a file that states more has no final size yet."""
CONVERT = "convert it first (that changes the samples)"
_READ = 1 << 16


class Chunks(ABC):
    """A kind of chunked file. An instance collects what the chunks of one file state before its samples.

    Args:
        name: name of the file, for messages.
        start: its first ``start_bytes`` bytes.

    Attributes:
        original: the kind as compressed files store it.
        label: name of the kind in messages.
        start_bytes: number of bytes before the first chunk.
        chunk_head: layout of a chunk's header (name and size).
        counts_head: whether a chunk's size includes its header.
        alignment: chunks are padded to a multiple of this many bytes.
        sound_chunk: name of the chunk that holds the samples.
        lead_bytes: number of bytes before the samples in that chunk.
        plumbing: names of the chunks that hold only what the format needs.
        audio_format: format of the samples; None until a chunk states it.
        layout: byte layout of the samples; plain until a chunk states it.
    """

    original: ClassVar[Original]
    label: ClassVar[str]
    start_bytes: ClassVar[int] = 12
    chunk_head: ClassVar[struct.Struct]
    counts_head: ClassVar[bool] = False
    alignment: ClassVar[int] = 2
    sound_chunk: ClassVar[bytes] = b"data"
    lead_bytes: ClassVar[int] = 0
    plumbing: ClassVar[tuple[bytes, ...]]

    def __init__(self, name: str, start: bytes) -> None:
        self.name, self.start = name, start
        self.audio_format: AudioFormat | None = None
        self.layout = PLAIN

    @classmethod
    @abstractmethod
    def begins(cls, start: bytes) -> bool:
        """Return whether a file that begins with ``start`` (12 bytes are enough) is of this kind."""

    @abstractmethod
    def take(self, chunk: bytes, body: bytes) -> None:
        """Process a chunk that precedes the samples. Raises DataError if it states an unsupported format."""

    def skip(self, lead: bytes) -> int:
        """Return how many more bytes lie between the lead and the samples."""
        return 0

    def sound_bytes(self, size: int | None) -> int | None:
        """Return the number of sample bytes, given the size that their chunk states; None: up to the end of the file."""
        return size

    def is_empty(self) -> bool:
        """Return whether the file is complete although it has no sample chunk."""
        return False

    @classmethod
    @abstractmethod
    def plain_head(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """Return the bytes before the samples of a new file.

        Raises:
            DataError: too many samples for the size fields of this kind of file.
        """

    @classmethod
    @abstractmethod
    def plain_layout(cls, sample_bits: int) -> Layout:
        """Return the byte layout of samples in a new file."""

    @classmethod
    def plain_tail(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """Return what follows the samples in a new file: padding."""
        return bytes(-samples * audio_format.frame_bytes % cls.alignment)

    @classmethod
    def other_chunks(cls, data: bytes, start: int) -> list[str]:
        """Return the names of the chunks in a head or tail that hold more than the format needs."""
        names, place = [], start
        while place + cls.chunk_head.size <= len(data):
            kind, size = cls.chunk_head.unpack_from(data, place)
            if kind not in cls.plumbing and kind[:4].isalnum():
                names.append(kind[:4].decode())
            size = max(size, cls.chunk_head.size) if cls.counts_head else size + cls.chunk_head.size
            place += size + -size % cls.alignment
        return names


class ChunkReader:
    """Splits a file into head, samples and tail, reading sequentially.

    If the sample chunk states more bytes than the file has, or no size (an interrupted recording, or a file
    written to a pipe), the samples extend to the end of the file.

    Args:
        file: binary file to read from.
        name: its name in messages.
        kind: its kind.
        start: bytes already read from it.

    Attributes:
        head: the bytes before the samples.
        audio_format: format of the samples.
        layout: their byte layout.
        announced: samples per channel that the file states; None if it does not.

    Raises:
        DataError: not of this kind, no samples, or samples in an unsupported format.
    """

    def __init__(self, file: IO[bytes], name: str, kind: type[Chunks], start: bytes = b"") -> None:
        self._file, self._name = file, name
        self._rest = b""
        self._head = bytearray(start)
        self._fill(kind.start_bytes)
        begin = bytes(self._head[: kind.start_bytes])
        if len(begin) < kind.start_bytes or not kind.begins(begin):
            raise UnsupportedAudioError(name, f"not a {kind.label} file")
        chunks = kind(name, begin)
        self._sound_bytes = self._find_samples(chunks)
        assert chunks.audio_format is not None  # _sound_size has checked it
        self.audio_format, self.layout = chunks.audio_format, chunks.layout
        self.head = bytes(self._head)
        self.announced = None if self._sound_bytes is None else self._sound_bytes // self.audio_format.frame_bytes

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        """Yield the samples, int32 (n, channels), in blocks of ``samples`` frames; the last may be shorter."""
        about, frame, left = self.audio_format, self.audio_format.frame_bytes, self._sound_bytes
        while left is None or left > 0:
            want = samples * frame if left is None else min(samples * frame, left)
            data = read_fully(self._file, want)
            whole = len(data) - len(data) % frame
            if whole:
                yield self.layout.from_bytes(data[:whole], about.channels, about.sample_bits)
            self._rest = data[whole:]
            if len(data) < want or whole < len(data):
                return
            if left is not None:
                left -= len(data)

    def tail(self) -> Iterator[bytes]:
        """Yield what follows the samples, in pieces. Call after the last block."""
        data = self._rest
        while data:
            yield data
            data = self._file.read(_READ)
        while data := self._file.read(_READ):
            yield data

    def _find_samples(self, chunks: Chunks) -> int | None:
        """Read up to the first sample. Returns the number of sample bytes (None: up to the end of the file)."""
        place, begin = chunks.start_bytes, chunks.chunk_head.size
        while self._fill(place + begin):
            chunk, size = chunks.chunk_head.unpack_from(self._head, place)
            place += begin
            if chunk == chunks.sound_chunk:
                return self._sound_size(chunks, place, size)
            size -= begin * chunks.counts_head
            if size < 0:
                raise DataError(f"{self._name}: the {chunks.label} file is damaged: a chunk has an impossible size")
            if place + size > MAX_HEAD_BYTES:
                raise self._without_samples(chunks, f"in its first {MAX_HEAD_BYTES >> 20} MiB")
            size_on_disk = size + -size % chunks.alignment
            self._fill(place + size_on_disk)
            chunks.take(chunk, bytes(self._head[place : place + size]))
            place += size_on_disk
        if chunks.is_empty():
            return 0
        raise self._without_samples(chunks, f"(no {chunks.sound_chunk[:4].decode()} chunk); it is truncated or damaged")

    def _sound_size(self, chunks: Chunks, place: int, size: int) -> int | None:
        if chunks.audio_format is None:
            raise DataError(f"{self._name}: the {chunks.label} file is damaged: its samples precede their format")
        largest = (1 << 8 * (chunks.chunk_head.size - len(chunks.sound_chunk))) - 1
        is_open = size in (0, largest)
        lead = place + chunks.lead_bytes
        cut = "(it ends before its first sample); it is truncated or damaged"
        if not self._fill(lead):
            raise self._without_samples(chunks, cut)
        skipped = chunks.skip(bytes(self._head[place:lead]))
        if lead + skipped > MAX_HEAD_BYTES or not self._fill(lead + skipped):
            raise self._without_samples(chunks, cut)
        size -= chunks.lead_bytes + skipped + chunks.chunk_head.size * chunks.counts_head
        if size < 0 and not is_open:
            raise DataError(
                f"{self._name}: the {chunks.label} file is damaged: its sample chunk has an impossible size"
            )
        found = chunks.sound_bytes(None if is_open else size)
        return None if found is None or found > MAX_SOUND_BYTES else found

    def _without_samples(self, chunks: Chunks, where: str) -> DataError:
        return DataError(f"{self._name}: the {chunks.label} file has no samples {where}")

    def _fill(self, size: int) -> bool:
        """Extend the head to ``size`` bytes. Returns whether the file has that many."""
        if len(self._head) < size:
            self._head += read_fully(self._file, size - len(self._head))
        return len(self._head) >= size


def checked_format(
    name: str, rate_hz: int, channels: int, bits: int, *, is_float: bool = False, frame_bytes: int | None = None
) -> AudioFormat:
    """Return the sample format that a file states, checked.

    Args:
        name: name of the file, for messages.
        bits: significant bits of a sample; the format has the next multiple of 8.
        frame_bytes: bytes of one frame, if the file states them.

    Raises:
        UnsupportedAudioError: an unsupported format.
        DataError: an impossible sampling rate.
    """
    if is_float and bits != 32:
        raise UnsupportedAudioError(name, f"found {bits}-bit float samples", remedy=CONVERT)
    if not 1 <= channels <= MAX_CHANNELS:
        raise UnsupportedAudioError(name, f"found {channels} channels")
    if not 1 <= bits <= 32:
        raise UnsupportedAudioError(name, f"found {bits}-bit PCM samples", remedy=CONVERT)
    width = -(-bits // 8)
    if frame_bytes not in (None, width * channels):
        raise UnsupportedAudioError(name, f"found {channels} x {bits} bits in {frame_bytes} bytes")
    if not 0 < rate_hz < 1 << 32:
        raise DataError(f"{name}: the file states a sampling rate of {rate_hz} Hz; a rate is 1 to {(1 << 32) - 1} Hz")
    return AudioFormat(rate_hz, channels, 8 * width, is_float)


def too_long(samples: int, label: str) -> DataError:
    """Return the error for more samples than fit in 4 GiB."""
    return DataError(f"{samples} samples do not fit in a {label} file (4 GiB); write a .w64 or .caf file instead")
