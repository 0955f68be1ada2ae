"""Parts of a compressed file, without decoding the rest."""

from __future__ import annotations

from typing import IO

import numpy as np

from idf.coding.codec import ChunkCodec
from idf.container.index import read_audio_block, read_index
from idf.container.stream import check_model, decode_samples


class RangeReader:
    """Reads any range of samples of a file that can seek; only the blocks it touches are decoded.

    Each block is checked by its CRC; the digest of the whole cannot be. The last block stays decoded,
    so that reading on is not slower than reading at once. Not for several threads at a time.

    Args:
        codec: the model that made the file.
        file: binary, must seek.

    Attributes:
        header: what the file says of itself.
        audio_format: rate, channels and bits.
        samples: in each channel.

    Raises:
        FormatError: the file is damaged, cut off, no file of ours, or made with another model.
    """

    def __init__(self, codec: ChunkCodec, file: IO[bytes]) -> None:
        self._codec, self._file = codec, file
        self._index = read_index(file)
        self.header = self._index.header
        check_model(codec, self.header)
        self.audio_format = self.header.audio_format
        self.samples = self._index.end.samples
        self._kept: tuple[int, np.ndarray] | None = None

    def read(self, start: int, stop: int) -> np.ndarray:
        """The samples ``start`` to ``stop`` (exclusive): int32 (stop - start, channels).

        Raises:
            ValueError: not 0 <= start <= stop <= samples of the file.
            FormatError: a block is damaged; the message names its samples.
        """
        if not 0 <= start <= stop <= self.samples:
            raise ValueError(f"samples {start} to {stop} asked for, the file has {self.samples}")
        samples = np.empty((stop - start, self.audio_format.channels), np.int32)
        size = self.header.chunk_samples
        for number in range(start // size, -(-stop // size) if start < stop else 0):
            block = self._block(number)
            first = number * size
            lo, hi = max(start, first), min(stop, first + len(block))
            samples[lo - start : hi - start] = block[lo - first : hi - first]
        return samples

    def _block(self, number: int) -> np.ndarray:
        if self._kept is None or self._kept[0] != number:
            block = read_audio_block(self._file, self._index, number)
            first = number * self.header.chunk_samples
            self._kept = number, decode_samples(self._codec, self.header, first, block)
        return self._kept[1]
