"""How the command ends: told by a signal, or because nobody takes what it writes."""

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
    errno.EPIPE: "its reader is gone",
    errno.ENOSPC: "the disk is full (no space left on device)",
    errno.EDQUOT: "your disk quota is used up",
    errno.EBADF: "it is closed",
    errno.EIO: "the terminal or disk is gone (I/O error)",
}


def say(text: str) -> None:
    """Print a line of results to standard output. Raises OutputError where that is closed or full."""
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
    """Standard output for bytes."""

    def write(self, data: bytes) -> int:
        """Raises OutputError where it is closed or full."""
        with standard_output_errors():
            return sys.stdout.buffer.write(data)


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Have the three standard streams, whatever the caller closed, and let nothing be said at exit.

    A closed descriptor would be given to the next file that is opened. What is written to a closed
    standard output is an error like a full disk; a closed standard input is empty.
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
            except OSError:  # told already; what is left must not fail again when Python ends
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


_told: int | None = None
"""The signal that told the command to end."""


def end_if_told() -> None:
    """Raise :class:`Stopped` where a signal came. For between two blocks, in any thread.

    What a signal's handler raises is lost where it comes in the middle of a destructor or of a callback of C code.
    """
    if _told is not None:
        raise Stopped(_told)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, so that unfinished files are removed, once.

    Inside, :func:`end_if_told` knows of all three. A signal that the caller chose to ignore (``nohup``) stays ignored.
    """
    global _told

    def stop(number: int, frame: FrameType | None) -> None:
        global _told
        _told = number
        for each in before.keys() - {signal.SIGINT}:  # a second one must not end the cleaning up, but for Ctrl-C
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before: dict[int, Any] = {}
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, stop)
    except ValueError:  # not the main thread: the caller has its own ways
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _told = None
