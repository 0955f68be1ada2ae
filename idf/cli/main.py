"""The entry point of the command."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from idf.cli.arguments import parse
from idf.errors import run_main
from idf.workers.memory import keep_freed_memory, spare_linear_algebra
from idf.workers.process import end_prepared, prepare

_BLOCK_BYTES = 1 << 20
"""About as much as a block takes, 16 bits and mono, before it is compressed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; those of the process if None.

    Returns:
        The exit status: 0, 1 (some files failed), 2 (nothing could be begun), 130 (Ctrl-C).
    """
    arguments = parse(sys.argv[1:] if argv is None else argv)

    def work() -> int:
        prepare(_workers_wanted(arguments))  # they load while this process does
        from idf.cli import commands  # deferred: loads NumPy and the coder

        keep_freed_memory()
        if argv is None:
            spare_linear_algebra()
        return commands.run(arguments)

    _end_cleanly_when_told_to()
    try:
        return run_main(work)
    except BrokenPipeError:
        # The reader of our output went away, as head does. Nothing more can be said to it, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        end_prepared()


def _workers_wanted(arguments: argparse.Namespace) -> int:
    """Processes that will surely have something to do: fewer than ``--jobs`` for a few short files."""
    jobs: int = getattr(arguments, "jobs", 1)
    if jobs <= 1 or getattr(arguments, "salvage", False) or getattr(arguments, "blocks", None) is not None:
        return 0
    blocks = 0
    for name in arguments.files:
        path = Path(name)
        blocks += 1 + path.stat().st_size // _BLOCK_BYTES if path.is_file() else jobs if path.is_dir() else 1
    return min(jobs, blocks)


def _end_cleanly_when_told_to() -> None:
    """Let SIGTERM do what Ctrl-C does, so that unfinished files are removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: the caller has its own ways
        return
