"""Processing many files, one by one or several at once. A failing file does not stop the others."""

from __future__ import annotations

import argparse
import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from idf.audio.sources import open_path, open_source
from idf.cli.console import Outcome, Report
from idf.cli.plan import Plan, Task
from idf.container.files import SUFFIX, read_file_header
from idf.container.stream import Size
from idf.errors import UserError, WorkerError
from idf.files import is_stream
from idf.workers.pool import Processes, awaited
from idf.workers.together import CALLS, PATIENCE

Worker = Callable[[Task, int, Processes, Report], Size]
"""Processes one task, with the given number of blocks at once."""


def do_all(what: str, plan: Plan, work: Worker, arguments: argparse.Namespace) -> int:
    """Process all tasks, several at once if possible, and report the results. Returns the exit status."""
    tasks = plan.tasks
    report = Report(
        arguments.quiet,
        arguments.verbose,
        as_json=getattr(arguments, "json", False),
        gives_verdicts=arguments.command == "verify",
    )
    jobs = arguments.jobs
    # one file more than workers, so that no worker idles while a file is opened or renamed
    many = max(min(jobs + 1 if jobs > 1 else CALLS, len(tasks)), 1)
    patience = PATIENCE if many > 1 else 0.0
    started = time.perf_counter()
    for problem in plan.problems:
        report.error(problem)

    def one(number: int, task: Task, processes: Processes) -> Callable[[], None]:
        """Process a task and return a function that reports the result."""
        begun = time.perf_counter()
        if getattr(arguments, "skip_existing", False) and _exists(task.target):
            return partial(report.skipped, task)
        files = min(many, len(tasks) - number)
        # enough blocks at once to keep all workers busy, even when one of these files runs out of blocks
        blocks = min(jobs, -(-2 * jobs // files))
        if jobs == 1 and task.seeks:
            blocks = -(-(CALLS - 1) // files)
        try:
            outcome = _outcome(arguments.command, task, work(task, blocks, processes, report))
        except WorkerError as error:
            return partial(report.failed, task, f"{task.name}: {error}")
        except UserError as error:
            return partial(report.failed, task, str(error))
        except OSError as error:
            return partial(report.failed, task, f"{task.name}: {_reason(error)}")
        return partial(report.done, task, outcome, time.perf_counter() - begun)

    with report.progress(what, lambda: _total_samples(tasks)), Processes(jobs, patience) as processes:
        if many == 1 and not all(map(_is_file_to_file, tasks)):
            # a thread that waits for a pipe could not be stopped
            for number, task in enumerate(tasks):
                one(number, task, processes)()
        else:
            with ThreadPoolExecutor(many) as pool:
                try:
                    telling = [pool.submit(one, number, task, processes) for number, task in enumerate(tasks)]
                    for tell in telling:  # in the order of the files
                        awaited(tell)()
                except BaseException:
                    processes.close()  # otherwise the pool would wait for blocks in progress and those behind them
                    pool.shutdown(cancel_futures=True)
                    raise
    report.summary(time.perf_counter() - started, plan.ignored)
    return 1 if report.totals.failed else 0


def _is_file_to_file(task: Task) -> bool:
    return task.seeks and task.target is not None and not is_stream(task.target)


def _exists(target: Path | None) -> bool:
    return target is not None and os.path.lexists(target) and not is_stream(target)


def _outcome(command: str, task: Task, size: Size) -> Outcome:
    """Return the result of a task, in bytes of the files if there are files."""
    source = task.source.stat().st_size if task.source is not None and task.seeks else None
    if command == "compress":
        return Outcome(size, size.raw_bytes if source is None else source, size.compressed_bytes)
    target = task.target.stat().st_size if task.target is not None and task.target.is_file() else size.raw_bytes
    return Outcome(size, size.compressed_bytes, target)


def _total_samples(tasks: list[Task]) -> int | None:
    """Return the samples in all tasks according to the files' headers; None if one does not state them."""
    total = 0
    for task in tasks:
        try:
            if task.source is None or not task.seeks:
                return None
            if task.source.suffix.lower() == SUFFIX:
                samples = read_file_header(task.source).samples
            else:
                with open_path(task.source) as file:
                    samples = open_source(file, task.name).announced
        except (UserError, OSError):
            continue
        if samples is None:
            return None
        total += samples
    return total


def _reason(error: OSError) -> str:
    if error.errno == errno.EIO:
        return "reading or writing the disk failed (I/O error)"
    return (error.strerror or str(error)).lower()
