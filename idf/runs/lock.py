"""A lock file that lets only one process write to a run, and that is freed when its owner dies.

On one machine the kernel's file lock decides; it ends with its process, however that dies. Between
machines, whose file systems may not share locks, the owner stored in the file decides.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from idf.errors import RunError
from idf.files import output_errors

fcntl: Any = None  # remains None on Windows, where only the stored owner decides
with contextlib.suppress(ImportError):
    fcntl = importlib.import_module("fcntl")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[str | None]:
    """Hold ``folder/lock`` while the block runs.

    Yields:
        A sentence if the lock was taken over from a dead process, otherwise None.

    Raises:
        RunError: another process is working on this run; the message names it.
    """
    path = folder / "lock"
    with output_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - closed below, after the block
    with file:
        free = _lock(file)
        owner = _owner(file)
        if not free or _is_alive(owner):
            raise RunError(_taken(path, owner))
        taken_over = f"took over the run from process {owner['pid']}, which no longer exists" if owner else None
        _write(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}))
        try:
            yield taken_over
        finally:
            # Emptied instead of removed, because another process may have the same file open.
            with contextlib.suppress(OSError):
                _write(file, "")


def lock_owner(folder: Path) -> str | None:
    """Return the owner of ``folder/lock``, such as ``"process 4711 on host"``, or None.

    The owner is read from the file: acquiring the lock to test it could block a run that is starting.
    """
    try:
        with open(folder / "lock", encoding="utf-8") as file:
            owner = _owner(file)
    except (OSError, UnicodeDecodeError):
        return None
    pid, host = owner.get("pid"), owner.get("host")
    if not isinstance(pid, int) or (host == socket.gethostname() and not _process_exists(pid)):
        return None
    return f"process {pid} on {host}"


def _lock(file: IO[str]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _owner(file: IO[str]) -> dict[str, Any]:
    file.seek(0)
    try:
        owner = json.loads(file.read() or "{}")
    except json.JSONDecodeError:  # killed while writing it, so not alive
        return {}
    return owner if isinstance(owner, dict) and {"pid", "host"} <= owner.keys() else {}


def _is_alive(owner: dict[str, Any]) -> bool:
    """Return whether the owner may be alive although the kernel's lock is free."""
    if not owner:
        return False
    if owner["host"] != socket.gethostname():
        return True
    if fcntl is not None:
        return False
    return _process_exists(int(owner["pid"]))


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return os.name != "nt"  # another user's process; Windows reports the same for processes that are gone
    return True


def _taken(path: Path, owner: dict[str, Any]) -> str:
    if not owner:
        return f"another process is working on the run {path.parent}; wait for it or stop it"
    who = f"process {owner['pid']} on {owner['host']}"
    message = f"{who} is working on the run {path.parent}; wait for it or stop it"
    if owner["host"] != socket.gethostname():
        message += f", or, if it no longer exists, remove {path} and start again"
    return message


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
