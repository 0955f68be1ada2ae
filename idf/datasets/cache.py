"""A cache of limited size for data derived from training clips. Each entry is a folder.

Entries are built under a lock, so that other processes wait for the same entry, and appear by an atomic rename.
A process locks the entries it uses; the system releases the locks when the process ends, however it dies.
:func:`trim` removes entries that are not locked, least recently used first. On file systems without locks, nothing
is removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from idf.datasets.lock import exclusive, lock_shared, try_lock
from idf.errors import OutputError
from idf.files import output_errors, sync_folder
from idf.text import size as size_text

_USED = "used"
"""File in each entry that is locked while the entry is in use; its modification time is that of the last use."""
_held: dict[Path, IO[bytes]] = {}

Found = TypeVar("Found")


@dataclass(frozen=True)
class Entry:
    """One folder of the cache."""

    folder: Path
    bytes: int
    last_used: float
    """Seconds since 1970."""


def cached(folder: Path, open_entry: Callable[[Path], Found | None], build: Callable[[Path], None]) -> Found:
    """Return the entry ``folder`` and hold it until this process ends; build it if it is missing or damaged.

    Args:
        open_entry: returns the contents of a folder, or None if it is missing, damaged or of another format.
        build: writes an entry into an empty folder.

    Raises:
        OutputError: the cache cannot be written, or the disk is full.
    """
    found = open_entry(folder)
    if found is not None and _hold(folder):
        return found
    with exclusive(folder.parent / f".{folder.name}.lock"):
        if open_entry(folder) is None:  # otherwise another process has built it meanwhile
            _build(folder, open_entry, build)
        with contextlib.suppress(OSError):
            (folder / _USED).touch()
        _hold(folder)
        found = open_entry(folder)
    if found is None:
        raise OutputError(f"{folder}: cannot read back what was just written; check the disk")
    return found


def _build(folder: Path, open_entry: Callable[[Path], object | None], build: Callable[[Path], None]) -> None:
    with output_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        build(scratch)
        with output_errors(folder):
            os.chmod(scratch, 0o755)  # mkdtemp makes private folders, but a cache may be shared
            os.rename(scratch, folder)
            sync_folder(folder.parent)
    except (OSError, OutputError):
        # Without locks, another process may have been first; its result is equally valid.
        if open_entry(folder) is None:
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _hold(folder: Path) -> bool:
    """Keep an entry from being removed while this process lives; return False if it is just being removed."""
    path = folder / _USED
    try:
        file = open(path, "rb")  # noqa: SIM115 - kept open on purpose
    except OSError:
        return False
    if not lock_shared(file):
        file.close()
        return False
    with contextlib.suppress(OSError):  # the cache may be another user's, read-only
        os.utime(path)
    if folder in _held:  # the entry may have been rebuilt, so the new lock replaces the old one
        _held[folder].close()
    _held[folder] = file
    return True


def entries(cache: Path) -> list[Entry]:
    """Return the entries of a cache, least recently used first; none if there is no cache."""
    found = []
    for folder in cache.iterdir() if cache.is_dir() else ():
        with contextlib.suppress(OSError):  # removed meanwhile
            if folder.is_dir() and not folder.name.startswith("."):
                size = sum(file.stat().st_size for file in folder.iterdir())
                used = folder / _USED
                found.append(Entry(folder, size, (used if used.exists() else folder).stat().st_mtime))
    return sorted(found, key=lambda entry: entry.last_used)


def trim(cache: Path, limit_bytes: float) -> list[str]:
    """Remove the leftovers of crashed builds, and the least recently used entries until the cache is within its limit.

    Returns:
        A sentence for each entry removed, and one if the entries in use exceed the limit.
    """
    sentences = []
    for scratch in cache.glob(".*.*/"):
        with _unused(cache / f".{scratch.name.split('.')[1]}.lock") as free:
            if free:
                shutil.rmtree(scratch, ignore_errors=True)
    found = entries(cache)
    total = sum(entry.bytes for entry in found)
    for entry in found:
        if total <= limit_bytes:
            break
        with (
            _unused(cache / f".{entry.folder.name}.lock") as no_builder,
            _unused(entry.folder / _USED) as no_user,
        ):
            if no_builder and no_user:
                shutil.rmtree(entry.folder, ignore_errors=True)
                total -= entry.bytes
                sentences.append(
                    f"removed {entry.folder} ({size_text(entry.bytes)}) to keep the cache within data.cache_gb"
                )
    if total > limit_bytes:
        sentences.append(f"{cache} takes {size_text(total)}, more than data.cache_gb, but all of it is in use")
    return sentences


@contextlib.contextmanager
def _unused(path: Path) -> Iterator[bool]:
    """Try to hold the lock of a file; yield whether this succeeded."""
    try:
        file = open(path, "ab")  # noqa: SIM115 - closed below
    except OSError:
        yield False
        return
    with file:
        yield try_lock(file)
