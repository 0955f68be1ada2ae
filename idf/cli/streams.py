"""What a task reads from and writes to: files, pipes, devices and the standard streams."""

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
    """The source to read from. Standard input and FIFOs are kept in a temporary file where they must seek."""
    with contextlib.ExitStack() as stack:
        stream: Any = sys.stdin.buffer if task.source is None else stack.enter_context(open_path(task.source))
        # a FLAC must seek; its reader needs a real file
        if task.seeks or not (seek or stream.peek(4)[:4] == b"fLaC"):
            yield stream
            return
        with tempfile.TemporaryFile() as file:
            copy_stream(stream, file.write)
            file.seek(0)
            yield file


@contextlib.contextmanager
def task_output(task: Task, arguments: argparse.Namespace, *, scratch: bool) -> Iterator[IO[bytes]]:
    """Where to write to.

    Args:
        scratch: what is written must be readable again: standard output gets it when it is whole.
    """
    if task.target is not None:
        check_target(task.source, task.target, existing(arguments))
        with atomic_write(task.target) as file:
            yield file
        return
    if sys.stdout.isatty() and not arguments.force:
        raise OutputError("binary data is not written to a terminal; name a file with -o, or use --force")
    if not scratch:
        yield StandardOutput()  # type: ignore[misc]
    else:
        with tempfile.TemporaryFile() as file:
            yield file
            copy_to(file, StandardOutput().write)
    with standard_output_errors():
        sys.stdout.buffer.flush()


def existing(arguments: argparse.Namespace) -> Existing:
    """What to do where a target exists."""
    return "replace" if arguments.force else "refuse"
