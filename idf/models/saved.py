"""Parts of saving a model and opening its codec that all families share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from idf.coding.codec import ChunkCodec
from idf.config.plain import read_plain
from idf.config.schema import Config
from idf.errors import ConfigError, RunError
from idf.models.file import ModelFile, read_model_file

C = TypeVar("C", bound=ChunkCodec)


def check_finite(path: Path | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse to export non-finite parameters.

    Raises:
        RunError: an array of parameters is not finite.
    """
    for name, values in arrays.items():
        if not np.all(np.isfinite(values)):
            raise RunError(
                f"cannot export the model to {path}: parameter {name} is not finite; use an earlier checkpoint"
            )


def stored_config(path: Path | str, file: ModelFile) -> Config:
    """Return the settings in a model file, with defaults for the rest.

    Raises:
        RunError: there are no settings of a model, or they are from another version.
    """
    if not isinstance(file.header["config"].get("model"), dict):
        raise RunError(f"{path} does not describe its model; export it again from its run")
    with fitting(path):
        return read_plain(Config, file.header["config"])


@contextlib.contextmanager
def fitting(path: Path | str) -> Iterator[None]:
    """Turn the errors of an inconsistent model file into one that names the file.

    Raises:
        RunError: untrusted settings or arrays raised an error in the block.
    """
    try:
        yield
    except (ConfigError, ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise RunError(f"{path} does not fit this version of idf ({error}); export it again from its run") from error


def load_again(open_codec: Callable[..., C], path: Path, fingerprint: bytes, *arguments: object) -> C:
    """Open a codec in another process; codecs are pickled as a call of this function.

    Args:
        open_codec: the family's function ``(path, file, config, *arguments)``.

    Raises:
        RunError: the file has been replaced.
    """
    file = read_model_file(path)
    codec = open_codec(path, file, stored_config(path, file), *arguments)
    if codec.fingerprint != fingerprint:
        raise RunError(f"{path} was replaced by another model while it was in use; start again")
    return codec
