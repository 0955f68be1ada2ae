"""The Python API of the codec: arrays and file objects in, bytes and arrays out.

    >>> import io
    >>> import numpy as np
    >>> import idf
    >>> samples = np.arange(-5000, 5000, dtype=np.int16)
    >>> data = idf.compress(samples, 22050)
    >>> restored, rate_hz = idf.decompress(data)
    >>> np.array_equal(restored, samples), restored.dtype.name, rate_hz
    (True, 'int16', 22050)
    >>> with idf.open(io.BytesIO(data)) as clip:  # or a path
    ...     clip.read(4998, 5002)
    array([-2, -1,  0,  1], dtype=int16)

Arrays have the types that soundfile uses: int16 ``(time,)`` or ``(time, channels)`` for 16 bits, int32 for
24 bits (in the upper three bytes, as ``soundfile.read(..., dtype="int32")`` returns them) and for 32 bits,
float32 for floats, and int8 for 8 bits. Decompression restores the type.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeGuard

import numpy as np

from idf.audio.sources import open_path, open_source
from idf.container import files
from idf.container.approximation import approximate_blocks, partial_codec
from idf.container.arrays import compress_array, decompress_array
from idf.container.files import Check, Existing
from idf.container.records import read_header
from idf.container.salvage import Loss, salvage_blocks, survey
from idf.container.stream import Decoder, Size, block_samples, decode_stream
from idf.errors import DataError
from idf.files import atomic_write
from idf.models import registry
from idf.reader import Model, Reader, open
from idf.samples import from_integers, to_integers
from idf.workers.pool import Processes

__all__ = [
    "Approximation",
    "Loss",
    "Reader",
    "approximate",
    "compress",
    "compress_file",
    "compress_stream",
    "decompress",
    "decompress_file",
    "decompress_stream",
    "open",
    "salvage",
]

File = Path | str | IO[bytes]
"""A path, or an open binary file."""


def compress(
    samples: np.ndarray | File,
    rate_hz: int | None = None,
    *,
    model: Model = None,
    block_seconds: float | None = None,
    jobs: int = 1,
) -> bytes:
    """Compress an array or a file (WAV, AIFF, CAF, W64, FLAC) without loss.

    Args:
        samples: an array, int8, int16, int32 (24 bits in the upper three bytes, or 32 bits) or float32, of shape
            (time,) or (time, channels) with up to 8 channels, possibly empty; or a path or an open file, whose
            compressed form is then decoded and compared.
        rate_hz: sampling rate of an array in Hz; None for a file.
        model: name or path of a model; None for the default.
        block_seconds: length of a block in seconds, at least 0.1; None for the longest that the model supports.
            Damage affects whole blocks, and :func:`open` decodes whole blocks. Shorter blocks make larger files.
        jobs: number of blocks coded at once, each in its own process. The processes live for this call only, which
            pays off from about half a minute of audio. The result does not depend on it.

    Returns:
        The content of an ``.idf`` file.

    Raises:
        DataError: the array has an unsupported type or shape, the file is missing, damaged or in an unsupported
            format, or the model does not support blocks of that length. The message says what to do.
        RunError: there is no such model.
    """
    if _is_file(samples):
        if rate_hz is not None:
            raise DataError("rate_hz is for arrays only; omit it for a file, which states its own rate")
        packed = io.BytesIO()
        compress_file(samples, packed, model=model, block_seconds=block_seconds, jobs=jobs)  # type: ignore[arg-type]
        return packed.getvalue()
    array, audio_format = to_integers(samples, rate_hz)
    codec = registry.load_model(model)
    jobs = min(jobs, _blocks(len(array), block_samples(codec, audio_format, block_seconds)))
    with Processes(jobs) as processes:
        is_column = np.ndim(samples) == 2 and array.shape[1] == 1  # type: ignore[arg-type]
        about = {"is_column": is_column, "block_seconds": block_seconds}
        return compress_array(processes(codec), array, audio_format, **about, jobs=jobs)  # type: ignore[arg-type]


def decompress(data: bytes | File, *, model: Model = None, jobs: int = 1) -> tuple[np.ndarray, int]:
    """Decompress an ``.idf`` file into an array.

    Args:
        data: the content of the file, its path, or the open file.
        model: name or path of the model that made the file; None to look it up.
        jobs: number of blocks decoded at once, as for :func:`compress`.

    Returns:
        The samples, (time,) if mono and (time, channels) otherwise, of the type that was compressed, and the
        sampling rate in Hz.

    Raises:
        DataError: there is no such file.
        FormatError: the file is damaged or of another version.
        RunError: the model that made it is not installed; the message says how to get it.
    """
    data = _content(data)
    header = read_header(io.BytesIO(data))
    codec = registry.load_for(header.fingerprint, model)
    if header.samples is not None:
        jobs = min(jobs, _blocks(header.samples, header.chunk_samples))
    with Processes(jobs) as processes:
        samples, audio_format = decompress_array(processes(codec), data, jobs=jobs)
    return from_integers(samples, header), audio_format.rate_hz


@dataclass(frozen=True)
class Approximation:
    """A recording reconstructed from its first latent blocks.

    Attributes:
        samples: the samples, as :func:`decompress` returns them.
        rate_hz: sampling rate in Hz.
        names: names of all blocks, in decoding order.
        blocks: number of blocks used.
        share: fraction of all bits that these blocks take, 0 … 1.
    """

    samples: np.ndarray
    rate_hz: int
    names: tuple[str, ...]
    blocks: int
    share: float


def approximate(data: bytes, blocks: int, *, model: Model = None) -> Approximation:
    """Reconstruct a recording from the first latent blocks of a file made with a window flow.

    The whole file is decoded and checked first.

    Args:
        data: the content of the file.
        blocks: number of blocks to use, in decoding order; all of them give the exact recording.
        model: name or path of the model that made the file; None to look it up.

    Raises:
        DataError: ``blocks`` is less than 1 or more than the model has; the message gives the range.
        FormatError: the file is damaged or of another version.
        RunError: the model that made it is not installed or is not a window flow; the message says what to do.
    """
    file = io.BytesIO(data)
    header = read_header(file)
    codec = partial_codec(registry.load_for(header.fingerprint, model), blocks)
    audio_format, _, found = approximate_blocks(codec, file, blocks)
    known, bits = [np.empty((0, audio_format.channels), np.int32)], np.zeros(len(codec.block_names))
    for samples, spent in found:
        known.append(samples)
        bits += spent
    share = float(bits[:blocks].sum() / bits.sum()) if bits.any() else 1.0
    samples = from_integers(np.concatenate(known), header)
    return Approximation(samples, audio_format.rate_hz, codec.block_names, blocks, share)


def salvage(data: bytes, *, model: Model = None) -> tuple[np.ndarray, int, Loss]:
    """Decompress what is intact of a damaged file; lost samples become silence.

    Args:
        data: the content of the file.
        model: name or path of the model that made the file; None to look it up.

    Returns:
        Samples and sampling rate as :func:`decompress`, and what is lost.

    Raises:
        FormatError: not an ``.idf`` file, or its header cannot be recovered.
        RunError: the model that made it is not installed; the message says how to get it.
    """
    file = io.BytesIO(data)
    found = survey(file)
    codec = registry.load_for(found.header.fingerprint, model)
    lost: list[tuple[int, int]] = []
    empty = np.empty((0, found.audio_format.channels), np.int32)
    samples = np.concatenate([empty, *salvage_blocks(codec, file, found, lost)])
    return (
        from_integers(samples, found.header),
        found.audio_format.rate_hz,
        Loss(tuple(lost), tuple(found.notes)),
    )


def compress_file(
    source: File,
    target: File,
    *,
    existing: Existing = "refuse",
    model: Model = None,
    block_seconds: float | None = None,
    jobs: int = 1,
) -> Size:
    """Compress a WAV, AIFF, CAF, W64 or FLAC file block by block, then decode the result and compare.

    Args:
        source: path or open file. FLAC files must be seekable; others may be pipes.
        target: path or open file. An open file is decoded and compared only if it is readable, seekable and empty.
        existing: what to do if the target's path exists: ``refuse`` or ``replace``.
        model, block_seconds, jobs: as for :func:`compress`.

    Returns:
        Length, format and compressed size.

    Raises:
        DataError: the source is missing, damaged or in an unsupported format, or the model does not support blocks
            of that length.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
        RunError: there is no such model.
    """
    if _is_path(target):
        files.check_packed_name(Path(target))
    with Processes(jobs) as processes:
        codec = processes(registry.load_model(model))
        if _is_path(source) and _is_path(target):
            return files.compress_file(codec, source, target, existing=existing, block_seconds=block_seconds, jobs=jobs)
        with _opened(source, target, existing) as (read, write):
            name = _name(source)
            check: Check = "decode" if _is_empty_file(write) else "none"
            audio = open_source(read, name)
            return files.compress_source(codec, audio, write, name, check=check, block_seconds=block_seconds, jobs=jobs)


def decompress_file(
    source: File, target: File, *, existing: Existing = "refuse", model: Model = None, jobs: int = 1
) -> Size:
    """Restore the original file, or write its samples in the format that the target's suffix names.

    Args:
        source: path or open file.
        target: path or open file. An open file gets the original, or a WAV file if the original was FLAC.
        existing, model, jobs: as for :func:`compress_file`.

    Returns:
        Length, format, compressed size, and a note on anything that was not restored.

    Raises:
        DataError: the source is missing.
        FormatError: it is damaged or of another version.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
        RunError: the model that made the source is not installed; the message says how to get it.
    """
    if _is_path(source) and _is_path(target):
        codec = registry.load_for(files.read_file_header(source).fingerprint, model)
        with Processes(jobs) as processes:
            return files.decompress_file(processes(codec), source, target, existing=existing, jobs=jobs)
    with _opened(source, target, existing) as (read, write), files.naming(_name(source)):
        counted = files.Counted(read)
        decoder = Decoder(counted)  # type: ignore[arg-type]
        codec = registry.load_for(decoder.header.fingerprint, model)
        with Processes(jobs) as processes:
            if _is_path(target):
                kind = files.kind_of_target(Path(target), decoder.header)
                samples, note = files.restore(processes(codec), decoder, write, kind, jobs=jobs)
            else:
                samples, note = decode_stream(processes(codec), decoder, write.write, jobs=jobs), ""
        return Size(samples, decoder.audio_format, counted.count, note)


def compress_stream(
    source: IO[bytes],
    target: IO[bytes],
    *,
    model: Model = None,
    block_seconds: float | None = None,
    jobs: int = 1,
) -> Size:
    """Compress an open WAV, AIFF, CAF, W64 or FLAC file into another open file, block by block.

    FLAC files must be seekable; others may be pipes. The target is not read back.

    Raises:
        DataError: the source is damaged or in an unsupported format, or the model does not support blocks of that
            length.
        RunError: there is no such model.
    """
    name = str(getattr(source, "name", "the input"))
    audio = open_source(source, name)
    with Processes(jobs) as processes:
        codec = processes(registry.load_model(model))
        return files.compress_source(codec, audio, target, name, check="none", block_seconds=block_seconds, jobs=jobs)


def decompress_stream(source: IO[bytes], target: IO[bytes], *, model: Model = None, jobs: int = 1) -> None:
    """Restore the original (for FLAC: its samples as WAV) into an open file, block by block.

    The output is valid only if no error is raised.

    Raises:
        FormatError: the file is damaged or of another version.
        RunError: the model that made it is not installed; the message says how to get it.
    """
    decoder = Decoder(source)
    codec = registry.load_for(decoder.header.fingerprint, model)
    with Processes(jobs) as processes:
        decode_stream(processes(codec), decoder, target.write, jobs=jobs)


def _is_path(file: object) -> TypeGuard[Path | str]:
    return isinstance(file, str | os.PathLike)


def _is_file(source: object) -> bool:
    return _is_path(source) or hasattr(source, "read")


def _name(file: File) -> str:
    return str(file) if _is_path(file) else str(getattr(file, "name", "the input"))


def _content(data: bytes | File) -> bytes:
    if _is_path(data):
        with open_path(Path(data)) as file:
            return file.read()
    return data.read() if hasattr(data, "read") else data  # type: ignore[return-value]


@contextlib.contextmanager
def _opened(source: File, target: File, existing: Existing) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open whichever of both files are paths. A target path appears only once it is complete."""
    with contextlib.ExitStack() as stack:
        read = stack.enter_context(open_path(Path(source))) if _is_path(source) else source
        if _is_path(target):
            files.check_target(Path(source) if _is_path(source) else None, Path(target), existing)
            target = stack.enter_context(atomic_write(target))
        yield read, target  # type: ignore[misc]


def _is_empty_file(file: IO[bytes]) -> bool:
    """Return whether a file can be read back and will hold nothing but what is written now."""
    if not (file.seekable() and file.readable()):
        return False
    place = file.tell()
    is_empty = file.seek(0, io.SEEK_END) == 0
    file.seek(place)
    return is_empty


def _blocks(samples: int, chunk_samples: int) -> int:
    """Return the number of blocks that the samples fill, at least 1."""
    return max(-(-samples // chunk_samples), 1)
