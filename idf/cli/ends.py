"""How the command ends: told by a signal, or because nobody takes what it writes."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

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


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, so that unfinished files are removed, once.

    A signal that the caller chose to ignore (``nohup``) stays ignored.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        for each in before:  # a second one must not end the cleaning up
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before = {}
    try:
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    except ValueError:  # not the main thread: the caller has its own ways
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
