"""Reading parts of a compressed file without decoding the rest."""

from __future__ import annotations

import io
import os
import threading
from typing import IO, cast

import numpy as np

from idf.coding.codec import ChunkCodec
from idf.container.index import read_audio_block, read_index
from idf.container.stream import check_model, decode_samples


class RangeReader:
    """Reads any range of samples from a seekable file, decoding only the blocks that contain them.

    Each block is checked by its CRC; the digest of the whole file cannot be checked. The last block stays decoded, so
    that reading in small steps is not slower than reading at once. Several threads may read at once, and so may forked
    processes if ``file`` is a file of the operating system.

    Args:
        codec: the model that made the file.
        file: seekable binary file.

    Attributes:
        header: the file's header.
        audio_format: rate, channels and bits.
        samples: samples per channel.

    Raises:
        FormatError: the file is damaged, truncated, not a compressed file, or made with another model.
    """

    def __init__(self, codec: ChunkCodec, file: IO[bytes]) -> None:
        self._codec, self._file = codec, _SharedFile(file)
        self._index = read_index(file)
        self.header = self._index.header
        check_model(codec, self.header)
        self.audio_format = self.header.audio_format
        self.samples = self._index.end.samples
        self._kept: tuple[int, np.ndarray] | None = None

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the samples ``start`` to ``stop`` (exclusive), int32 (stop - start, channels).

        Raises:
            ValueError: not 0 <= start <= stop <= samples of the file.
            FormatError: a block is damaged; the message gives its samples.
        """
        if not 0 <= start <= stop <= self.samples:
            raise ValueError(f"cannot read samples {start} to {stop}: the file has {self.samples}")
        samples = np.empty((stop - start, self.audio_format.channels), np.int32)
        size = self.header.chunk_samples
        for number in range(start // size, -(-stop // size) if start < stop else 0):
            block = self._block(number)
            first = number * size
            lo, hi = max(start, first), min(stop, first + len(block))
            samples[lo - start : hi - start] = block[lo - first : hi - first]
        return samples

    def _block(self, number: int) -> np.ndarray:
        kept = self._kept
        if kept is None or kept[0] != number:
            block = read_audio_block(self._file.cursor(), self._index, number)
            first = number * self.header.chunk_samples
            kept = self._kept = number, decode_samples(self._codec, self.header, first, block)
        return kept[1]


class _SharedFile:
    """A file that several threads and forked processes read at once, each with its own cursor.

    The position of an operating system file is shared even with forked processes, so it is not used.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._lock = file, threading.Lock()
        self._is_plain = isinstance(getattr(file, "raw", file), io.FileIO) and hasattr(os, "pread")

    def cursor(self) -> IO[bytes]:
        """Return a view of the file with its own position, closed with the file."""
        return cast(IO[bytes], _Cursor(self))

    def read_at(self, place: int, size: int) -> bytes:
        """Return up to ``size`` bytes at a position. Raises ValueError if the file is closed."""
        if self._is_plain:
            return os.pread(self._file.fileno(), size, place)
        with self._lock:
            self._file.seek(place)
            return self._file.read(size)


class _Cursor:
    def __init__(self, shared: _SharedFile) -> None:
        self._shared, self._place = shared, 0

    def seek(self, place: int) -> int:
        self._place = place
        return place

    def read(self, size: int) -> bytes:
        data = self._shared.read_at(self._place, size)
        self._place += len(data)
        return data
