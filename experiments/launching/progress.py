"""Progress of a running study: a live table on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from experiments.launching.launcher import EVALUATING, OVER, TRAINING, WAITING, Track
from idf.tables import to_terminal
from idf.text import bits, duration

LINE_INTERVAL_S = 30.0
"""Seconds between two plain lines of progress; changes of a run are printed at once."""

STYLES = {
    "finished": "green",
    TRAINING: "cyan",
    EVALUATING: "cyan",
    WAITING: "dim",
    "diverged": "red",
    "failed": "bold red",
    "stopped": "yellow",
    "elsewhere": "yellow",
}


def seconds_left(tracks: Sequence[Track], slots: int, now: float) -> float | None:
    """Return the estimated remaining seconds, from the steps done in this launch; None before the first step."""
    done = sum(max(0, track.run.step - track.first_step) for track in tracks if track.elapsed(now) > 0)
    spent = sum(track.elapsed(now) for track in tracks)
    if not done:
        return None
    remaining = [track.steps_left for track in tracks]
    # One run cannot be split over several slots.
    return max(sum(remaining) / slots, max(remaining, default=0)) * spent / done


def summary(tracks: Sequence[Track], slots: int, now: float) -> str:
    """Return one line with the counts by state and the time left."""
    counts = Counter(track.state for track in tracks)
    text = ", ".join(f"{counts[state]} {state}" for state in dict.fromkeys([*STYLES, *counts]) if counts[state])
    left = seconds_left(tracks, slots, now)
    over = all(track.state in OVER for track in tracks)
    return text if over or left is None else f"{text}; about {duration(left)} left"


class LiveProgress:
    """A live table; if it does not fit, runs that have ended are hidden first."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._live.start()

    def show(self, tracks: Sequence[Track], slots: int) -> None:
        now = time.monotonic()
        room = max(5, self._console.height - 8)
        shown = list(tracks)
        if len(shown) > room:
            order = {TRAINING: 0, EVALUATING: 0, "failed": 1, WAITING: 2}
            ranked = sorted(shown, key=lambda track: order.get(track.state, 3))[:room]
            shown = [track for track in tracks if track in ranked]
        rows = [
            (
                track.job.cell,
                str(track.job.seed),
                Text(track.state, style=STYLES.get(track.state, "")),
                f"{track.run.step}/{track.job.steps}",
                bits(track.run.best),
                duration(track.elapsed(now)) if track.elapsed(now) else "",
                Text("already done" if track.skipped and not track.note else track.note, style="dim"),
            )
            for track in shown
        ]
        columns = ("cell", "seed", "state", "step", "best bits/sample", "time", "")
        table = to_terminal(columns, rows, "lrlrrrl", wrapped=("",))
        hidden = len(tracks) - len(shown)
        lines = [Text(summary(tracks, slots, now), style="bold")]
        if hidden:
            lines.insert(0, Text(f"… and {hidden} more runs", style="dim"))
        self._live.update(Group(table, *lines), refresh=True)

    def say(self, text: str) -> None:
        self._live.console.print(Text(text, style="dim"))

    def close(self) -> None:
        """Stop; the last table stays on the screen."""
        self._live.stop()


class LineProgress:
    """Plain lines, for log files and batch systems."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, tracks: Sequence[Track], slots: int) -> None:
        now = time.monotonic()
        if now - self._last < LINE_INTERVAL_S:
            return
        self._last = now
        at = [f"{track.job.name} {track.run.step}/{track.job.steps}" for track in tracks if track.state == TRAINING]
        self.say("; ".join([summary(tracks, slots, now), *at]))

    def say(self, text: str) -> None:
        print(text, flush=True)

    def close(self) -> None:
        pass


def open_progress() -> LiveProgress | LineProgress:
    """Return a live table if standard output is a terminal, else plain lines."""
    console = Console()
    return LiveProgress(console) if console.is_terminal else LineProgress()
