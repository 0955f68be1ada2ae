"""Files of chunks (WAV, W64, AIFF, CAF) taken apart so that they can be put together again byte for byte.

A file is ``head + samples + tail``: the head is everything before the first sample, the tail everything
behind the last one (tag chunks, padding, whatever follows). Neither is understood beyond what is needed
to find the samples. Files are read forwards, so pipes will do.

What kinds of files have in common is here; what a kind has for itself is a subclass of :class:`Chunks`
in a module of its own. :mod:`idf.audio.kinds` names them all.
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
"""A head is kept in memory while it is read; none comes near this."""
MAX_SOUND_BYTES = 1 << 52
"""Beyond any recording: a file that claims more has no length yet."""
CONVERT = "convert it first (that changes the samples)"
_READ = 1 << 16


class Chunks(ABC):
    """A kind of file, and of a file of that kind what its chunks tell before the samples.

    Args:
        name: of the file, for messages.
        start: its first ``start_bytes`` bytes.

    Attributes:
        original: the kind.
        label: what to call the kind in messages.
        start_bytes: before the first chunk.
        chunk_head: name and size of a chunk.
        counts_head: whether the size of a chunk is that with its name and size.
        alignment: chunks are filled up to a multiple of so many bytes.
        sound_chunk: name of the chunk with the samples.
        lead_bytes: of that chunk, before the samples.
        plumbing: names of the chunks that hold nothing but what the format needs.
        audio_format, layout: of the samples, once a chunk told; None before.
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
        """Whether a file that begins like this (12 bytes are enough) is of this kind."""

    @abstractmethod
    def take(self, chunk: bytes, body: bytes) -> None:
        """A chunk before the samples. Raises DataError for samples of an unsupported kind."""

    def skip(self, lead: bytes) -> int:
        """How many more bytes there are between the lead and the samples."""
        return 0

    def sound_bytes(self, size: int | None) -> int | None:
        """How many bytes of samples there are, given what their chunk says; None: to the end of the file."""
        return size

    def is_empty(self) -> bool:
        """Whether a file without a chunk of samples is a whole one."""
        return False

    @classmethod
    @abstractmethod
    def plain_head(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """The bytes before the samples of a new file.

        Raises:
            DataError: more samples than such a file can count.
        """

    @classmethod
    @abstractmethod
    def plain_layout(cls, sample_bits: int) -> Layout:
        """How samples stand in a new file."""

    @classmethod
    def plain_tail(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """What follows the samples in a new file: padding."""
        return bytes(-samples * audio_format.frame_bytes % cls.alignment)

    @classmethod
    def other_chunks(cls, data: bytes, start: int) -> list[str]:
        """Names of the chunks in a head or a tail that hold more than the format needs."""
        names, place = [], start
        while place + cls.chunk_head.size <= len(data):
            kind, size = cls.chunk_head.unpack_from(data, place)
            if kind not in cls.plumbing and kind[:4].isalnum():
                names.append(kind[:4].decode())
            size = max(size, cls.chunk_head.size) if cls.counts_head else size + cls.chunk_head.size
            place += size + -size % cls.alignment
        return names


class ChunkReader:
    """A file as head, samples and tail. Reads forwards only.

    Samples whose chunk claims more bytes than there are, or leaves its size open (a recording broken off,
    or written to a pipe), go on to the end of the file.

    Args:
        file: binary, to read from.
        name: what to call it in messages.
        kind: what kind of file it is.
        start: bytes already read from it.

    Attributes:
        head: the bytes before the samples.
        audio_format: what the samples are.
        layout: how they stand in the file.
        announced: samples that the file claims to have; None where it leaves that open.

    Raises:
        DataError: not of this kind, no samples, or samples of an unsupported kind.
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
        assert chunks.audio_format is not None  # what found samples knows what they are
        self.audio_format, self.layout = chunks.audio_format, chunks.layout
        self.head = bytes(self._head)
        self.announced = None if self._sound_bytes is None else self._sound_bytes // self.audio_format.frame_bytes

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        """The samples, int32 (n, channels), ``samples`` at a time; the last block may be shorter."""
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
        """What follows the samples, in pieces; to be asked for after the last block."""
        data = self._rest
        while data:
            yield data
            data = self._file.read(_READ)
        while data := self._file.read(_READ):
            yield data

    def _find_samples(self, chunks: Chunks) -> int | None:
        """Read up to the first sample; returns how many bytes of samples there are (None: to the end)."""
        place, begin = chunks.start_bytes, chunks.chunk_head.size
        while self._fill(place + begin):
            chunk, size = chunks.chunk_head.unpack_from(self._head, place)
            place += begin
            if chunk == chunks.sound_chunk:
                return self._sound_size(chunks, place, size)
            size -= begin * chunks.counts_head
            if size < 0:
                raise DataError(f"{self._name}: a chunk of the {chunks.label} file is damaged (its size is impossible)")
            if place + size > MAX_HEAD_BYTES:
                raise self._without_samples(chunks, f"in its first {MAX_HEAD_BYTES >> 20} MiB")
            size_on_disk = size + -size % chunks.alignment
            self._fill(place + size_on_disk)
            chunks.take(chunk, bytes(self._head[place : place + size]))
            place += size_on_disk
        if chunks.is_empty():
            return 0
        raise self._without_samples(chunks, f"(no {chunks.sound_chunk[:4].decode()} chunk); it is cut off or damaged")

    def _sound_size(self, chunks: Chunks, place: int, size: int) -> int | None:
        if chunks.audio_format is None:
            raise DataError(f"{self._name}: the {chunks.label} file has samples before it says of what kind they are")
        largest = (1 << 8 * (chunks.chunk_head.size - len(chunks.sound_chunk))) - 1
        is_open = size in (0, largest)
        lead = place + chunks.lead_bytes
        cut = f"before its first sample; the {chunks.label} file is cut off or damaged"
        if not self._fill(lead):
            raise self._without_samples(chunks, cut)
        skipped = chunks.skip(bytes(self._head[place:lead]))
        if lead + skipped > MAX_HEAD_BYTES or not self._fill(lead + skipped):
            raise self._without_samples(chunks, cut)
        size -= chunks.lead_bytes + skipped + chunks.chunk_head.size * chunks.counts_head
        if size < 0 and not is_open:
            raise DataError(f"{self._name}: the samples of the {chunks.label} file have an impossible size")
        found = chunks.sound_bytes(None if is_open else size)
        return None if found is None or found > MAX_SOUND_BYTES else found

    def _without_samples(self, chunks: Chunks, where: str) -> DataError:
        return DataError(f"{self._name}: the {chunks.label} file has no samples {where}")

    def _fill(self, size: int) -> bool:
        """Have ``size`` bytes in the head, if the file has them."""
        if len(self._head) < size:
            self._head += read_fully(self._file, size - len(self._head))
        return len(self._head) >= size


def checked_format(
    name: str, rate_hz: int, channels: int, bits: int, *, is_float: bool = False, frame_bytes: int | None = None
) -> AudioFormat:
    """What a file says its samples are.

    Args:
        name: of the file, for messages.
        bits: of a sample, less than those of its container where they are no multiple of 8.
        frame_bytes: of a sample of all channels, if the file tells.

    Raises:
        UnsupportedAudioError: samples of an unsupported kind.
        DataError: an impossible rate.
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
        raise DataError(f"{name}: the file says {rate_hz} samples a second; possible are 1 to {(1 << 32) - 1}")
    return AudioFormat(rate_hz, channels, 8 * width, is_float)


def too_long(samples: int, label: str) -> DataError:
    """The error about more samples than 4 GiB."""
    return DataError(f"{samples} samples do not fit a file of type {label} (4 GiB); write a .w64 or .caf file instead")
