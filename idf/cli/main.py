"""The entry point of the command ``idf``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from idf.cli.arguments import parse
from idf.cli.ends import ended_by_signals, standard_streams
from idf.errors import run_main
from idf.workers.memory import keep_freed_memory, spare_linear_algebra
from idf.workers.process import end_prepared, prepare

_BLOCK_BYTES = 1 << 20
"""Approximate size of an uncompressed block, 16-bit mono."""
_BYTES_PER_SECOND = 44_100 * 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; None for those of the process.

    Returns:
        The exit status: 0, 1 (some files failed), 2 (invalid arguments, or nothing could be started), 130 (Ctrl-C),
        143 (SIGTERM), 129 (SIGHUP).
    """

    def work() -> int:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        prepare(_workers_wanted(arguments))  # they load in parallel with this process
        keep_freed_memory()
        if argv is None:
            spare_linear_algebra()
        return _run(arguments)

    with standard_streams(), ended_by_signals():
        try:
            return run_main(work)
        finally:
            end_prepared()


def _run(arguments: argparse.Namespace) -> int:
    """Run the chosen command. Imports are deferred, so each command loads only what it needs."""
    match arguments.command:
        case "info":
            from idf.cli.info import info as run
        case "models":
            from idf.cli.models import models as run
        case "warm-up":
            from idf.cli.ready import warm_up as run
        case _:
            from idf.cli.commands import run
    return run(arguments)


def _workers_wanted(arguments: argparse.Namespace) -> int:
    """Return how many processes are sure to have work: fewer than ``--jobs`` for a few short files."""
    jobs: int = getattr(arguments, "jobs", 1)
    if jobs <= 1 or getattr(arguments, "salvage", False) or getattr(arguments, "blocks", None) is not None:
        return 0
    block_bytes = _BLOCK_BYTES
    if getattr(arguments, "block", None) is not None:
        block_bytes = max(min(int(arguments.block * _BYTES_PER_SECOND), block_bytes), 1)
    blocks = 0
    for name in arguments.files:
        path = Path(name)
        blocks += 1 + path.stat().st_size // block_bytes if path.is_file() else jobs if path.is_dir() else 1
    return min(jobs, blocks)
