"""Parts of a compressed file for programs, by index, from threads and processes."""

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
"""A model by name or path; None for the default, or for the one that made the file."""


class Reader:
    """A compressed file of which parts can be read; made by :func:`open`.

    Indices work as for arrays: ``reader[-1]``, ``reader[::100]``, ``reader[5:9, 0]``, ``reader[...]``. Readers may
    be used by several threads and after a fork, and those of a path or of bytes in memory can be pickled.

    Attributes:
        rate_hz: samples a second.
        channels: 1 to 8.
        sample_bits: 8, 16, 24 or 32.
        samples: in each channel.
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
        """The samples ``start`` to ``stop`` (exclusive) as :func:`idf.api.decompress` gives them.

        Only the blocks that they lie in are decoded.

        Raises:
            ValueError: not 0 <= start <= stop <= samples, or the reader is closed.
            FormatError: a block is damaged; names its samples.
        """
        if self._file.closed:
            raise ValueError("the reader is closed")
        return from_integers(self._reader.read(start, stop), self._reader.header)

    def __getitem__(self, part: Any) -> np.ndarray:
        """A part, with the rules of arrays.

        Raises:
            IndexError: beyond the samples.
            TypeError: an index that is neither a whole number, a slice, ``...`` nor a tuple of them.
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
            raise TypeError(f"a reader takes whole numbers, slices and ..., not {type(first).__name__}")
        place = range(self.samples)[first]  # IndexError beyond the samples
        sample: np.ndarray = self.read(place, place + 1)[(0, *rest)]
        return sample

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All samples. Raises ValueError for ``copy=False``: they have to be decoded."""
        if copy is False:
            raise ValueError("the samples have to be decoded, which makes a copy")
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
        """Close the file; nothing can be read any more."""
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
    """A reader in another process. Raises FormatError where the file is another one by now."""
    reader = open(source, model=model)
    if reader._reader.header.pack() != header:
        reader.close()
        raise FormatError(f"{source} was replaced by another file while it was in use; open it again")
    return reader
