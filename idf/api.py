"""Compression for programs: arrays and file objects in, bytes and arrays out.

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

Arrays are as soundfile gives them: int16 ``(time,)`` or ``(time, channels)`` for 16 bits, int32 for
24 bits (in the upper three bytes, as ``soundfile.read(..., dtype="int32")`` reads a 24-bit file), and
int8 for 8 bits. Decompressing gives the same type back.
"""

from __future__ import annotations

import builtins
import io
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from idf.audio.format import MAX_CHANNELS, AudioFormat
from idf.audio.sources import open_path, open_source
from idf.container import files
from idf.container.approximation import approximate_blocks, partial_codec
from idf.container.arrays import compress_array, decompress_array
from idf.container.files import Existing
from idf.container.reading import RangeReader
from idf.container.records import read_header
from idf.container.salvage import Loss, salvage_blocks, survey
from idf.container.stream import Decoder, Size, decode_stream
from idf.errors import DataError
from idf.models import registry
from idf.workers.pool import Processes

Model = str | Path | None
"""A model by name or path; None for the default, or for the one that made the file."""

_BITS = {"int8": 8, "int16": 16, "int32": 24}


def compress(samples: np.ndarray, rate_hz: int, *, model: Model = None, jobs: int = 1) -> bytes:
    """Compress an array without loss.

    Args:
        samples: int8, int16 or int32 (24 bits in the upper three bytes), (time,) or (time, channels) with
            up to 8 channels; may be empty.
        rate_hz: samples a second.
        model: name or path of a model; None for the default.
        jobs: blocks coded at the same time, in as many processes, which are started for this call and
            end with it: worth their while from about half a minute of sound. The bytes are the same.

    Returns:
        The content of an ``.idf`` file.

    Raises:
        DataError: an array of another type or shape; says what to do.
        RunError: there is no such model.
    """
    array, audio_format = _to_integers(samples, rate_hz)
    codec = registry.load_model(model)
    jobs = min(jobs, _blocks(len(array), codec.chunk_samples))
    with Processes(jobs) as processes:
        return compress_array(processes(codec), array, audio_format, jobs=jobs)


def decompress(data: bytes, *, model: Model = None, jobs: int = 1) -> tuple[np.ndarray, int]:
    """Undo :func:`compress`; reads any ``.idf`` file.

    Args:
        data: the whole file.
        model: name or path of the model that made it; None to look it up.
        jobs: blocks decoded at the same time, as for :func:`compress`.

    Returns:
        Samples, (time,) if mono and (time, channels) otherwise, of the type that was compressed; and the
        rate in Hz.

    Raises:
        FormatError: the file is damaged or of another version.
        RunError: the model that made it is not here; says how to get it.
    """
    header = read_header(io.BytesIO(data))
    codec = registry.load_for(header.fingerprint, model)
    if header.samples is not None:
        jobs = min(jobs, _blocks(header.samples, header.chunk_samples))
    with Processes(jobs) as processes:
        samples, audio_format = decompress_array(processes(codec), data, jobs=jobs)
    return _from_integers(samples, audio_format), audio_format.rate_hz


@dataclass(frozen=True)
class Approximation:
    """A recording as far as its first latent blocks tell it.

    Attributes:
        samples: as :func:`decompress` gives them.
        rate_hz: samples a second.
        names: of all blocks, in the order of decoding.
        blocks: how many of them are known.
        share: of the bits of all blocks, those of the known ones: 0 … 1.
    """

    samples: np.ndarray
    rate_hz: int
    names: tuple[str, ...]
    blocks: int
    share: float


