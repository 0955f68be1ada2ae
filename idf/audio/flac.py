"""FLAC files written, through libsndfile.

FLAC files are read by :class:`idf.audio.sources.FlacSource`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable
from typing import IO, Any

import numpy as np

from idf.audio.format import AudioFormat
from idf.errors import OutputError

LEVELS = range(9)
"""Of compression, from the fastest to the smallest files."""
DEFAULT_LEVEL = 5
_BLOCK_SAMPLES = 4096
_SUBTYPES = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}


class HeldErrors:
    """A file for libsndfile, whose C code cannot pass on what a callback raises.

    Any exception, interrupts included, is kept and raised by :meth:`check`; the rest is then pretended.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._error: BaseException | None = None

    def check(self) -> None:
        """Raise what was kept."""
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


def write_flac(
    output: IO[bytes],
    audio_format: AudioFormat,
    blocks: Iterable[np.ndarray],
    *,
    level: int = DEFAULT_LEVEL,
    progress: Callable[[int], object] = lambda samples: None,
) -> int:
    """Write samples as FLAC; returns how many.

    Args:
        output: binary, must seek.
        blocks: int32 (n, channels) each.
        level: one of ``LEVELS``.
        progress: told the number of samples of each block that is written.

    Raises:
        OutputError: FLAC has no place for them.
        OSError: the file cannot be written.
    """
    import soundfile  # deferred: loads a shared library

    held, written, bits = HeldErrors(output), 0, audio_format.sample_bits
    try:
        sound: Any = soundfile.SoundFile(
            *(held, "w", audio_format.rate_hz, audio_format.channels, _SUBTYPES[bits]),
            format="FLAC",
            compression_level=level / 8,
        )
    except (soundfile.SoundFileError, ValueError) as error:
        held.check()
        raise OutputError(f"FLAC cannot hold this audio at {audio_format.rate_hz} Hz; write a .wav file") from error
    with sound:
        for block in blocks:
            # libsndfile wants 24 bits in the upper part of 32, 8 bits in the upper part of 16
            sound.write((block << 8) if bits == 24 else (block << (16 - bits)).astype(np.int16))
            held.check()
            written += len(block)
            progress(len(block))
    held.check()
    if not written:  # libsndfile leaves the file empty then
        output.write(_without_samples(audio_format))
    return written


def _without_samples(audio_format: AudioFormat) -> bytes:
    """A whole FLAC file of no samples: its STREAMINFO (RFC 9639, section 8.2)."""
    bits = audio_format.rate_hz << 44 | (audio_format.channels - 1) << 41 | (audio_format.sample_bits - 1) << 36
    sizes = struct.pack(">HH6x", _BLOCK_SAMPLES, _BLOCK_SAMPLES)
    return b"fLaC\x80\0\0\x22" + sizes + bits.to_bytes(8, "big") + hashlib.md5(usedforsecurity=False).digest()
