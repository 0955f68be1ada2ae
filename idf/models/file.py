"""Model files: a zip of integer arrays and a JSON header, without executable content.

Model files are exchanged between strangers, so their content is not trusted: pickles are never loaded,
sizes are checked before anything is allocated, and a digest of the content identifies the model. Each
family's ``codec`` module defines the meaning of the arrays.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from idf.coding.tables import TABLES_DIGEST
from idf.errors import RunError
from idf.files import atomic_write

MODEL_FORMAT = 1
"""Version of the file and of the exact arithmetic, increased whenever a change to either affects decoding."""
MAX_BYTES = 1 << 30
"""Limit of the arrays' total size. The largest configuration, the original's 79 million weights, takes 0.3 GiB."""
MAX_HEADER_BYTES = 1 << 20
MAX_ARRAYS = 10_000

_HEADER = "header"
_NPY_HEADER_LIMIT = 4096
_DTYPES = (np.dtype("<i4"), np.dtype("u1"))
_MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class ModelFile:
    """The uninterpreted contents of a model file.

    Attributes:
        header: ``format``, ``config``, ``base_index``, ``provenance``.
        arrays: int32, by name.
        fingerprint: hash of everything that affects decoding and nothing else, 16 bytes.
    """

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    fingerprint: bytes


def read_model_file(path: Path | str) -> ModelFile:
    """Read and check a model file.

    Raises:
        RunError: the file is missing, damaged, from another version, too large, or not a model file.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"there is no model file {path}; train a model first, or give the folder of a finished run")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            arrays = _read_arrays(archive)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        version = int(header["format"])
        fields = (header["config"], header["provenance"], int(header["base_index"]))
        if not isinstance(fields[0], dict) or not isinstance(fields[1], dict):
            raise ValueError("its header is invalid")
    except (
        *(OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, RuntimeError, RecursionError),
        *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error),
    ) as error:
        raise RunError(
            f"{path} is damaged or not a model file of idf ({error}); export it again from its run"
        ) from error
    if version != MODEL_FORMAT:
        raise RunError(f"{path} has model format {version}; this version of idf reads format {MODEL_FORMAT}")
    return ModelFile(header, arrays, fingerprint(header, arrays))


def write_model_file(
    path: Path | str,
    config: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    provenance: Mapping[str, Any],
    *,
    base_index: int = 0,
) -> None:
    """Write a model file for :func:`read_model_file`.

    Args:
        config: only the settings that determine what the model computes, because they are part of the fingerprint.
        arrays: int32, by name.
        provenance: strings and numbers to store with the model, for information.
        base_index: sharpness of a window flow's last block in the coder's scale units; 0 if it is learned.

    Raises:
        OutputError: the file cannot be written.
    """
    header = {"format": MODEL_FORMAT, "config": config, "base_index": base_index, "provenance": dict(provenance)}
    packed = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez_compressed(file, **{_HEADER: packed}, **arrays)  # type: ignore[arg-type]


def fingerprint(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a hash of everything that affects decoding and nothing else, 16 bytes."""
    digest = hashlib.sha256(f"{MODEL_FORMAT} {TABLES_DIGEST} {header['base_index']} ".encode())
    digest.update(json.dumps(header["config"], sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].shape} ".encode())
        digest.update(np.ascontiguousarray(arrays[name], "<i4").tobytes())
    return digest.digest()[:16]


def _read_arrays(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    members = archive.infolist()
    if len(members) > MAX_ARRAYS or sum(member.file_size for member in members) > MAX_BYTES:
        raise ValueError("it claims to be larger than any model")
    arrays: dict[str, np.ndarray] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name in arrays or (name == _HEADER and member.file_size > MAX_HEADER_BYTES):
            raise ValueError(f"its part {name} is duplicate or too large")
        with archive.open(member) as file:
            arrays[name] = _read_array(file, member.file_size, name)
    return arrays


def _read_array(file: IO[bytes], size: int, name: str) -> np.ndarray:
    """Return an array in NumPy's format, after checking its header against the size of its zip member."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"its array {name} has version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=_NPY_HEADER_LIMIT)
    body = size - file.tell()
    if dtype not in _DTYPES or len(shape) > _MAX_DIMENSIONS or min(shape, default=0) < 0:
        raise ValueError(f"its array {name} is {dtype} {shape}")
    if fortran or math.prod(shape) * dtype.itemsize != body:
        raise ValueError(f"its array {name} does not have the size in its header")
    return np.frombuffer(file.read(body), dtype).reshape(shape)
