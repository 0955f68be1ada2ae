"""16-bit PCM as arrays, for training and evaluation.

Files are read by :mod:`idf.audio.sources`, as in the codec, so training, evaluation and the codec accept the
same files. This module further requires 16 bits and at most as many channels as the model supports.
:mod:`idf.datasets.dataset` decides which files belong to a data set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from idf.audio.format import AudioFormat, Original, UnsupportedAudioError
from idf.audio.sources import Source, open_path, open_source
from idf.audio.wav import canonical_head
from idf.errors import DataError
from idf.files import atomic_write

SAMPLE_MIN, SAMPLE_MAX = -(2**15), 2**15 - 1

_SUPPORTED = {
    1: "mono 16-bit PCM in WAV, AIFF, CAF, W64 or FLAC",
    2: "16-bit PCM of one or two channels in WAV, AIFF, CAF, W64 or FLAC",
}
_SPLIT = "split the channels into separate files, for example `ffmpeg -i IN -af 'pan=mono|c0=c0' LEFT.wav`"
_STEREO = "; data.channels=2 accepts stereo (with model=adaptive)"
_CONVERT = "convert it, for example `ffmpeg -i IN -c:a pcm_s16le OUT.wav` (this changes the samples)"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Pcm:
    """16-bit audio."""

    samples: npt.NDArray[np.int32]
    """int32 (time,) if mono, (time, channels) otherwise, values -32768 … 32767."""
    rate_hz: int

    @property
    def frames(self) -> npt.NDArray[np.int32]:
        """The samples as int32 (time, channels), also for mono."""
        return self.samples.reshape(len(self.samples), -1)

    @property
    def first_channel(self) -> Pcm:
        """The first channel alone, for plots of a single channel."""
        return self if self.samples.ndim == 1 else Pcm(self.samples[:, 0], self.rate_hz)


@dataclass(frozen=True)
class PcmInfo:
    """Length and format of a 16-bit file."""

    samples: int
    """Samples per channel."""
    rate_hz: int
    channels: int


def probe_pcm16(path: Path | str, channels: int = 1) -> PcmInfo:
    """Return the length and format of a 16-bit file from its header, and from its size if the header lacks a length.

    Args:
        channels: largest accepted number of channels, 1 or 2.

    Raises:
        DataError: the file is missing, unreadable, not audio, without samples, or in an unsupported format.
            The message says what was found and what to do.
    """
    with _opened(Path(path), channels) as (file, source):
        samples = source.announced
        if source.original is not Original.FLAC:
            held = (os.fstat(file.fileno()).st_size - file.tell()) // source.audio_format.frame_bytes
            samples = held if samples is None else min(samples, held)
        if not samples:
            raise _without_samples(path)
        return PcmInfo(samples, source.audio_format.rate_hz, source.audio_format.channels)


def read_pcm16(path: Path | str, channels: int = 1) -> Pcm:
    """Read a whole 16-bit file.

    Args:
        channels: largest accepted number of channels, 1 or 2.

    Returns:
        The samples, int32 (time,) if mono and (time, channels) otherwise, and the rate in Hz. The samples of a
        FLAC file are checked against its MD5.

    Raises:
        DataError: as :func:`probe_pcm16`, or the audio itself is corrupt.
    """
    with _opened(Path(path), channels) as (_, source):
        blocks = list(source.blocks(_BLOCK))
    if not blocks:
        raise _without_samples(path)
    samples = np.concatenate(blocks)
    return Pcm(samples[:, 0] if samples.shape[1] == 1 else samples, source.audio_format.rate_hz)


def write_wav16(path_or_file: Path | str | IO[bytes], samples: npt.ArrayLike, rate_hz: int) -> None:
    """Write 16-bit samples as a WAV file with the plain 44-byte header.

    Args:
        path_or_file: a path (written atomically), or a binary file, which need not be seekable.
        samples: integers (time,) or (time, channels), values -32768 … 32767.
        rate_hz: sampling rate in Hz.

    Raises:
        OutputError: the path cannot be written.
        ValueError: the samples are not 16-bit integers of one of these shapes (a bug in the caller).
    """
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"expected integers of shape (time,) or (time, channels), got {array.dtype} {array.shape}")
    if array.size and (array.min() < SAMPLE_MIN or array.max() > SAMPLE_MAX):
        raise ValueError(f"samples outside 16 bits: {array.min()} … {array.max()}")
    if isinstance(path_or_file, str | Path):
        with atomic_write(path_or_file) as file:
            _write_wav(file, array, rate_hz)
    else:
        _write_wav(path_or_file, array, rate_hz)


def _write_wav(file: IO[bytes], samples: npt.NDArray[np.integer], rate_hz: int) -> None:
    channels = samples.shape[1] if samples.ndim > 1 else 1
    file.write(canonical_head(len(samples), AudioFormat(rate_hz, channels, 16)))
    file.write(samples.astype("<i2").tobytes())


@contextmanager
def _opened(path: Path, channels: int) -> Iterator[tuple[IO[bytes], Source]]:
    """Open a 16-bit file of at most ``channels`` channels. Yields the file, at its first sample, and its source."""
    supported = _SUPPORTED[channels]
    try:
        with open_path(path) as file:
            try:
                source = open_source(file, str(path))
            except UnsupportedAudioError as error:
                raise UnsupportedAudioError(str(path), error.finding, supported=supported, remedy=_CONVERT) from error
            found = source.audio_format
            if found.channels > channels:
                remedy = _SPLIT + (_STEREO if found.channels == 2 else "")
                raise UnsupportedAudioError(
                    str(path), f"found {found.channels} channels", supported=supported, remedy=remedy
                )
            if found.sample_bits != 16:
                kind = "float" if found.is_float else "PCM"
                raise UnsupportedAudioError(
                    str(path), f"found {found.sample_bits}-bit {kind} samples", supported=supported, remedy=_CONVERT
                )
            yield file, source
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _without_samples(path: Path | str) -> DataError:
    return DataError(f"{path}: contains no samples; remove the file from the data set")
