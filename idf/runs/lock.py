"""One process writes one run: a lock file that names its owner and that a dead owner gives back.

The kernel's file lock decides on one machine (it ends with its process, however that dies). Between
machines, whose file systems may not share locks, the owner written inside decides.
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

fcntl: Any = None  # stays so on Windows, where the owner inside the file decides alone
with contextlib.suppress(ImportError):
    fcntl = importlib.import_module("fcntl")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[str | None]:
    """Hold ``folder/lock`` while the block runs.

    Yields:
        A sentence when the lock of a process that has died was taken over, else None.

    Raises:
        RunError: another process works on this run; the message names it.
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
        taken_over = f"took over the run from process {owner['pid']}, which is gone" if owner else None
        _write(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}))
        try:
            yield taken_over
        finally:
            # Emptied, not removed: another process may hold the same file open and wait for it.
            with contextlib.suppress(OSError):
                _write(file, "")


def lock_owner(folder: Path) -> str | None:
    """Who holds ``folder/lock``, e.g. ``"process 4711 on host"``; None when nobody does.

    Reads the owner's name instead of trying the lock, which could get in the way of a run that starts.
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
    except json.JSONDecodeError:  # Killed while writing it: then it is not alive.
        return {}
    return owner if isinstance(owner, dict) and {"pid", "host"} <= owner.keys() else {}


def _is_alive(owner: dict[str, Any]) -> bool:
    """Whether the owner may be alive although the kernel's lock is free."""
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
        return os.name != "nt"  # it belongs to somebody else; Windows says so of those that are gone
    return True


def _taken(path: Path, owner: dict[str, Any]) -> str:
    if not owner:
        return f"another process works on the run {path.parent}"
    who = f"process {owner['pid']} on {owner['host']}"
    message = f"{who} works on the run {path.parent}"
    if owner["host"] != socket.gethostname():
        message += f"; if it is gone, remove {path} and start again"
    return message


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
