"""Where samples come from: arrays, WAV files, FLAC files, all read a block at a time.

A source tells what its samples are, then gives them, and at the end tells the hash of what it gave,
so that a restored file can be compared with the original without keeping either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from idf.audio.format import MAX_CHANNELS, AudioFormat, UnsupportedAudioError
from idf.audio.pcm_bytes import pcm_bytes
from idf.audio.wav import WavReader, canonical_head, canonical_tail, is_wav, to_wav_bytes
from idf.errors import DataError

_FLAC_MAGIC = b"fLaC"
_ID3_MAGIC = b"ID3"
# libsndfile reports more for a FLAC that does not state its length (one written to a pipe); it is decoded to count
_UNKNOWN_LENGTH = 2**40
_COUNTED = 1 << 16
_FLAC_SUBTYPES = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}


class Source(Protocol):
    """Samples to be compressed.

    Attributes:
        audio_format: rate, channels and bits.
        announced: samples in each channel, if that is known beforehand.
        head: the bytes before the samples if they must come back; None for the canonical WAV header.
        from_flac: whether this was a FLAC file.
    """

    @property
    def audio_format(self) -> AudioFormat: ...
    @property
    def announced(self) -> int | None: ...
    @property
    def head(self) -> bytes | None: ...
    @property
    def from_flac(self) -> bool: ...

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        """int32 (n, channels); ``samples`` each but the last. Raises DataError where the file is broken."""
        ...

    def tail(self) -> Iterator[bytes]:
        """The bytes after the samples; after the last block."""
        ...

    def file_digest(self) -> bytes | None:
        """SHA-256 of the file, as far as it was read; None, at any time, where samples come back and not a file."""
        ...


class ArraySource:
    """An array. ``samples``: int32 (n, channels) within the bits of ``audio_format``."""

    from_flac = False

    def __init__(self, samples: np.ndarray, audio_format: AudioFormat) -> None:
        self._samples, self.audio_format = samples, audio_format
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


class WavSource:
    """A WAV file, read forwards. Raises as :class:`idf.audio.wav.WavReader`."""

    from_flac = False

    def __init__(self, file: IO[bytes], name: str, start: bytes = b"") -> None:
        self._reader = WavReader(file, name, start)
        self.audio_format, self.announced = self._reader.audio_format, self._reader.announced
        self.head = None if self._is_canonical() else self._reader.head
        self._hash = hashlib.sha256(self._reader.head)

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        for block in self._reader.blocks(samples):
            self._hash.update(to_wav_bytes(block, self.audio_format.sample_bits))
            yield block

    def tail(self) -> Iterator[bytes]:
        for data in self._reader.tail():
            self._hash.update(data)
            yield data

    def file_digest(self) -> bytes | None:
        return self._hash.digest()

    def _is_canonical(self) -> bool:
        try:
            return self.announced is not None and self._reader.head == canonical_head(self.announced, self.audio_format)
        except DataError:
            return False


class FlacSource:
    """A FLAC file, read through libsndfile and checked against the MD5 that it carries.

    Args:
        file: binary, must seek.
        name: what to call it in messages.
        place: of the file's first byte, behind tags that are not FLAC's.

    Raises:
        DataError: damaged, or of an unsupported kind.
    """

    from_flac = True
    head = None

    def __init__(self, file: IO[bytes], name: str, place: int = 0) -> None:
        import soundfile  # deferred: loads a shared library

        class Forwards(soundfile.SoundFile):  # else each read ends in a seek, which fails where the length is unknown
            def seekable(self) -> bool:
                return False

        self._name, self._broken = name, (soundfile.SoundFileError, OSError)
        file.seek(place)
        self._expected_md5 = _stated_md5(file.read(42))
        try:
            file.seek(0)
            self._sound = Forwards(file)
        except self._broken as error:
            raise DataError(f"{name}: not readable as FLAC ({_reason(error)}); get a fresh copy of the file") from error
        bits = _FLAC_SUBTYPES.get(self._sound.subtype)
        if bits is None or not 1 <= self._sound.channels <= MAX_CHANNELS:
            raise UnsupportedAudioError(name, f"found {self._sound.subtype}, {self._sound.channels} channels")
        self.audio_format = AudioFormat(int(self._sound.samplerate), int(self._sound.channels), bits)
        self.announced = int(self._sound.frames)
        if self.announced >= _UNKNOWN_LENGTH:
            self.announced = 0
            while count := len(self._read(_COUNTED)):
                self.announced += count
            file.seek(0)
            self._sound = Forwards(file)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._seen = 0

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        bits = self.audio_format.sample_bits
        while self._seen < self.announced:
            data = self._read(samples)
            if not len(data):
                break
            # libsndfile left-justifies: 24 bits in 32, 8 bits in 16
            block = data.astype(np.int32) >> (0 if bits == 16 else 8)
            self._md5.update(pcm_bytes(block, bits))
            self._seen += len(block)
            yield block
        if self._seen != self.announced:
            raise DataError(
                f"{self._name}: corrupt audio: {self._seen} of {self.announced} samples could be read; get a fresh copy"
            )
        if self._expected_md5 not in (None, self._md5.digest()):
            raise DataError(f"{self._name}: corrupt audio: the samples do not match the file's MD5; get a fresh copy")

    def tail(self) -> Iterator[bytes]:
        if tail := canonical_tail(self.announced, self.audio_format):
            yield tail

    def file_digest(self) -> bytes | None:
        return None

    def _read(self, samples: int) -> np.ndarray:
        """The next samples as libsndfile has them: 24 bits in 32, 8 bits in the upper half of 16."""
        try:
            kind = "int32" if self.audio_format.sample_bits == 24 else "int16"
            data: np.ndarray = self._sound.read(samples, dtype=kind, always_2d=True)
        except self._broken as error:
            raise DataError(f"{self._name}: corrupt audio ({_reason(error)}); get a fresh copy") from error
        return data


def open_source(file: IO[bytes], name: str) -> Source:
    """The source for a file, by its first bytes. FLAC must seek; WAV may be a pipe.

    Raises:
        DataError: empty, neither WAV nor FLAC, damaged, or of an unsupported kind.
    """
    start = b""
    while len(start) < 12 and (more := file.read(12 - len(start))):
        start += more
    if not start:
        raise DataError(f"{name}: the file is empty (0 bytes)")
    if start[:4] == _FLAC_MAGIC:
        return FlacSource(file, name)
    if start[:3] == _ID3_MAGIC and file.seekable():
        place = _behind_id3(file)
        file.seek(place)
        if file.read(4) == _FLAC_MAGIC:
            return FlacSource(file, name, place)
    if is_wav(start):
        return WavSource(file, name, start)
    raise UnsupportedAudioError(name, "neither WAV nor FLAC")


def open_path(path: Path) -> IO[bytes]:
    """A file to read from.

    Raises:
        DataError: missing, a folder, or not readable.
    """
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; name a file") from None
    except PermissionError:
        raise DataError(f"{path}: permission denied; make it readable and try again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _stated_md5(head: bytes) -> bytes | None:
    """The MD5 of the samples that STREAMINFO states; None when it was left out."""
    # Layout: "fLaC", a 4-byte block header of type 0, then 18 bytes of sizes and counts and the MD5.
    if len(head) < 42 or head[4] & 0x7F != 0:
        return None
    return head[26:42] if any(head[26:42]) else None


def _behind_id3(file: IO[bytes]) -> int:
    """The place behind the ID3v2 tags that a file begins with (ID3 tag version 2.4.0, section 3.1)."""
    place = 0
    while True:
        file.seek(place)
        head = file.read(10)
        if len(head) < 10 or head[:3] != _ID3_MAGIC:
            return place
        size = 0
        for byte in head[6:]:  # seven bits each
            size = size << 7 | byte & 0x7F
        place += 10 + size + (10 if head[5] & 0x10 else 0)


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", "") or error)
    return text.strip().rstrip(".").lower()
