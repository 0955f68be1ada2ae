"""Files on disk: a WAV or FLAC file to an ``.idf`` file and back.

A WAV file comes back byte for byte, whatever else it holds; a FLAC file as the same samples. Targets
appear only when they are whole, keep the source's time stamps, and never replace a file unless told.
In memory: :mod:`idf.coding.container`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import numpy as np

from idf.audio import read_pcm16
from idf.coding.container import ChunkCodec, compress_clip, decompress_clip, iter_chunks, pcm_bytes, read_samples
from idf.coding.frame import open_container
from idf.coding.wav import is_wav, split_wav
from idf.errors import DataError, FormatError, OutputError
from idf.files import atomic_write, output_errors

__all__ = [
    "SUFFIX",
    "ChunkCodec",
    "Existing",
    "compress_clip",
    "compress_file",
    "decompress_clip",
    "decompress_file",
]

SUFFIX = ".idf"
FLAC_SUFFIX = ".flac"

Existing = Literal["refuse", "replace"]
"""What to do where the target exists."""


def compress_file(codec: ChunkCodec, source: Path | str, target: Path | str, *, existing: Existing = "refuse") -> None:
    """Compress a mono 16-bit WAV or FLAC file.

    Raises:
        DataError: the source is missing, damaged or of an unsupported kind.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
    """
    source, target = Path(source), Path(target)
    _check_target(source, target, existing)
    data = _read(source)
    if is_wav(data):
        parts = split_wav(data, str(source))
        compressed = compress_clip(codec, parts.samples, parts.rate_hz, parts.around)
    else:
        pcm = read_pcm16(source)
        compressed = compress_clip(codec, pcm.samples, pcm.rate_hz)
    with _output(source, target) as file:
        file.write(compressed)


def decompress_file(
    codec: ChunkCodec, source: Path | str, target: Path | str, *, existing: Existing = "refuse"
) -> None:
    """Undo :func:`compress_file`: a WAV file, or the samples as FLAC if the target's name ends in ``.flac``.

    Raises:
        DataError: the source is missing.
        FormatError: it is damaged, of another version, or was made with another model; names the file.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
    """
    source, target = Path(source), Path(target)
    _check_target(source, target, existing)
    data = _read(source)
    try:
        container = open_container(data)
        with _output(source, target) as file:
            if target.suffix.lower() == FLAC_SUFFIX:
                _write_flac(file, read_samples(codec, container), container.header.rate_hz)
                return
            around = container.wav_around()
            file.write(around.head)
            for samples in iter_chunks(codec, container):
                file.write(pcm_bytes(samples))
            file.write(around.tail)
    except FormatError as error:
        raise FormatError(f"{source}: {error}") from error


def _write_flac(file: IO[bytes], samples: np.ndarray, rate_hz: int) -> None:
    import soundfile  # deferred: loads a shared library

    try:
        soundfile.write(file, samples.astype(np.int16), rate_hz, format="FLAC", subtype="PCM_16")
    except soundfile.SoundFileError as error:
        raise OutputError(f"FLAC cannot hold this audio at {rate_hz} Hz ({error}); write a .wav file") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; name a file") from None
    except PermissionError:
        raise DataError(f"{path}: permission denied; make it readable and try again") from None


def _check_target(source: Path, target: Path, existing: Existing) -> None:
    """Refuse early, before any work is done."""
    with output_errors(target):
        if not target.exists():
            return
        if source.exists() and target.samefile(source):
            raise OutputError(f"{target} is the file to be read; choose another name")
    if existing == "refuse":
        raise OutputError(f"{target} exists; remove it or choose another name")


@contextmanager
def _output(source: Path, target: Path) -> Iterator[IO[bytes]]:
    """:func:`atomic_write`, with the time stamps of ``source``."""
    times = source.stat()
    with atomic_write(target) as file:
        yield file
        # Set before the rename, so that the file appears with them.
        file.flush()
        os.utime(file.name, ns=(times.st_atime_ns, times.st_mtime_ns))
