"""Random access to compressed files by sample index, from threads and processes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from idf.audio.sources import open_path
from idf.container import files
from idf.container.reading import RangeReader
from idf.container.records import read_header
from idf.errors import FormatError
from idf.models import registry
from idf.samples import from_integers

Model = str | Path | None
"""Name or path of a model; None for the default, or when reading, for the one that made the file."""


class Reader:
    """A compressed file opened for random access by :func:`open`.

    Indexing works as for arrays: ``reader[-1]``, ``reader[::100]``, ``reader[5:9, 0]``, ``reader[...]``. Readers can
    be used by several threads and after a fork. Readers of a path or of bytes in memory can be pickled.

    Attributes:
        rate_hz: sampling rate in Hz.
        channels: number of channels, 1 to 8.
        sample_bits: bits of a sample: 8, 16, 24 or 32.
        samples: samples per channel.
    """

    def __init__(self, file: IO[bytes], model: Model, path: Path | None = None) -> None:
        self._file, self._model, self._path = file, model, path
        file.seek(0)
        header = read_header(file)
        self._reader = RangeReader(registry.load_for(header.fingerprint, model), file)
        self.rate_hz, self.channels = header.rate_hz, header.channels
        self.sample_bits, self.samples = header.sample_bits, self._reader.samples

    def __len__(self) -> int:
        return self.samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the samples ``start`` to ``stop`` (exclusive), typed and shaped as by :func:`idf.api.decompress`.

        Only the blocks that contain them are decoded.

        Raises:
            ValueError: not 0 <= start <= stop <= samples, or the reader is closed.
            FormatError: a block is damaged; the message gives its samples.
        """
        if self._file.closed:
            raise ValueError("the reader is closed")
        return from_integers(self._reader.read(start, stop), self._reader.header)

    def __getitem__(self, part: Any) -> np.ndarray:
        """Return the indexed part, with the rules of arrays.

        Raises:
            IndexError: the index is out of range.
            TypeError: the index is not an integer, a slice, ``...`` or a tuple of these.
        """
        first, *rest = part if isinstance(part, tuple) and part else (part,)
        if first is Ellipsis:
            return self.read(0, self.samples)[part]
        if isinstance(first, slice):
            places = range(self.samples)[first]
            lowest = min(places[0], places[-1]) if places else 0
            read = self.read(lowest, max(places[0], places[-1]) + 1 if places else 0)
            samples: np.ndarray = read[:: places.step] if places.step > 0 else read[::-1][:: -places.step]
            return samples[(slice(None), *rest)]
        if isinstance(first, bool) or not isinstance(first, int | np.integer):
            raise TypeError(f"indices must be integers, slices or ..., not {type(first).__name__}")
        place = range(self.samples)[first]  # raises IndexError if out of range
        sample: np.ndarray = self.read(place, place + 1)[(0, *rest)]
        return sample

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all samples. Raises ValueError for ``copy=False``, since they must be decoded."""
        if copy is False:
            raise ValueError("a reader decodes its samples, so copy=False is not possible; use copy=None or copy=True")
        return self[...] if dtype is None else self[...].astype(dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        source: Path | IO[bytes] | None = None
        if not self._file.closed:
            is_bytes = self._path is None and isinstance(self._file, io.BytesIO)
            source = io.BytesIO(self._file.getvalue()) if is_bytes else self._path  # type: ignore[attr-defined]
        if source is None:
            raise TypeError("only open readers of a path, or of bytes in memory, can be pickled")
        return _open_again, (source, self._model, self._reader.header.pack())

    def close(self) -> None:
        """Close the file. Nothing can be read afterwards."""
        self._file.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open(file: Path | str | bytes | IO[bytes], *, model: Model = None) -> Reader:
    """Open a compressed file to read parts of it without decoding the rest.

    Args:
        file: a path, the content of a file, or a seekable open file, which is closed with the reader.
        model: name or path of the model that made the file; None to look it up.

    Raises:
        DataError: there is no such file.
        FormatError: the file is damaged or of another version.
        RunError: the model that made it is not installed; the message says how to get it.
    """
    if isinstance(file, bytes | bytearray | memoryview):
        file = io.BytesIO(file)
    if not isinstance(file, str | os.PathLike):
        return Reader(file, model)
    path = Path(os.path.abspath(file))
    opened = open_path(Path(file))
    try:
        with files.naming(str(file)):
            return Reader(opened, model, path)
    except BaseException:
        opened.close()
        raise


def _open_again(source: Path | IO[bytes], model: Model, header: bytes) -> Reader:
    """Reopen a pickled reader. Raises FormatError if the file has been replaced since."""
    reader = open(source, model=model)
    if reader._reader.header.pack() != header:
        reader.close()
        raise FormatError(f"{source} was replaced by another file while it was in use; open it again")
    return reader
