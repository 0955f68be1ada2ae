"""Reading and writing mono 16-bit PCM: the only kind of audio that is coded here.

WAV and FLAC are read through libsndfile (soundfile). libsndfile is lenient: it shortens a truncated
WAV without a word, and it does not check the MD5 that every FLAC file carries. A lossless codec must
not be lenient about its input, so both are checked here.

Not here: which files belong to a data set (:mod:`idf.datasets.dataset`).
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from idf.errors import DataError
from idf.files import atomic_write

SAMPLE_MIN, SAMPLE_MAX = -(2**15), 2**15 - 1

_SUPPORTED = "mono 16-bit PCM in WAV or FLAC"
_SUBTYPES = {
    "PCM_S8": "8-bit PCM",
    "PCM_U8": "8-bit PCM",
    "PCM_24": "24-bit PCM",
    "PCM_32": "32-bit PCM",
    "FLOAT": "32-bit float",
    "DOUBLE": "64-bit float",
}
# WAV writers that do not know the length yet leave one of these as the size of the data chunk;
# libsndfile then reads to the end of the file, which is right.
_OPEN_ENDED = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# A FLAC written to a pipe does not state its length, and libsndfile then reports a huge one.
_UNKNOWN_LENGTH = 2**40


@dataclass(frozen=True)
class Pcm:
    """Mono 16-bit audio."""

    samples: npt.NDArray[np.int32]
    """int32 (time,), values -32768 … 32767."""
    rate_hz: int


@dataclass(frozen=True)
class PcmInfo:
    """What the header of a file says."""

    samples: int
    rate_hz: int


def probe_pcm16(path: Path | str) -> PcmInfo:
    """Read the header of a mono 16-bit WAV or FLAC file.

    Raises:
        DataError: the file is missing, unreadable, not audio, empty, truncated (WAV), or of a kind
            that is not supported; the message says what was found and what to do.
    """
    import soundfile  # deferred: loads a shared library

    path = Path(path)
    _check_readable(path)
    try:
        info = soundfile.info(str(path))
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(f"{path}: not readable as audio ({_reason(error)}); supported: {_SUPPORTED}") from error
    if info.format not in ("WAV", "WAVEX", "FLAC"):
        raise DataError(f"{path}: found {info.format} audio; supported: {_SUPPORTED}; convert it first")
    if info.channels != 1:
        raise DataError(
            f"{path}: found {info.channels} channels; supported: {_SUPPORTED}; "
            f"split the channels into files of their own, for example `ffmpeg -i IN -af 'pan=mono|c0=c0' LEFT.wav`"
        )
    if info.subtype != "PCM_16":
        found = _SUBTYPES.get(info.subtype, info.subtype)
        raise DataError(
            f"{path}: found {found} samples; supported: {_SUPPORTED}; convert it, for example "
            f"`ffmpeg -i IN -c:a pcm_s16le OUT.wav` (this changes the samples)"
        )
    if info.frames >= _UNKNOWN_LENGTH:
        raise DataError(f"{path}: the FLAC header does not state the length; re-encode it, for example with `flac`")
    if info.format != "FLAC":
        _check_wav_length(path)
    if info.frames == 0:
        raise DataError(f"{path}: holds no samples; remove the file from the data set")
    return PcmInfo(samples=int(info.frames), rate_hz=int(info.samplerate))


def read_pcm16(path: Path | str) -> Pcm:
    """Read a mono 16-bit WAV or FLAC file, whole.

    Returns:
        Samples int32 (time,) and the rate in Hz. A FLAC's samples are checked against its MD5.

    Raises:
        DataError: as :func:`probe_pcm16`, and when the audio itself is corrupt.
    """
    import soundfile

    path = Path(path)
    info = probe_pcm16(path)
    try:
        samples, rate_hz = soundfile.read(str(path), dtype="int16")
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(f"{path}: corrupt audio ({_reason(error)}); get a fresh copy of the file") from error
    if len(samples) != info.samples:
        raise DataError(
            f"{path}: corrupt audio: {len(samples)} of {info.samples} samples could be read; get a fresh copy"
        )
    expected = _flac_md5(path)
    if (
        expected is not None
        and hashlib.md5(samples.astype("<i2").tobytes(), usedforsecurity=False).digest() != expected
    ):
        raise DataError(f"{path}: corrupt audio: the samples do not match the file's MD5; get a fresh copy of the file")
    return Pcm(samples=samples.astype(np.int32), rate_hz=int(rate_hz))


def write_wav16(path_or_file: Path | str | IO[bytes], samples: npt.ArrayLike, rate_hz: int) -> None:
    """Write mono 16-bit samples as a WAV file with the plain 44-byte header.

    Args:
        path_or_file: a path (written atomically) or a binary file to write to; it need not seek.
        samples: integers (time,), values -32768 … 32767.
        rate_hz: sampling rate in Hz.

    Raises:
        OutputError: the path cannot be written.
        ValueError: the samples are not one-dimensional integers of 16 bits (a bug of the caller).
    """
    array = np.asarray(samples)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"expected integers of shape (time,), got {array.dtype} {array.shape}")
    if array.size and (array.min() < SAMPLE_MIN or array.max() > SAMPLE_MAX):
        raise ValueError(f"samples outside 16 bits: {array.min()} … {array.max()}")
    if isinstance(path_or_file, str | Path):
        with atomic_write(path_or_file) as file:
            _write_wav(file, array, rate_hz)
    else:
        _write_wav(path_or_file, array, rate_hz)


def _write_wav(file: IO[bytes], samples: npt.NDArray[np.integer], rate_hz: int) -> None:
    data = samples.astype("<i2").tobytes()
    header = struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE")
    header += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    file.write(header + struct.pack("<4sI", b"data", len(data)))
    file.write(data)


def _check_readable(path: Path) -> None:
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder; name a {_SUPPORTED} file")
        with open(path, "rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if empty:
        raise DataError(f"{path}: the file is empty (0 bytes); get a fresh copy of the file")


def _check_wav_length(path: Path) -> None:
    """Raise when the data chunk promises more bytes than the file has."""
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        file.seek(12)
        while len(head := file.read(8)) == 8:
            kind, size = struct.unpack("<4sI", head)
            if kind == b"data":
                here = file.tell()
                if size not in _OPEN_ENDED and here + size > end:
                    raise DataError(
                        f"{path}: truncated: the header promises {size} bytes of samples, the file has {end - here}; "
                        f"get a fresh copy of the file"
                    )
                return
            file.seek(size + size % 2, os.SEEK_CUR)


def _flac_md5(path: Path) -> bytes | None:
    """The MD5 of the samples (little-endian) that STREAMINFO states; None for WAV or when it was left out."""
    with open(path, "rb") as file:
        head = file.read(42)
    # Layout: "fLaC", a 4-byte block header of type 0, then 18 bytes of sizes and counts and the MD5.
    if len(head) < 42 or head[:4] != b"fLaC" or head[4] & 0x7F != 0:
        return None
    return head[26:42] if any(head[26:42]) else None


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", "") or error)
    return text.strip().rstrip(".").lower()
