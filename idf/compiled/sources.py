"""The source files of a loop: its own, and all project files that this imports, directly or indirectly."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
"""The folder that contains ``idf`` and, in a checkout, ``benchmarks`` and ``tests``."""
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)|import[ \t]+([^\n#]+))", re.MULTILINE
)
_BUILD = Path(__file__).with_name("build.py")


def source_files(function: Callable[..., Any]) -> list[Path]:
    """Return the source files of a loop, sorted. Other packages are not included; their versions are part of the key."""
    found: set[Path] = set()
    waiting = [Path(function.__code__.co_filename).resolve(), _BUILD]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported(file)
    return sorted(found)


def version(function: Callable[..., Any]) -> str:
    """Return the SHA-256 of the content of :func:`source_files`, in hexadecimal."""
    return hashlib.sha256(b"".join(map(digest, source_files(function)))).hexdigest()


@functools.cache
def digest(file: Path, root: Path = _ROOT) -> bytes:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(_read(file)).digest()


@functools.cache
def _read(file: Path) -> bytes:
    return file.read_bytes()


@functools.cache
def _imported(file: Path) -> list[Path]:
    found = []
    # only project packages: an installed package has NumPy and numba next to it
    ours = {"idf", file.relative_to(_ROOT).parts[0] if file.is_relative_to(_ROOT) else "idf"}
    for match in _IMPORT.finditer(_read(file).decode()):
        module, names, modules = match.groups()
        if module:
            candidates = [module, *(f"{module}.{name}" for name in re.findall(r"\w+", names))]
        else:
            candidates = re.findall(r"[\w.]+", modules)
        for candidate in candidates:
            if candidate.split(".")[0] in ours:
                found += _files_of(candidate)
    return found


@functools.cache
def _files_of(module: str) -> list[Path]:
    place = _ROOT.joinpath(*module.split("."))
    return [path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()]
