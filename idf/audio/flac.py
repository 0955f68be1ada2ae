"""Writing FLAC files through libsndfile: new ones, and restored ones.

The bytes before the frames of a FLAC file (metadata) and after them are stored as they are. The frames are
encoded again from the samples. If libsndfile makes the same frames at some compression level, the file is restored
byte for byte. FLAC files are read by :class:`idf.audio.sources.FlacSource`.

Source: RFC 9639.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from idf.audio.flac_reading import MAGIC, STREAMINFO_BYTES, flac_start, metadata_blocks
from idf.audio.format import AudioFormat
from idf.errors import DataError, OutputError

LEVELS = (5, 8, 0, 1, 2, 3, 4, 6, 7)
"""Compression levels, the usual ones first."""
DEFAULT_LEVEL = 5
MAX_RATE_HZ = 655_350
"""Limit of the encoder; the format allows 1,048,575."""
_TRIAL_SAMPLES = 36_864
"""Whole frames at every level's block size: enough to see which levels to try on the whole file."""
_BLOCK_SAMPLES = 4096
_SEEKTABLE = 3
_SEEK_POINT = struct.Struct(">QQH")
_PLACEHOLDER = 2**64 - 1
_SUBTYPES = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}


class HeldErrors:
    """A file for libsndfile, whose C code cannot propagate exceptions from callbacks.

    The first exception, interrupts included, is stored until :meth:`check` raises it; later calls do nothing.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._error: BaseException | None = None

    def check(self) -> None:
        """Raise the stored exception, if any."""
        if self._error is not None:
            raise self._error

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._do(self._file.read, b"", size)
        return data

    def write(self, data: bytes) -> int:
        self._do(self._file.write, None, data)
        return len(data)

    def seek(self, place: int, whence: int = 0) -> int:
        return int(self._do(self._file.seek, 0, place, whence))

    def tell(self) -> int:
        return int(self._do(self._file.tell, 0))

    def flush(self) -> None:
        self._do(self._file.flush, None)

    def _do(self, action: Callable[..., Any], otherwise: Any, *arguments: Any) -> Any:
        if self._error is None:
            try:
                return action(*arguments)
            except BaseException as error:
                self._error = error
        return otherwise


class _Frames:
    """The file that libsndfile writes to. Collects the metadata and passes each frame to ``take``.

    Attributes:
        metadata: the metadata; its STREAMINFO is final once the encoder is closed.
    """

    def __init__(self, take: Callable[[bytes], object]) -> None:
        self._take, self._place, self._end = take, 0, 0
        self.metadata = bytearray()
        self._is_whole = False

    def write(self, data: bytes) -> int:
        if self._place < len(self.metadata):
            self.metadata[self._place : self._place + len(data)] = data
        elif self._is_whole:
            self._take(data)
        else:
            self.metadata += data
            self._is_whole = any(is_last for _, _, _, is_last in metadata_blocks(self.metadata))
        self._place += len(data)
        self._end = max(self._end, self._place)
        return len(data)

    def seek(self, place: int, whence: int = 0) -> int:
        self._place = place + (0, self._place, self._end)[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        return b""

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""


class Encoder:
    """Encodes samples as the frames of a FLAC file.

    Args:
        take: called with each frame.
        level: one of ``LEVELS``.

    Raises:
        OutputError: FLAC cannot hold this audio.
    """

    def __init__(self, audio_format: AudioFormat, level: int, take: Callable[[bytes], object]) -> None:
        import soundfile  # deferred: loads a shared library

        self._format, self._bits, self._broken = audio_format, audio_format.sample_bits, soundfile.SoundFileError
        self._frames = _Frames(take)
        self._held = HeldErrors(self._frames)
        try:
            if audio_format.is_float or self._bits not in _SUBTYPES:
                raise ValueError(audio_format.sample_name)
            self._sound: Any = soundfile.SoundFile(
                *(self._held, "w", audio_format.rate_hz, audio_format.channels, _SUBTYPES[self._bits]),
                format="FLAC",
                compression_level=level / 8,
            )
        except (soundfile.SoundFileError, ValueError) as error:
            raise self._refusal() from error

    @property
    def metadata(self) -> bytes:
        """The metadata so far, complete once the first frame is written."""
        return bytes(self._frames.metadata)

    def write(self, samples: np.ndarray) -> None:
        """Encode the next samples, int32 (n, channels). Raises what ``take`` raises, and OutputError as the class."""
        # libsndfile expects left-justified samples: 24 bits in 32, 8 bits in 16
        wide = (samples << 8) if self._bits == 24 else (samples << (16 - self._bits)).astype(np.int16)
        try:
            self._sound.write(wide)
        except self._broken as error:  # some rates are rejected only with the first samples
            raise self._refusal() from error
        self._held.check()

    def _refusal(self) -> OutputError:
        self._held.check()
        return OutputError(
            f"the FLAC encoder does not support this audio ({self._format.sample_name}, {self._format.rate_hz} Hz); "
            "write a .wav file"
        )

    def close(self) -> bytes:
        """Write the last frame. Returns the final metadata."""
        self._sound.close()
        self._held.check()
        return self.metadata


@dataclass(frozen=True)
class Kept:
    """What is stored of a FLAC file besides its samples.

    Attributes:
        level: the level at which the encoder makes the same frames; None if there is none.
        digest: first 8 bytes of the SHA-256 of the frames; that of no bytes if there is no level.
        metadata: the bytes before the frames.
    """

    level: int | None
    digest: bytes
    metadata: bytes

    def pack(self) -> bytes:
        """Return the bytes that a compressed file stores as its head."""
        return bytes([255 if self.level is None else self.level]) + self.digest + self.metadata

    @classmethod
    def unpack(cls, head: bytes) -> Kept:
        """Invert :meth:`pack`. Raises DataError for invalid bytes."""
        level, metadata = head[0] if head else 255, head[9:]
        start = flac_start(metadata)
        blocks = list(metadata_blocks(metadata, start)) if metadata[start : start + 4] == MAGIC else []
        begins = blocks and blocks[0][0] == 0 and blocks[0][2] == STREAMINFO_BYTES
        ends = blocks and blocks[-1][3] and blocks[-1][1] + blocks[-1][2] == len(metadata)
        if not begins or not ends or (level not in LEVELS and level != 255):
            raise DataError("the stored FLAC metadata is damaged")
        return cls(None if level == 255 else level, head[1:9], metadata)


def find_level(
    file: IO[bytes], frames_start: int, audio_format: AudioFormat, blocks: Callable[[], Iterable[np.ndarray]]
) -> tuple[int | None, bytes, int]:
    """Find the level at which the encoder makes the frames of a file.

    Args:
        file: the seekable FLAC file.
        frames_start: position of its first frame.
        audio_format: format of the samples.
        blocks: returns the samples from the start, int32 (n, channels) each, whenever it is called.

    Returns:
        The level or None, the first 8 bytes of the SHA-256 of the frames, and the position after them.
    """
    found = [
        _Trial(file, frames_start, audio_format, level)
        for level in _likely_levels(file, frames_start, audio_format, blocks)
    ]
    if found:
        for samples in blocks():
            for trial in found:
                trial.write(samples)
            found = [trial for trial in found if trial.is_same]
    for trial in found:
        trial.close()
        if trial.is_same:
            return trial.level, trial.hash.digest()[:8], trial.place
    return None, hashlib.sha256().digest()[:8], 0


def _likely_levels(
    file: IO[bytes], start: int, audio_format: AudioFormat, blocks: Callable[[], Iterable[np.ndarray]]
) -> list[int]:
    first = next(iter(blocks()), np.empty((0, audio_format.channels), np.int32))
    likely = []
    for level in LEVELS:
        try:
            trial = _Trial(file, start, audio_format, level)
            trial.write(first[:_TRIAL_SAMPLES])
        except OutputError:
            return []
        trial.close(is_cut=len(first) > _TRIAL_SAMPLES)
        if trial.is_same:
            likely.append(level)
    return likely


class _Trial:
    """An encoder whose frames are compared with those of a file."""

    def __init__(self, file: IO[bytes], start: int, audio_format: AudioFormat, level: int) -> None:
        self._file, self.place, self.level = file, start, level
        self.is_same, self.hash = True, hashlib.sha256()
        self._encoder = Encoder(audio_format, level, self._compare)

    def write(self, samples: np.ndarray) -> None:
        if len(samples):
            self._encoder.write(samples)

    def close(self, *, is_cut: bool = False) -> None:
        """Write the last frame, which is not compared if the samples were cut there."""
        was_same = self.is_same
        self._encoder.close()
        self.is_same = was_same if is_cut else self.is_same

    def _compare(self, frame: bytes) -> None:
        if self.is_same:
            self._file.seek(self.place)
            self.is_same = self._file.read(len(frame)) == frame
            self.hash.update(frame)
            self.place += len(frame)


def write_flac(
    output: IO[bytes],
    audio_format: AudioFormat,
    blocks: Iterable[np.ndarray],
    *,
    kept: Kept | None = None,
    progress: Callable[[int], object] = lambda samples: None,
) -> tuple[int, bool]:
    """Write samples as FLAC.

    Args:
        output: binary file. It must be seekable for a new file, and for a restored one whose frames turn out
            different.
        audio_format: format of the samples.
        blocks: int32 (n, channels) each.
        kept: what was stored of the file to restore; None for a new file.
        progress: called with the number of samples of each block written.

    Returns:
        The number of samples per channel, and whether the file is identical to the one described by ``kept``.

    Raises:
        OutputError: FLAC cannot hold this audio.
        OSError: the file cannot be written.
    """
    begin = output.tell()
    places: list[int] = []
    state, written, at = hashlib.sha256(), 0, 0

    def take(frame: bytes) -> None:
        nonlocal at
        if kept is None and not places:
            output.write(encoder.metadata)
        places.append(at)
        state.update(frame)
        output.write(frame)
        at += len(frame)

    level = DEFAULT_LEVEL if kept is None or kept.level is None else kept.level
    encoder = Encoder(audio_format, level, take)
    if kept is not None:
        output.write(kept.metadata)
    for block in blocks:
        encoder.write(block)
        written += len(block)
        progress(len(block))
    made = encoder.close()
    if not written:
        if kept is None:
            output.write(_without_samples(audio_format))
        return 0, kept is not None
    if kept is not None and kept.level is not None and state.digest()[:8] == kept.digest:
        return written, True
    output.seek(begin)
    output.write(made if kept is None else _corrected(kept.metadata, made, places, written))
    output.seek(0, 2)
    return written, False


def _corrected(metadata: bytes, made: bytes, places: list[int], samples: int) -> bytes:
    """Return a file's metadata with STREAMINFO and seek points adapted to new frames of the same samples.

    Args:
        metadata: the file's metadata.
        made: the metadata that the encoder made with the new frames.
        places: byte offset of each frame from the first.
        samples: number of samples per channel.
    """
    right = bytearray(metadata)
    streaminfo = made[8 : 8 + STREAMINFO_BYTES]
    block_samples = int.from_bytes(streaminfo[2:4], "big")
    for kind, place, size, _ in metadata_blocks(metadata, flac_start(metadata)):
        if kind == 0:
            right[place : place + STREAMINFO_BYTES] = streaminfo
        if kind == _SEEKTABLE:
            for point in range(place, place + size - _SEEK_POINT.size + 1, _SEEK_POINT.size):
                sample = _SEEK_POINT.unpack_from(metadata, point)[0]
                new = _PLACEHOLDER, 0, 0
                if sample < samples:
                    frame = sample // block_samples
                    first = frame * block_samples
                    new = first, places[frame], min(block_samples, samples - first)
                _SEEK_POINT.pack_into(right, point, *new)
    return bytes(right)


def _without_samples(audio_format: AudioFormat) -> bytes:
    """Return a complete FLAC file of no samples: only a STREAMINFO."""
    bits = audio_format.rate_hz << 44 | (audio_format.channels - 1) << 41 | (audio_format.sample_bits - 1) << 36
    sizes = struct.pack(">HH6x", _BLOCK_SAMPLES, _BLOCK_SAMPLES)
    md5 = hashlib.md5(usedforsecurity=False).digest()
    return MAGIC + b"\x80\0\0\x22" + sizes + bits.to_bytes(8, "big") + md5
