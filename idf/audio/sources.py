"""Sources of samples: arrays, chunked files (WAV and others) and FLAC files, all read block by block.

A source states its sample format, then yields the samples, and finally gives the hash of the file, so a
restored file can be compared with the original without storing either.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from idf.audio.chunks import ChunkReader, Chunks
from idf.audio.flac import HeldErrors, Kept, find_level
from idf.audio.flac_reading import (
    MAX_METADATA_BYTES,
    Stripped,
    count_samples,
    frames_end,
    read_metadata,
    stated_samples,
    streaminfo,
)
from idf.audio.format import MAX_CHANNELS, AudioFormat, Original, UnsupportedAudioError
from idf.audio.kinds import kind_of
from idf.audio.pcm_bytes import PLAIN, Layout, pcm_bytes
from idf.audio.wav import canonical_head, canonical_tail
from idf.errors import DataError

_FLAC_MAGICS = (b"fLaC", b"ID3")
"""First bytes of a FLAC file: its own magic, or an ID3 tag in front of it."""

_TRIAL_BLOCK = 1 << 16
_FLAC_SUBTYPES = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}


class Source(Protocol):
    """Samples to compress.

    Attributes:
        audio_format: rate, channels and bits.
        announced: samples per channel if known in advance, else None.
        head: the bytes before the samples, to be stored; None for the canonical WAV header.
        original: the kind of file; ``WAV`` for arrays.
        layout: byte layout of the samples in the file; the plain one for arrays and FLAC.
        is_column: whether this is a mono array of shape (n, 1).
        note: what will not be restored, as a clause; empty if everything will. Computes the head.
    """

    @property
    def audio_format(self) -> AudioFormat: ...
    @property
    def announced(self) -> int | None: ...
    @property
    def head(self) -> bytes | None: ...
    @property
    def original(self) -> Original: ...
    @property
    def layout(self) -> Layout: ...
    @property
    def is_column(self) -> bool: ...
    @property
    def note(self) -> str: ...

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        """Yield int32 (n, channels), ``samples`` frames each but the last. Raises DataError if the file is damaged."""
        ...

    def tail(self) -> Iterator[bytes]:
        """Yield the bytes after the samples. Call after the last block."""
        ...

    def file_digest(self) -> bytes | None:
        """Return the SHA-256 of what was read of the file; always None if only the samples are restored."""
        ...


class ArraySource:
    """An array. ``samples``: int32 (n, channels) in the range of ``audio_format``."""

    original, layout, note = Original.WAV, PLAIN, ""

    def __init__(self, samples: np.ndarray, audio_format: AudioFormat, *, is_column: bool = False) -> None:
        self._samples, self.audio_format, self.is_column = samples, audio_format, is_column
        self.announced = len(samples)
        self.head = None

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        for start in range(0, len(self._samples), samples):
            yield self._samples[start : start + samples]

    def tail(self) -> Iterator[bytes]:
        if tail := canonical_tail(self.announced, self.audio_format):
            yield tail

    def file_digest(self) -> bytes | None:
        return None


class ChunkSource:
    """A chunked file, read sequentially. Arguments and errors: :class:`idf.audio.chunks.ChunkReader`."""

    is_column, note = False, ""

    def __init__(self, file: IO[bytes], name: str, kind: type[Chunks], start: bytes = b"") -> None:
        self._reader = ChunkReader(file, name, kind, start)
        self.original, self.layout = kind.original, self._reader.layout
        self.audio_format, self.announced = self._reader.audio_format, self._reader.announced
        self.head = None if self._is_canonical() else self._reader.head
        self._hash = hashlib.sha256(self._reader.head)

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        for block in self._reader.blocks(samples):
            self._hash.update(self.layout.to_bytes(block, self.audio_format.sample_bits))
            yield block

    def tail(self) -> Iterator[bytes]:
        for data in self._reader.tail():
            self._hash.update(data)
            yield data

    def file_digest(self) -> bytes | None:
        return self._hash.digest()

    def _is_canonical(self) -> bool:
        """Return whether the head is the canonical WAV header, which need not be stored."""
        if self.original is not Original.WAV or self.announced is None:
            return False
        try:
            return self._reader.head == canonical_head(self.announced, self.audio_format)
        except DataError:
            return False


class FlacSource:
    """A FLAC file, read through libsndfile and checked against its MD5.

    Args:
        file: seekable binary file.
        name: its name in messages.

    Raises:
        DataError: damaged, or in an unsupported format.
    """

    original, layout, is_column = Original.FLAC, PLAIN, False

    def __init__(self, file: IO[bytes], name: str) -> None:
        import soundfile  # deferred: loads a shared library

        self._name, self._broken = name, (soundfile.SoundFileError, OSError)
        self._file, self._tail = file, b""
        self._metadata = read_metadata(file, name)
        start, info = len(self._metadata), streaminfo(self._metadata, name)
        self._expected_md5 = info[18:] if any(info[18:]) else None
        # a FLAC written to a pipe does not state its length
        self.announced = stated_samples(info) or count_samples(file, start, info, name)
        info = info[:13] + (info[13] & 0xF0 | self.announced >> 32).to_bytes(1, "big") + info[14:]
        info = info[:14] + (self.announced & 0xFFFFFFFF).to_bytes(4, "big") + info[18:]
        self._held = HeldErrors(Stripped(file, start, info))
        try:
            self._sound = soundfile.SoundFile(self._held)
        except self._broken as error:
            self._held.check()
            raise DataError(f"{name}: not readable as FLAC ({_reason(error)}); get a fresh copy of the file") from error
        bits = _FLAC_SUBTYPES.get(self._sound.subtype)
        if bits is None or not 1 <= self._sound.channels <= MAX_CHANNELS:
            raise UnsupportedAudioError(name, f"found {self._sound.subtype}, {self._sound.channels} channels")
        self.audio_format = AudioFormat(int(self._sound.samplerate), int(self._sound.channels), bits)

    @functools.cached_property
    def head(self) -> bytes:
        """What is stored besides the samples: a packed :class:`idf.audio.flac.Kept`. Reads all samples once."""
        start = len(self._metadata)
        level, digest, end = find_level(self._file, start, self.audio_format, lambda: self._read(_TRIAL_BLOCK))
        self._file.seek(frames_end(self._file, start) if level is None else end)
        self._tail = self._file.read(MAX_METADATA_BYTES)
        return Kept(level, digest, self._metadata).pack()

    @property
    def note(self) -> str:
        """See :class:`Source`."""
        if Kept.unpack(self.head).level is None:
            return "samples and metadata will be restored, but not the identical file: another encoder made it"
        return ""

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        md5, seen = hashlib.md5(usedforsecurity=False), 0
        for block in self._read(samples):
            md5.update(pcm_bytes(block, self.audio_format.sample_bits))
            seen += len(block)
            yield block
        if seen != self.announced:
            raise DataError(
                f"{self._name}: corrupt audio: {seen} of {self.announced} samples could be read; get a fresh copy"
            )
        if self._expected_md5 not in (None, md5.digest()):
            raise DataError(f"{self._name}: corrupt audio: the samples do not match the file's MD5; get a fresh copy")

    def tail(self) -> Iterator[bytes]:
        if self._tail:
            yield self._tail

    def _read(self, samples: int) -> Iterator[np.ndarray]:
        """Yield all samples from the start, as far as they can be read."""
        bits = self.audio_format.sample_bits
        left = self.announced
        try:
            if left:
                self._sound.seek(0)
            while left > 0:
                data = self._sound.read(min(samples, left), dtype="int32" if bits == 24 else "int16", always_2d=True)
                self._held.check()
                if not len(data):
                    return
                # libsndfile left-justifies: 24 bits in 32, 8 bits in 16
                yield data.astype(np.int32) >> (0 if bits == 16 else 8)
                left -= len(data)
        except self._broken as error:
            self._held.check()
            raise DataError(f"{self._name}: corrupt audio ({_reason(error)}); get a fresh copy") from error

    def file_digest(self) -> bytes | None:
        return None


def open_source(file: IO[bytes], name: str) -> Source:
    """Return the source for a file, chosen by its first bytes. FLAC files must be seekable; others may be pipes.

    Raises:
        DataError: empty, damaged, or in an unsupported format.
    """
    start = b""
    while len(start) < 12 and (more := file.read(12 - len(start))):
        start += more
    if not start:
        raise DataError(f"{name}: the file is empty (0 bytes)")
    if start.startswith(_FLAC_MAGICS):
        return FlacSource(file, name)
    kind = kind_of(start)
    if kind is not None:
        return ChunkSource(file, name, kind, start)
    raise UnsupportedAudioError(name, "not a WAV, AIFF, CAF, W64 or FLAC file")


def open_path(path: Path) -> IO[bytes]:
    """Open a file for reading.

    Raises:
        DataError: missing, a folder, or not readable.
    """
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder; give a file") from None
    except PermissionError:
        raise DataError(f"{path}: permission denied; make it readable and try again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", "") or error)
    return text.strip().rstrip(".").lower()
