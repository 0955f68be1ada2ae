"""The trained model as a row of the table, with the same container files as the ``idf`` command."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idf.audio.format import AudioFormat
from idf.coding.codec import ChunkCodec
from idf.container.arrays import compress_array, decompress_array
from idf.container.files import SUFFIX
from idf.errors import RunError
from idf.evaluation.codecs.interface import ClipFile, Entry
from idf.evaluation.codecs.programs import Command
from idf.files import atomic_write
from idf.models import registry


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
        audio_format = AudioFormat(clip.rate_hz, samples.shape[1], 16)
        data = compress_array(_load(self.model, self.coder), samples, audio_format)
        with atomic_write(target) as file:
            file.write(data)

    def decode(self, source: Path) -> np.ndarray:
        samples, audio_format = decompress_array(_load(self.model, self.coder), source.read_bytes())
        return samples[:, 0] if audio_format.channels == 1 else samples


@functools.lru_cache(maxsize=1)
def _load(model: str, coder: str) -> ChunkCodec:
    if coder == "rans":
        from idf.models.registry import load_model

        return load_model(Path(model))
    from idf.models.load import load_codec

    return load_codec(Path(model), coder)


# -P: a folder named idf in the current folder must not shadow the package.
_IDF = (sys.executable, "-P", "-m", "idf")


def installed_models() -> list[str]:
    """Return the names of the available models, shipped ones first."""
    return list(dict.fromkeys(path.stem for path in registry.model_paths()))


def command_entry(model: str) -> Entry:
    """Return the ``idf`` command with a model, as an entry. Times include its start but no verification."""
    encode = (*_IDF, "compress", "--quiet", "--force", "--no-verify", "--model", model)
    decode = (*_IDF, "decompress", "--quiet", "--force")
    files = ("{source}", "--output", "{target}")
    return Entry(f"idf {model}", "idf command", None, Command((*encode, *files), (*decode, *files), SUFFIX))


def library_entry(model: str) -> Entry:
    """Return the same model within one process, loaded before the clock starts, as in long files and batches.

    Raises:
        RunError: there is no such model.
    """
    path = registry.find_model(model)
    return Entry(f"idf {model}", "idf package", None, ModelCodec(str(path.resolve())))


def check_models(models: list[str]) -> None:
    """Check, before anything is measured, that all ``models`` exist.

    Raises:
        RunError: a model does not exist; the message names the first such model.
    """
    known = installed_models()
    for model in models:
        if model not in known:
            raise RunError(f"there is no model {model}; available: {', '.join(known) or 'none'} (see `idf models`)")
