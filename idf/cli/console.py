"""The command's output during and after processing. Everything but results goes to standard error."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from idf.cli.ends import end_if_signalled, say
from idf.cli.plan import Task, names
from idf.container.stream import Size
from idf.text import printable

HEADINGS = ("file", "audio", "compressed", "bits/sample", "ratio", "× real time")
NAME_WIDTH = 60
MAX_ROWS = 40
"""Most rows in the final table. With more files it shows only the total, unless ``--verbose`` is given."""


@dataclass(frozen=True)
class Outcome:
    """The result of processing a file.

    Attributes:
        size: length, format and compressed size.
        before: bytes of the source file, or of its content if it is a stream.
        after: bytes of the target, likewise.
    """

    size: Size
    before: int
    after: int


@dataclass
class Totals:
    """Sums over files."""

    files: int = 0
    failed: int = 0
    skipped: int = 0
    samples: int = 0
    raw_bytes: int = 0
    compressed_bytes: int = 0
    sound_seconds: float = 0.0
    before: int = 0
    after: int = 0

    def add(self, outcome: Outcome) -> None:
        """Add one file."""
        size = outcome.size
        self.files += 1
        self.samples += size.samples * size.audio_format.channels
        self.raw_bytes += size.raw_bytes
        self.compressed_bytes += size.compressed_bytes
        self.sound_seconds += size.seconds
        self.before += outcome.before
        self.after += outcome.after


@dataclass
class Report:
    """Messages, errors, a progress bar and a final table. Threads may share it.

    Args:
        quiet: show only errors.
        verbose: print a line for each finished file, and a table row for each, however many there are.
        as_json: print a JSON object for each file on standard output, instead of the table.
        gives_verdicts: print OK or what is wrong for each file on standard output, instead of the table.
    """

    quiet: bool
    verbose: bool
    as_json: bool = False
    gives_verdicts: bool = False
    totals: Totals = field(default_factory=Totals)
    _rows: list[tuple[str, ...]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bar: Any = None
    _task: Any = None

    def error(self, text: str) -> None:
        """Report and count a failure."""
        with self._lock:
            self.totals.failed += 1
        self._say(f"error: {printable(text)}")

    def warning(self, text: str) -> None:
        """Report a warning, even with ``quiet``."""
        self._say(f"warning: {printable(text)}")

    def note(self, text: str) -> None:
        """Report information, unless ``quiet``."""
        if not self.quiet:
            self._say(printable(text))

    def failed(self, task: Task, text: str) -> None:
        """Report a file that failed."""
        self._result(task, "failed", error=text)
        if self.gives_verdicts and not self.as_json and not self.quiet:
            with self._lock:
                self.totals.failed += 1
            self._put(printable(text))
        else:
            self.error(text)

    def skipped(self, task: Task) -> None:
        """Report a file that was skipped because its target exists."""
        with self._lock:
            self.totals.skipped += 1
        self._result(task, "skipped")
        if self.verbose and not self.quiet:
            self._say(f"{printable(task.name)}: skipped, {printable(str(task.target))} exists")

    def done(self, task: Task, outcome: Outcome, seconds: float) -> None:
        """Report a finished file."""
        size, name = outcome.size, printable(task.name)
        with self._lock:
            self.totals.add(outcome)
            values = size.samples * size.audio_format.channels
            self._rows.append((shortened(name), *columns(values, size, seconds)))
        facts: dict[str, Any] = {"bytes_before": outcome.before, "bytes_after": outcome.after, "samples": size.samples}
        about = size.audio_format
        facts |= {"channels": about.channels, "bits": about.sample_bits, "rate_hz": about.rate_hz}
        facts |= {"note": size.note} if size.note else {}
        self._result(task, "done", seconds=round(seconds, 3), **facts)
        if size.note:
            self.note(f"{task.name}: {size.note}")
        if self.gives_verdicts and not self.as_json and not self.quiet:
            self._put(f"{name}: OK")
        elif self.verbose and not self.quiet:
            self._say(f"{name}: done in {seconds:.1f} s")

    def advance(self, samples: int) -> None:
        """Advance the progress bar by ``samples``. Raises :class:`idf.errors.Stopped` if a signal has arrived."""
        end_if_signalled()
        if self._bar is not None:
            self._bar.advance(self._task, samples)

    def summary(self, seconds: float, ignored: Sequence[str]) -> None:
        """Print the final table (a row for each file, unless there are many, and a total) and a line of counts."""
        totals = self.totals
        if self.quiet:
            return
        if totals.files and not self.as_json and not self.gives_verdicts:
            rows = sorted(self._rows) if len(self._rows) <= MAX_ROWS or self.verbose else []
            if len(self._rows) > 1:
                rows.append((f"{totals.files} files", *columns(totals.samples, totals, seconds)))
            self._say("\n".join(table([HEADINGS, *rows])))
        if totals.files + totals.failed + totals.skipped > 1 or totals.skipped or ignored:
            self._say(
                f"{totals.files} done, {totals.skipped} skipped, {totals.failed} failed; "
                f"{amount(totals.before)} before, {amount(totals.after)} after{self._ignored(ignored)}"
            )

    def _ignored(self, paths: Sequence[str]) -> str:
        if not paths:
            return ""
        shown = names([printable(path) for path in paths], len(paths) if self.verbose else 6)
        return f"; {len(paths)} ignored: {shown}"

    def _result(self, task: Task, status: str, **facts: Any) -> None:
        """Print one JSON object for a file, if asked for."""
        if self.as_json:
            target = None if task.target is None else str(task.target)
            self._put(json.dumps({"file": task.name, "target": target, "status": status, **facts}))

    def _put(self, text: str) -> None:
        """Print a line on standard output."""
        with self._lock:
            say(text)

    @contextlib.contextmanager
    def progress(self, what: str, total: Callable[[], int | None]) -> Iterator[None]:
        """Show a progress bar while the block runs, if standard error is a terminal.

        Args:
            what: description beside the bar.
            total: returns the number of samples to process, or None if unknown. Called only if a bar is shown.
        """
        if not self._is_watched():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        ) as self._bar:
            self._task = self._bar.add_task(what, total=total())
            yield
            self._bar = None

    def _is_watched(self) -> bool:
        return not self.quiet and sys.stderr.isatty()

    def _say(self, text: str) -> None:
        with self._lock:
            if self._bar is not None:
                self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
                return
            with contextlib.suppress(OSError):  # standard error may be closed
                print(text, file=sys.stderr)


def columns(samples: int, size: Size | Totals, seconds: float) -> tuple[str, ...]:
    """Return the table columns: bytes before and after, bits per sample, compression ratio and speed.

    Args:
        samples: number of samples in all channels together.
        size: sizes of one file or of all.
        seconds: processing time.
    """
    sound = size.seconds if isinstance(size, Size) else size.sound_seconds
    return (
        amount(size.raw_bytes),
        amount(size.compressed_bytes),
        f"{8 * size.compressed_bytes / samples:.3f}" if samples else "-",
        f"{size.raw_bytes / size.compressed_bytes:.3f}",
        f"{sound / seconds:.1f}" if seconds > 0 else "-",
    )


def shortened(name: str) -> str:
    """Return a name, without its beginning if it is too long for the table."""
    return name if len(name) <= NAME_WIDTH else f"…{name[1 - NAME_WIDTH :]}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns: the first left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def amount(count: int) -> str:
    """Return a number of bytes in readable form, such as ``"9999 B"`` or ``"12.1 kB"``."""
    if count < 10_000:
        return f"{count} B"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 1000 * size or unit == "GB":
            return f"{count / size:.1f} {unit}"
    raise AssertionError
