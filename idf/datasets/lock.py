"""Locks for work whose result processes share, such as building shards or downloading.

Results appear by an atomic rename, so a lock only avoids duplicate work. On file systems without locks, the work is
simply done.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from idf.files import output_errors

fcntl: Any = None  # remains None on systems other than POSIX
with contextlib.suppress(ImportError):
    fcntl = importlib.import_module("fcntl")


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the lock file ``path`` and hold it while the block runs; create it if needed and leave it.

    The system releases the lock when a process dies, so a stale file never blocks another process.

    Raises:
        OutputError: the lock file cannot be created.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(path, "ab")  # noqa: SIM115 - closed below, after the caller's block
    with handle:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def try_lock(file: IO[bytes]) -> bool:
    """Lock a file exclusively without waiting; return False if it is locked or there are no locks."""
    return _flock(file, "LOCK_EX")


def lock_shared(file: IO[bytes]) -> bool:
    """Lock a file shared without waiting; return False if a process holds it exclusively."""
    return fcntl is None or _flock(file, "LOCK_SH")


def _flock(file: IO[bytes], kind: str) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, getattr(fcntl, kind) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