def approximate(data: bytes, blocks: int, *, model: Model = None) -> Approximation:
    """What the first latent blocks of a file tell of the recording. For files made with a window flow.

    The whole file is decoded and checked first.

    Args:
        data: the whole file.
        blocks: how many, in the order of decoding; with all of them the recording itself comes back.
        model: name or path of the model that made it; None to look it up.

    Raises:
        DataError: the model has not so many blocks, or none is asked for; says how many there are.
        FormatError: the file is damaged or of another version.
        RunError: the model that made it is not here, or is no window flow; says what to do.
    """
    file = io.BytesIO(data)
    codec = partial_codec(registry.load_for(read_header(file).fingerprint, model), blocks)
    audio_format, _, found = approximate_blocks(codec, file, blocks)
    known, bits = [np.empty((0, audio_format.channels), np.int32)], np.zeros(len(codec.block_names))
    for samples, spent in found:
        known.append(samples)
        bits += spent
    share = float(bits[:blocks].sum() / bits.sum()) if bits.any() else 1.0
    samples = _from_integers(np.concatenate(known), audio_format)
    return Approximation(samples, audio_format.rate_hz, codec.block_names, blocks, share)


def salvage(data: bytes, *, model: Model = None) -> tuple[np.ndarray, int, Loss]:
    """What a damaged file still holds: :func:`decompress`, with silence where samples are lost.

    Returns:
        Samples and rate as :func:`decompress`, and what is lost.

    Raises:
        FormatError: no ``.idf`` file, or its header is beyond mending.
        RunError: the model that made it is not here; says how to get it.
    """
    file = io.BytesIO(data)
    found = survey(file)
    codec = registry.load_for(found.header.fingerprint, model)
    lost: list[tuple[int, int]] = []
    empty = np.empty((0, found.audio_format.channels), np.int32)
    samples = np.concatenate([empty, *salvage_blocks(codec, file, found, lost)])
    return (
        _from_integers(samples, found.audio_format),
        found.audio_format.rate_hz,
        Loss(tuple(lost), tuple(found.notes)),
    )


def compress_file(
    source: Path | str, target: Path | str, *, existing: Existing = "refuse", model: Model = None, jobs: int = 1
) -> Size:
    """Compress a WAV or FLAC file, a block at a time, and check that it comes back.

    Args:
        existing: what to do where the target exists: ``refuse`` or ``replace``.
        model, jobs: as for :func:`compress`.

    Raises:
        DataError: the source is missing, damaged or of an unsupported kind.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
        RunError: there is no such model.
    """
    with Processes(jobs) as processes:
        codec = processes(registry.load_model(model))
        return files.compress_file(codec, source, target, existing=existing, jobs=jobs)


def decompress_file(
    source: Path | str, target: Path | str, *, existing: Existing = "refuse", model: Model = None, jobs: int = 1
) -> Size:
    """Undo :func:`compress_file`: a WAV file, or the samples as FLAC if the target's name ends in ``.flac``.

    Raises:
        DataError: the source is missing.
        FormatError: it is damaged or of another version.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
        RunError: the model that made it is not here; says how to get it.
    """
    codec = registry.load_for(files.read_file_header(source).fingerprint, model)
    with Processes(jobs) as processes:
        return files.decompress_file(processes(codec), source, target, existing=existing, jobs=jobs)


def compress_stream(source: IO[bytes], target: IO[bytes], *, model: Model = None, jobs: int = 1) -> Size:
    """Compress an open WAV or FLAC file into another open file, a block at a time.

    A WAV file may be a pipe, a FLAC file must seek. Nothing is read back from the target.

    Raises:
        DataError: the source is damaged or of an unsupported kind.
        RunError: there is no such model.
    """
    name = str(getattr(source, "name", "the input"))
    audio = open_source(source, name)
    with Processes(jobs) as processes:
        codec = processes(registry.load_model(model))
        return files.compress_source(codec, audio, target, name, check="none", jobs=jobs)


def decompress_stream(source: IO[bytes], target: IO[bytes], *, model: Model = None, jobs: int = 1) -> None:
    """Restore the WAV file (or the samples of a FLAC file, as WAV) into an open file, a block at a time.

    What is written is right only if no error is raised.

    Raises:
        FormatError: the file is damaged or of another version.
        RunError: the model that made it is not here; says how to get it.
    """
    decoder = Decoder(source)
    codec = registry.load_for(decoder.header.fingerprint, model)
    with Processes(jobs) as processes:
        decode_stream(processes(codec), decoder, target.write, jobs=jobs)


