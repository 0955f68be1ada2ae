"""One process at a time for work whose result is shared, such as building shards or downloading.

Results appear by an atomic rename, so the lock saves double work and is not needed for correctness:
where a file system has no locks, the block simply runs.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from idf.files import output_errors

fcntl: Any = None  # stays so where the system is not POSIX
with contextlib.suppress(ImportError):
    fcntl = importlib.import_module("fcntl")


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` (made if need be, left behind) while the block runs; wait for others.

    The system releases the lock when a process dies, so a stale file never blocks anyone.

    Raises:
        OutputError: the lock file cannot be made.
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
    """Lock a file for this process alone if nobody holds it; False as well where there are no locks."""
    return _flock(file, "LOCK_EX")


def lock_shared(file: IO[bytes]) -> bool:
    """Lock a file together with others; False where one holds it alone."""
    return fcntl is None or _flock(file, "LOCK_SH")


def _flock(file: IO[bytes], kind: str) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, getattr(fcntl, kind) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
