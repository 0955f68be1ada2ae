"""The trained model as a row of the table: the same container files that ``idf`` compresses users' audio to."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idf.audio.wav import WavFormat
from idf.coding.codec import ChunkCodec
from idf.container.arrays import compress_array, decompress_array
from idf.container.files import SUFFIX
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
        samples = clip.samples[:, None] if clip.samples.ndim == 1 else clip.samples
        form = WavFormat(clip.rate_hz, samples.shape[1], 16)
        data = compress_array(_load(self.model, self.coder), samples, form)
        with atomic_write(target) as file:
            file.write(data)

    def decode(self, source: Path) -> np.ndarray:
        samples, form = decompress_array(_load(self.model, self.coder), source.read_bytes())
        return samples[:, 0] if form.channels == 1 else samples


@functools.lru_cache(maxsize=1)
def _load(model: str, coder: str) -> ChunkCodec:
    if coder == "rans":
        from idf.models.registry import load_model

        return load_model(Path(model))
    from idf.models.load import load_codec

    return load_codec(Path(model), coder)