class Reader:
    """A compressed file of which parts can be read; made by :func:`open`.

    Attributes:
        rate_hz: samples a second.
        channels: 1 to 8.
        sample_bits: 8, 16 or 24.
        samples: in each channel.
    """

    def __init__(self, file: IO[bytes], model: Model) -> None:
        self._file = file
        file.seek(0)
        header = read_header(file)
        self._reader = RangeReader(registry.load_for(header.fingerprint, model), file)
        self.rate_hz, self.channels = header.rate_hz, header.channels
        self.sample_bits, self.samples = header.sample_bits, self._reader.samples

    def __len__(self) -> int:
        return self.samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """The samples ``start`` to ``stop`` (exclusive) as :func:`decompress` gives them.

        Only the blocks that they lie in are decoded.

        Raises:
            ValueError: not 0 <= start <= stop <= samples.
            FormatError: a block is damaged; names its samples.
        """
        return _from_integers(self._reader.read(start, stop), self._reader.audio_format)

    def __getitem__(self, part: slice) -> np.ndarray:
        """``reader[start:stop]``, with the rules of slices."""
        start, stop, step = part.indices(self.samples)
        if step != 1:
            raise ValueError("only slices without a step can be read")
        return self.read(start, max(start, stop))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open(file: Path | str | IO[bytes], *, model: Model = None) -> Reader:
    """Open a compressed file to read parts of it without decoding the rest.

    Args:
        file: a path, or an open file that seeks (it is closed with the reader).
        model: name or path of the model that made it; None to look it up.

    Raises:
        DataError: there is no such file.
        FormatError: it is damaged or of another version.
        RunError: the model that made it is not here; says how to get it.
    """
    if not isinstance(file, str | Path):
        return Reader(file, model)
    opened = open_path(Path(file))
    try:
        with files.naming(str(file)):
            return Reader(opened, model)
    except BaseException:
        opened.close()
        raise


def _blocks(samples: int, chunk_samples: int) -> int:
    """How many blocks there are to be worked on at once."""
    return -(-samples // chunk_samples)


def _to_integers(samples: Any, rate_hz: int) -> tuple[np.ndarray, AudioFormat]:
    array = np.asarray(samples)
    if not isinstance(rate_hz, builtins.int | np.integer) or not 0 < rate_hz < 1 << 32:
        raise DataError(f"rate_hz is {rate_hz!r}; it must be a whole number of samples a second, 1 to 2^32 - 1")
    if array.dtype.name not in _BITS:
        raise DataError(f"samples are {array.dtype}; {_remedy(array)}")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not 1 <= array.shape[1] <= MAX_CHANNELS:
        raise DataError(
            f"samples have shape {np.shape(samples)}; it must be (time,) or (time, channels) with up to 8 channels"
        )
    bits = _BITS[array.dtype.name]
    whole = array.astype(np.int32)
    if bits == 24:
        if np.any(whole & 255):
            raise DataError(
                "int32 samples are taken as 24 bits in the upper three bytes (as soundfile reads them), and these use "
                "the lowest byte: for 16-bit values pass samples.astype(np.int16), for 24-bit values samples << 8; "
                "32-bit audio cannot be compressed"
            )
        whole >>= 8
    return whole, AudioFormat(int(rate_hz), array.shape[1], bits)


def _remedy(array: np.ndarray) -> str:
    if array.dtype.kind == "f":
        return (
            "float audio cannot be compressed without loss here: read the file as integers "
            '(soundfile.read(path, dtype="int16"), or "int32" for 24 bits)'
        )
    if array.dtype == np.uint8:
        return "for unsigned 8-bit audio pass (samples.astype(np.int16) - 128).astype(np.int8)"
    return "pass int16 (or int8 for 8-bit, int32 with 24 bits in the upper three bytes)"


def _from_integers(samples: np.ndarray, audio_format: AudioFormat) -> np.ndarray:
    whole = (
        samples << 8
        if audio_format.sample_bits == 24
        else samples.astype({8: np.int8, 16: np.int16}[audio_format.sample_bits])
    )
    return whole[:, 0] if audio_format.channels == 1 else whole
