"""Atomic file writes (a reader sees the old content or the new, never a mix), and complete reads from pipes."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from idf.errors import OutputError

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space and run the command again",
    errno.EDQUOT: "your disk quota is used up; free some space and run the command again",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.EACCES: "permission denied; choose a place you may write to",
    errno.EPERM: "permission denied; choose a place you may write to",
    errno.ENOTDIR: "part of the path is a file, not a folder",
    errno.EEXIST: "a file exists where a folder is needed; choose another place",
    errno.EISDIR: "it is a folder; give a file",
    errno.ENAMETOOLONG: "the name is too long for this file system",
}

_CHUNK = 1 << 20
_READ = 1 << 22
_MAX_NAME_BYTES = 200
"""Bytes of the target's name that its temporary file's name repeats, so that 255-byte names can be written."""


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn an :class:`OSError` with a known remedy into an :class:`OutputError` that names ``path``."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        raise OutputError(f"cannot write {path}: {remedy}") from error


def reserve(path: Path) -> None:
    """Allocate disk space for a whole file without changing its content.

    Writing to a sparse file through a memory map kills the process, without an error, if the disk is full.

    Raises:
        OSError: the disk is full.
    """
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            return
        while chunk := file.read(_CHUNK):  # reads zeros from holes
            file.seek(-len(chunk), os.SEEK_CUR)
            file.write(chunk)


def read_fully(file: IO[bytes], size: int) -> bytes:
    """Read ``size`` bytes, fewer only at the end of the file. (A single read from a pipe may return fewer.)

    Memory grows with what the file holds, not with ``size``.
    """
    data = file.read(min(size, _READ))
    if len(data) == size or not data:
        return data
    parts = [data]
    size -= len(data)
    while size and (data := file.read(min(size, _READ))):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


@contextlib.contextmanager
def atomic_write(path: Path | str, *, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at ``path`` only once it is complete.

    The bytes go to a hidden file in the same folder. When the block ends, it is flushed to disk (fsync) and renamed
    to ``path``; if the block raises, it is removed and ``path`` is unchanged. Parent folders are created. A symbolic
    link is kept and its target written. A FIFO or character device is kept too: the bytes go to a temporary file
    first, and to the device when the block ends.

    Args:
        path: the file to write.
        mode: permissions of the file; None for 0666 less the user's umask.

    Raises:
        OutputError: the file cannot be written: the disk is full, the folder is read-only, ``path`` is a block
            device, and so on.
    """
    path = Path(path)
    with output_errors(path):
        if is_stream(path):
            with tempfile.NamedTemporaryFile() as scratch:
                yield scratch
                scratch.seek(0)
                with open(path, "wb") as stream:
                    shutil.copyfileobj(scratch, stream, _CHUNK)
            return
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.name.encode(errors="replace")[:_MAX_NAME_BYTES].decode(errors="ignore")
        # named here rather than by tempfile, so that a signal during creation leaves nothing behind
        part = path.parent / f".{hidden}.{secrets.token_hex(4)}.part"
        try:
            with open(part, "x+b", opener=_private) as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            # a finished output obeys the user's umask
            os.chmod(part, 0o666 & ~_umask() if mode is None else mode)
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
            raise
        sync_folder(path.parent)


def is_stream(path: Path) -> bool:
    """Return whether ``path`` is a FIFO or a character device, which are written to and never replaced.

    Raises:
        OutputError: it is a block device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise OutputError(f"{path} is a {'block device' if stat.S_ISBLK(mode) else 'socket'}; give a file")
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def atomic_write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8 with :func:`atomic_write`."""
    with atomic_write(path) as file:
        file.write(text.encode())


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` durable, if the system can sync folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _private(path: str, flags: int) -> int:
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError as error:  # its folder exists, but some file systems, such as /proc, take no files
        raise OutputError(f"cannot write to {os.path.dirname(path)}: no files can be created there") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
