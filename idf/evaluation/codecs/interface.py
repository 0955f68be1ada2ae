"""The interface of a codec in the evaluation: it encodes a clip to a file and decodes the file.

Every row of the table, model or baseline, uses this interface and the same two worker processes
(:mod:`idf.evaluation.measure_worker`), so sizes, speeds and memory are measured in the same way.
Codecs are sent to a worker as JSON, so they are frozen dataclasses with plain values as fields.
"""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from idf.errors import UserError


class CodecError(UserError):
    """A codec could not encode or decode a clip. A baseline that raises this is left out of the table."""


@dataclass(frozen=True)
class ClipFile:
    """A clip to encode, as a file and as an array.

    Args:
        wav: a canonical 16-bit WAV file with these samples.
        samples: int32 ``(time,)`` if mono, ``(time, channels)`` otherwise; 16-bit values.
        rate_hz: samples per second.
    """

    wav: Path
    samples: np.ndarray
    rate_hz: int


@runtime_checkable
class FileCodec(Protocol):
    """Encodes a clip to a file and decodes the file; ``decode(encode(clip))`` equals the clip exactly."""

    @property
    def suffix(self) -> str:
        """Extension of the compressed files, with the dot."""

    def prepare(self) -> None:
        """Load libraries or a model. Called once per process and not timed."""

    def encode(self, clip: ClipFile, target: Path) -> None:
        """Write ``clip`` to ``target``, which does not exist yet.

        Raises:
            CodecError: the codec refused or failed.
        """

    def decode(self, source: Path) -> np.ndarray:
        """Return the samples in ``source``: int32, shaped as in :class:`ClipFile`.

        Raises:
            CodecError: the codec refused or failed.
            FormatError: the file is damaged.
        """


@dataclass(frozen=True)
class Entry:
    """A codec to measure: one row of the table.

    Args:
        codec: the row's name in the table, with the codec's settings.
        provider: the program or library that does the work, with its version.
        window: number of samples coded independently of all others; None for whole clips.
        implementation: encodes and decodes.
    """

    codec: str
    provider: str
    window: int | None
    implementation: FileCodec


@dataclass(frozen=True)
class Unavailable:
    """A codec that cannot be measured here, the reason, and what the user can do about it."""

    codec: str
    reason: str
    remedy: str


def to_json(codec: FileCodec) -> dict[str, Any]:
    """Return a description from which :func:`from_json` rebuilds ``codec`` in another process."""
    kind = type(codec)
    module = kind.__module__
    description: Any = codec
    if not dataclasses.is_dataclass(description) or isinstance(description, type):
        raise TypeError(f"{kind.__qualname__} must be a dataclass to be sent to a worker process")
    return {"codec": f"{module}:{kind.__qualname__}", "settings": dataclasses.asdict(description)}


def from_json(description: dict[str, Any]) -> FileCodec:
    """Return the codec that :func:`to_json` described."""
    module, _, name = description["codec"].partition(":")
    codec = getattr(importlib.import_module(module), name)(**description["settings"])
    assert isinstance(codec, FileCodec)
    return codec


def read_decoded_wav(path: Path, program: str) -> np.ndarray:
    """Return the samples that an external decoder wrote: int32, shaped as in :class:`ClipFile`.

    Raises:
        CodecError: the file is missing or cannot be read.
    """
    import soundfile

    try:
        samples, _ = soundfile.read(path, dtype="int16")
    except (soundfile.LibsndfileError, OSError) as error:
        raise CodecError(f"{program} wrote no readable WAV file: {error}") from error
    return np.asarray(samples, np.int32)
