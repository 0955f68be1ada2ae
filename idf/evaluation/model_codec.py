"""The trained model as a row of the table: the same container files that ``idf`` compresses users' audio to."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idf.coding import SUFFIX, ChunkCodec, compress_clip, decompress_clip
from idf.evaluation.codecs import ClipFile
from idf.files import atomic_write


@dataclass(frozen=True)
class ModelCodec:
    """A model file (``model.idfm``) as a codec.

    Args:
        model: path of the model file.
        coder: ``rans`` or ``craystack``.
    """

    model: str
    coder: str = "rans"
    suffix: str = SUFFIX

    def prepare(self) -> None:
        """Load the weights."""
        _load(self.model, self.coder)

    def encode(self, clip: ClipFile, target: Path) -> None:
        data = compress_clip(_load(self.model, self.coder), clip.samples, clip.rate_hz)
        with atomic_write(target) as file:
            file.write(data)

    def decode(self, source: Path) -> np.ndarray:
        return decompress_clip(_load(self.model, self.coder), source.read_bytes()).samples


@functools.lru_cache(maxsize=1)
def _load(model: str, coder: str) -> ChunkCodec:
    from idf.coding.window_codec import load_codec

    return load_codec(Path(model), coder)
