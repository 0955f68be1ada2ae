"""Opening what a task reads and writes: files, pipes, devices and the standard streams."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from idf.audio.sources import open_path
from idf.cli.ends import StandardOutput, standard_output_errors
from idf.cli.plan import Task
from idf.container.files import Existing, check_target, copy_stream, copy_to
from idf.errors import OutputError
from idf.files import atomic_write


@contextlib.contextmanager
def task_input(task: Task, *, seek: bool = False) -> Iterator[IO[bytes]]:
    """Open the source. Standard input and FIFOs are copied to a temporary file if they must be seekable."""
    with contextlib.ExitStack() as stack:
        stream: Any = sys.stdin.buffer if task.source is None else stack.enter_context(open_path(task.source))
        # FLAC files must be seekable, and their reader needs a real file
        if task.seeks or not (seek or stream.peek(4)[:4] == b"fLaC"):
            yield stream
            return
        with tempfile.TemporaryFile() as file:
            copy_stream(stream, file.write)
            file.seek(0)
            yield file


@contextlib.contextmanager
def task_output(task: Task, arguments: argparse.Namespace, *, scratch: bool) -> Iterator[IO[bytes]]:
    """Open the target.

    Args:
        task: the task.
        arguments: the command line.
        scratch: whether the output is read back; standard output then gets it when it is complete.
    """
    if task.target is not None:
        check_target(task.source, task.target, existing(arguments))
        with atomic_write(task.target) as file:
            yield file
        return
    if sys.stdout.isatty() and not arguments.force:
        raise OutputError("standard output is a terminal; give a file with -o, or use --force to write binary data")
    if not scratch:
        yield StandardOutput()  # type: ignore[misc]
    else:
        with tempfile.TemporaryFile() as file:
            yield file
            copy_to(file, StandardOutput().write)
    with standard_output_errors():
        sys.stdout.buffer.flush()


def existing(arguments: argparse.Namespace) -> Existing:
    """Return what to do if a target exists."""
    return "replace" if arguments.force else "refuse"
