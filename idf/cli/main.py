"""The entry point of the command."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import cast

from idf.cli.arguments import parse
from idf.errors import run_main
from idf.memory import keep_freed_memory


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; those of the process if None.

    Returns:
        The exit status: 0, 1 (some files failed), 2 (nothing could be begun), 130 (Ctrl-C).
    """
    arguments = parse(sys.argv[1:] if argv is None else argv)

    def work() -> int:
        from idf.cli import commands  # deferred: loads NumPy and the coder

        keep_freed_memory()
        if argv is None:
            _spare_linear_algebra()
        return commands.run(arguments)

    _end_cleanly_when_told_to()
    try:
        return run_main(work)
    except BrokenPipeError:
        # The reader of our output went away, as head does. Nothing more can be said to it, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _spare_linear_algebra() -> None:
    """Keep numba from loading SciPy's linear algebra, a fifth of a second that nothing here has a use for.

    Only in a process that is nothing but the command, where no other code can want it.
    """
    sys.modules.setdefault("scipy.linalg.cython_blas", cast(ModuleType, None))


def _end_cleanly_when_told_to() -> None:
    """Let SIGTERM do what Ctrl-C does, so that unfinished files are removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: the caller has its own ways
        return
