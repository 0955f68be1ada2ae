"""Progress display: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_INTERVAL_S = 10.0
"""Seconds between two plain lines, so that log files of long runs stay readable."""

SAMPLE_BITS = 16


class Display(Protocol):
    """Shows a run's progress."""

    def train(self, step: int, bits: float, samples_per_second: float) -> None:
        """Show the bits per dimension of the last interval."""

    def validation(self, step: int, bits: float, best: float) -> None:
        """Show a validation result, bits per dimension."""

    def say(self, text: str) -> None:
        """Print a message that stays visible."""

    def close(self) -> None:
        """Restore the terminal."""


def open_display(first: int, steps: int) -> Display:
    """Return a bar if standard output is a terminal, otherwise plain lines."""
    return Bar(first, steps) if sys.stdout.isatty() else Lines(first, steps)


class Bar:
    """One live line: step, loss, ratio, speed, validation, time left."""

    def __init__(self, first: int, steps: int) -> None:
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(),
        )
        self._task = self._progress.add_task("training", total=steps, completed=first, figures="compiling …")
        self._validation = ""
        self._progress.start()

    def train(self, step: int, bits: float, samples_per_second: float) -> None:
        figures = f"{_figures(bits)}  {samples_per_second / 1000:,.0f}k samples/s{self._validation}"
        self._progress.update(self._task, completed=step, figures=figures)

    def validation(self, step: int, bits: float, best: float) -> None:
        self._validation = f"  validation {bits:.3f} (best {best:.3f})"

    def say(self, text: str) -> None:
        self._progress.console.print(text, highlight=False)

    def close(self) -> None:
        self._progress.stop()


class Lines:
    """A line every few seconds, for log files and batch systems."""

    def __init__(self, first: int, steps: int) -> None:
        self._steps = steps
        self._anchor: tuple[int, float] | None = None
        self._last = -math.inf

    def train(self, step: int, bits: float, samples_per_second: float) -> None:
        now = time.monotonic()
        if now - self._last < LINE_INTERVAL_S and step < self._steps:
            return
        self._last = now
        self.say(
            f"step {step}/{self._steps}  {_figures(bits)}  {samples_per_second:,.0f} samples/s{self._left(step, now)}"
        )

    def _left(self, step: int, now: float) -> str:
        if self._anchor is None:
            # The time before the first figure includes compilation, so it does not count.
            self._anchor = step, now
            return ""
        first, start = self._anchor
        left = round((now - start) / max(1, step - first) * (self._steps - step))
        return f"  left {left // 60}:{left % 60:02d}"

    def validation(self, step: int, bits: float, best: float) -> None:
        self.say(f"step {step}/{self._steps}  validation {_figures(bits)}  (best {best:.3f})")

    def say(self, text: str) -> None:
        print(text, flush=True)

    def close(self) -> None:
        pass


def _figures(bits: float) -> str:
    ratio = SAMPLE_BITS / bits if bits > 0 else float("nan")
    return f"{bits:.3f} bits/sample  ratio {ratio:.3f}"
