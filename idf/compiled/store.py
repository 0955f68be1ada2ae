"""The cache of machine code: one file per loop and signature, written atomically and checked when read.

A file name contains a digest of everything that the machine code depends on, so stale or foreign code is never found:
the sources, the kinds of arguments, the versions of Python, NumPy, numba and LLVM, the processor and its instruction
sets, and numba's settings. The folders are, in this order: ``IDF_CACHE``; next to the package, where an installation can
be warmed up for all its users; and the user's cache folder. A folder that cannot be written costs time but is no error.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import __version__ as llvmlite_version

from idf.compiled.arguments import Signature, describe
from idf.compiled.load import processor
from idf.compiled.sources import digest, source_files
from idf.errors import OutputError
from idf.files import atomic_write

_SUFFIX = ".o"
_KEPT_DAYS = 90
"""Machine code unused for this many days is deleted when other code is written."""
_NOT_OF_THE_CODE = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")
"""Settings of numba that do not affect the machine code."""


@dataclass(frozen=True)
class Key:
    """The key of machine code in the cache.

    Attributes:
        name: name of the loop.
        digest: digest of everything that its machine code depends on; None if sources cannot be read, and then
            nothing is cached.
    """

    name: str
    digest: str | None

    @classmethod
    def of(cls, function: Callable[..., Any], signature: Signature) -> Key:
        """Return the key of a loop for arguments of these kinds.

        Raises:
            TypeError: its closure holds something other than plain values.
        """
        name = f"{function.__module__}.{function.__name__}"
        parts = [function.__qualname__.encode(), describe(signature).encode(), _closure(function).encode(), _machine()]
        try:
            parts += [digest(file) for file in source_files(function)]
        except OSError:
            return cls(name, None)
        whole = hashlib.sha256()
        for part in parts:
            whole.update(hashlib.sha256(part).digest())
        return cls(name, whole.hexdigest())


def folders() -> list[Path]:
    """Return the folders to search for machine code. New code is stored in the first writable one."""
    if named := os.environ.get("IDF_CACHE"):
        return [Path(named)]
    found = [Path(__file__).parent / "__pycache__"]
    with contextlib.suppress(RuntimeError):  # there is no home folder
        found.append(_user_folder())
    return found


def kept_in() -> Path | None:
    """Return the folder in which machine code is stored, created if necessary; None if none can be written."""
    for folder in folders():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    return None


def kept(key: Key) -> bytes | None:
    """Return the machine code stored under a key, checked to be intact, or None."""
    if key.digest is None:
        return None
    for folder in folders():
        path = folder / _file_name(key)
        try:
            content = path.read_bytes()
        except OSError:
            continue
        code = content[hashlib.sha256().digest_size :]
        if content.startswith(hashlib.sha256(code).digest()) and code:
            with contextlib.suppress(OSError):
                os.utime(path)
            return code
    return None


def keep(key: Key, code: bytes) -> None:
    """Store machine code, if there is a writable folder."""
    folder = kept_in()
    if folder is None or key.digest is None:
        return
    with contextlib.suppress(OSError, OutputError):  # a full disk, for example, only costs time
        with atomic_write(folder / _file_name(key)) as file:
            file.write(hashlib.sha256(code).digest() + code)
        _forget_old(folder)


def _file_name(key: Key) -> str:
    return f"{key.name}-{(key.digest or '')[:32]}{_SUFFIX}"


def _forget_old(folder: Path) -> None:
    before = time.time() - _KEPT_DAYS * 86400
    for path in folder.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


def _user_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "idf" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "idf"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "idf"


def _closure(function: Callable[..., Any]) -> str:
    values = [cell.cell_contents for cell in function.__closure__ or ()]
    if not all(isinstance(value, str | int | float) for value in values):
        raise TypeError(f"{function.__qualname__} may close over only plain values")
    return repr(values)


@functools.cache
def _machine() -> bytes:
    settings = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name not in _NOT_OF_THE_CODE
    )
    with contextlib.suppress(OSError):
        settings.append(Path(".numba_config.yaml").read_text())
    parts = (sys.implementation.cache_tag, np.__version__, llvmlite_version, _numba_version(), processor(), *settings)
    return "\n".join(map(str, parts)).encode()


def _numba_version() -> str:
    """Return numba's version, read from its files because importing numba takes a third of a second."""
    found = find_spec("numba")
    if found is not None and found.origin:
        with contextlib.suppress(OSError):
            return Path(found.origin).with_name("_version.py").read_text()
    from importlib.metadata import version

    return version("numba")
