"""How the command ends early: by a signal, or because its output cannot be written."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from idf.errors import OutputError, Stopped

_REASONS = {
    errno.EPIPE: "its reader has exited",
    errno.ENOSPC: "the disk is full (no space left on device)",
    errno.EDQUOT: "your disk quota is used up",
    errno.EBADF: "it is closed",
    errno.EIO: "the terminal or disk is not available (I/O error)",
}


def say(text: str) -> None:
    """Print a line of results to standard output. Raises OutputError if that is closed or full."""
    with standard_output_errors():
        print(text, flush=True)


@contextlib.contextmanager
def standard_output_errors() -> Iterator[None]:
    """Turn an :class:`OSError` of standard output into an :class:`OutputError`."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise OutputError(f"cannot write to standard output: {reason}") from error


class StandardOutput:
    """Standard output as a binary file."""

    def write(self, data: bytes) -> int:
        """Write bytes. Raises OutputError if standard output is closed or full."""
        with standard_output_errors():
            return sys.stdout.buffer.write(data)


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Replace closed standard streams, and suppress errors when they are flushed at exit.

    Otherwise the next file opened would get the closed descriptor. Writing to a closed standard output is an error,
    like a full disk; a closed standard input is empty.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:  # already reported; the remaining bytes must not fail again at exit
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


_signal: int | None = None
"""The signal that asked the command to end."""


def end_if_signalled() -> None:
    """Raise :class:`Stopped` if a signal has arrived. Called between blocks, in any thread.

    This is needed because an exception from a signal handler is lost inside a destructor or a C callback.
    """
    if _signal is not None:
        raise Stopped(_signal)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, so that unfinished files are removed.

    Inside, :func:`end_if_signalled` reacts to all three. A signal that the caller ignores (``nohup``) stays ignored.
    """
    global _signal

    def stop(number: int, frame: FrameType | None) -> None:
        global _signal
        _signal = number
        for each in before.keys() - {signal.SIGINT}:  # only Ctrl-C may interrupt the cleanup
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before: dict[int, Any] = {}
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, stop)
    except ValueError:  # not the main thread: signals are the caller's business
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _signal = None
