"""What a codec is to the evaluation: something that makes a file from a clip and a clip from the file.

Every row of the table, ours or a baseline, goes through this interface and through the same two worker
processes (:mod:`idf.evaluation.measure_worker`), so sizes, speeds and memory are measured in one way.
Codecs cross to a worker as JSON, therefore they are frozen dataclasses whose fields are plain values.
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
    """A codec could not encode or decode a clip. For a baseline this makes a row that is not made."""


@dataclass(frozen=True)
class ClipFile:
    """A clip to encode, in both forms that codecs take.

    Args:
        wav: a canonical 16-bit WAV file with these samples.
        samples: int32 ``(time,)`` if mono, ``(time, channels)`` otherwise; 16-bit values.
        rate_hz: samples a second.
    """

    wav: Path
    samples: np.ndarray
    rate_hz: int


@runtime_checkable
class FileCodec(Protocol):
    """Encode a clip to a file, decode it again. ``decode(encode(clip))`` is the clip, exactly."""

    @property
    def suffix(self) -> str:
        """The file's extension, with the dot."""

    def prepare(self) -> None:
        """Load what is needed (libraries, a model). Called once in a process and never timed."""

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
    """One row to make.

    Args:
        codec: the row's name in the table, with the codec's settings.
        provider: the program or library that does the work, with its version.
        window: samples that are coded independently of all others; None for whole clips.
        implementation: encodes and decodes.
    """

    codec: str
    provider: str
    window: int | None
    implementation: FileCodec


@dataclass(frozen=True)
class Unavailable:
    """A row that cannot be made here, why, and what the user can do about it."""

    codec: str
    reason: str
    remedy: str


def to_json(codec: FileCodec) -> dict[str, Any]:
    """Describe ``codec`` so that :func:`from_json` makes it again in another process."""
    kind = type(codec)
    module = kind.__module__
    description: Any = codec
    if not dataclasses.is_dataclass(description) or isinstance(description, type):
        raise TypeError(f"{kind.__qualname__} must be a dataclass to cross to a worker process")
    return {"codec": f"{module}:{kind.__qualname__}", "settings": dataclasses.asdict(description)}


def from_json(description: dict[str, Any]) -> FileCodec:
    """Make the codec that :func:`to_json` described."""
    module, _, name = description["codec"].partition(":")
    codec = getattr(importlib.import_module(module), name)(**description["settings"])
    assert isinstance(codec, FileCodec)
    return codec


def read_decoded_wav(path: Path, program: str) -> np.ndarray:
    """Read what an external decoder wrote: int32, shaped as in :class:`ClipFile`.

    Raises:
        CodecError: the file is missing or cannot be read.
    """
    import soundfile

    try:
        samples, _ = soundfile.read(path, dtype="int16")
    except (soundfile.LibsndfileError, OSError) as error:
        raise CodecError(f"{program} wrote no readable WAV file: {error}") from error
    return np.asarray(samples, np.int32)
