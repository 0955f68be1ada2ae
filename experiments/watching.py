"""``python -m experiments.status --watch``: a view of running studies, updated until their runs have ended."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from experiments.launching.plan import read_manifest
from idf.errors import RunError
from idf.runs.find import ENDED, RunRecord, find_runs, read_run
from idf.text import bits

INTERVAL_S = 2.0
QUIET_S = 60.0
"""The watch ends when no run has been running for this long; between two runs there are seconds of start-up."""

Render = Callable[[Sequence[RunRecord], Path, float], list[RenderableType]]


def watch(
    console: Console,
    outputs: Path,
    named: Collection[str],
    render: Render,
    *,
    interval_s: float = INTERVAL_S,
    quiet_s: float = QUIET_S,
) -> int:
    """Follow studies until all runs have ended, no run has been running for a while, or Ctrl-C; return 0.

    On a terminal the view is updated in place; elsewhere each change of a run is printed as one line.

    Args:
        console: where to print.
        outputs: folder of all runs.
        named: studies to follow; if empty, every study in which a run is running during the watch.
        render: makes the view of some runs.
        interval_s: seconds between two updates.
        quiet_s: seconds without a running run after which the watch ends.
    """
    followed = set(named)
    view = _Live(console, outputs, render) if console.is_terminal else _Lines(console)
    last_running = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt), view:
        while True:
            runs = [read_run(folder) for folder in find_runs(outputs)]
            followed |= set() if named else {_study(run) for run in runs if run.state.name == "running"}
            shown = [run for run in runs if _study(run) in followed]
            waiting = sum(waiting_runs(outputs / study, shown) for study in followed)
            running = any(run.state.name == "running" for run in shown)
            last_running = time.monotonic() if running else last_running
            view.show(shown, waiting)
            if followed and not running and not waiting and all(run.state.name in ENDED for run in shown):
                break
            if time.monotonic() - last_running >= quiet_s:
                break
            time.sleep(interval_s)
    return 0


def waiting_runs(folder: Path, runs: Sequence[RunRecord]) -> int:
    """Return how many planned runs of a study have not been started; 0 if ``folder`` is not that of a study."""
    try:
        planned = {entry.get("run") for entry in read_manifest(folder)["runs"]}
    except RunError:
        return 0
    return len(planned - {run.folder.name for run in runs if run.folder.parent == folder})


def _study(run: RunRecord) -> str:
    return run.folder.parent.name


class _Live:
    """A live view on a terminal; the last view stays on the screen."""

    def __init__(self, console: Console, outputs: Path, render: Render) -> None:
        self._console, self._outputs, self._render = console, outputs, render
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> _Live:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, runs: Sequence[RunRecord], waiting: int) -> None:
        head = Text(f"{_counts(runs, waiting)}; {time.strftime('%H:%M:%S')}, stop watching with Ctrl-C", style="dim")
        room = max(5, self._console.height - 10)
        # If the view does not fit, hide runs that have ended.
        shown = runs if len(runs) <= room else [run for run in runs if run.state.name not in ENDED][:room]
        parts = self._render(shown, self._outputs, time.time()) if shown else []
        self._live.update(Group(head, *parts), refresh=True)


class _Lines:
    """One line per change, for pipes and log files."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[Path, tuple[str, float | None]] = {}
        self._counted = ""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, runs: Sequence[RunRecord], waiting: int) -> None:
        for run in runs:
            state = run.state
            if self._seen.get(run.folder) != (state.name, state.best):
                self._seen[run.folder] = (state.name, state.best)
                self._console.print(
                    Text(f"{run.name} {state.name} at step {state.step}, best {bits(state.best)}"), soft_wrap=True
                )
        if (counted := _counts(runs, waiting)) != self._counted:
            self._counted = counted
            self._console.print(Text(counted), soft_wrap=True)


def _counts(runs: Sequence[RunRecord], waiting: int) -> str:
    states = Counter(run.state.name for run in runs)
    parts = [f"{count} {state}" for state, count in states.most_common()]
    if waiting:
        parts.append(f"{waiting} not started")
    return ", ".join(parts) or "nothing is running"
