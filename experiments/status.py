"""``python -m experiments.status``: an overview of the runs under ``outputs/``, like ``git status``.

One block per study and one line per run, with the settings in which it differs from the other runs. Runs that
need attention (killed, failed, diverged) are listed with the reason and the command that resumes them.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from experiments.launching.plan import read_manifest
from experiments.watching import watch
from idf.arguments import parse_arguments
from idf.config.identity import NOT_SEMANTIC
from idf.datasets.cache import entries
from idf.errors import RunError, did_you_mean, run_main
from idf.runs.find import DAMAGED, KILLED, OUTPUTS, RunRecord, find_runs, read_run
from idf.tables import to_terminal
from idf.terminal import open_console
from idf.text import DASH, age, bits, size

USAGE = """\
python -m experiments.status [STUDY ...] [--watch] [outputs=outputs]

List the runs under outputs/: state, best validation bits/sample, age and size on disk; and the size of the cache.

  STUDY    only these folders of outputs/
  --watch  follow these studies, or those with running runs, until all runs have ended
  outputs  folder of all runs (default: outputs)"""

STYLES = {
    "finished": "green",
    "running": "cyan",
    "diverged": "red",
    "failed": "red",
    DAMAGED: "red",
    KILLED: "yellow",
    "preempted": "yellow",
    "interrupted": "yellow",
}
"""Terminal style of each state."""

PLAIN_WIDTH = 150
"""Line width in characters when the output is not a terminal."""

MAX_REMEDIES = 8

RESUMABLE = ("failed", KILLED, "preempted", "interrupted")
"""States that the same command resumes from."""


@dataclass(frozen=True)
class Listed:
    """A run, its size and its settings in the list.

    Attributes:
        run: the run.
        bytes: size on disk.
        different: settings that not all runs of the study share, as one line.
    """

    run: RunRecord
    bytes: int
    different: str


def main(argv: Sequence[str] | None = None) -> int:
    """Print the list and return 0.

    Raises:
        UserError: there is no such study.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv, settings=("outputs",), flags=("--watch",))
    arguments.check()
    outputs = Path(arguments.settings.get("outputs", OUTPUTS))
    runs = [read_run(folder) for folder in find_runs(outputs)]
    studies = list(dict.fromkeys(run.folder.parent.name for run in runs))
    for name in arguments.plain:
        if Path(name).name not in studies:
            raise RunError(f"there is no study {name} under {outputs}/{did_you_mean(name, studies)}")
    wanted = {Path(name).name for name in arguments.plain}
    console = open_console(PLAIN_WIDTH)
    if "--watch" in arguments.flags:
        return watch(console, outputs, wanted, render)
    runs = [run for run in runs if not wanted or run.folder.parent.name in wanted]
    for part in render(runs, outputs, time.time()):
        console.print(part)
    for cache in dict.fromkeys([outputs / "cache", *(Path(folder) for run in runs if (folder := _cache(run)))]):
        if kept := entries(cache):
            used, total = (
                f"the least recently used {age(time.time() - kept[0].last_used)} ago",
                sum(entry.bytes for entry in kept),
            )
            console.print(
                f"cache {cache}/: {size(total)} in {len(kept)} entr{'y' if len(kept) == 1 else 'ies'}, {used}"
            )
    return 0


def _cache(run: RunRecord) -> str | None:
    """Return the cache folder of a run's training data, or None."""
    return run.settings.get("data.cache")


def render(runs: Sequence[RunRecord], outputs: Path, now: float) -> list[RenderableType]:
    """Return the list, one block per study, a summary, and what to do about runs that need attention.

    Args:
        runs: ordered by folder.
        outputs: folder of all runs.
        now: current time in seconds since 1970, for ages.
    """
    if not runs:
        return [Text(f"no runs under {outputs}/ yet; train one with: python train.py")]
    parts: list[RenderableType] = []
    total = 0
    for study, group in groupby(runs, key=lambda run: run.folder.parent.name):
        members = list(group)
        different = differences(members)
        listed = [Listed(run, run.bytes_on_disk(), different[index]) for index, run in enumerate(members)]
        total += sum(item.bytes for item in listed)
        parts.append(_block(study, listed, now))
    states = Counter(run.state.name for run in runs)
    summary = ", ".join(f"{count} {state}" for state, count in states.most_common())
    parts.append(Text(f"{len(runs)} run{'s' * (len(runs) != 1)} in {outputs}/ ({size(total)}): {summary}"))
    return [*parts, *_remedies(runs)]


def differences(runs: Sequence[RunRecord]) -> list[str]:
    """Return one line per run with the settings that affect its result and are not shared by all runs."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    telling = [
        key
        for key in keys
        if not any(key == ignored or key.startswith(ignored + ".") for ignored in NOT_SEMANTIC)
        and len({repr(run.settings.get(key)) for run in runs if run.settings}) > 1
    ]
    return [_different(run, _without_implied(telling, runs)) for run in runs]


def _without_implied(telling: Sequence[str], runs: Sequence[RunRecord]) -> list[str]:
    """Drop the settings that are determined by the name of their group in all of these runs."""
    kept = []
    for key in telling:
        group = key.rpartition(".")[0]
        name = next((f"{group}.{part}" for part in ("name", "kind") if f"{group}.{part}" in telling), key)
        values = {(repr(run.settings.get(name)), repr(run.settings.get(key))) for run in runs if run.settings}
        if key == name or len(values) > len({named for named, _ in values}):
            kept.append(key)
    return kept


def _different(run: RunRecord, telling: Sequence[str]) -> str:
    if not run.settings:
        return "(settings cannot be read)"
    return " ".join(f"{key.removesuffix('.name').removesuffix('.kind')}={run.settings.get(key)}" for key in telling)


def _block(study: str, listed: Sequence[Listed], now: float) -> RenderableType:
    rows = []
    for item in listed:
        state = item.run.state
        step = str(state.step) if state.steps is None else f"{state.step}/{state.steps}"
        updated = DASH if state.updated is None else f"{age(now - state.updated)} ago"
        name = Text(state.name, style=STYLES.get(state.name, ""))
        rows.append((item.run.folder.name, name, step, bits(state.best), updated, size(item.bytes), item.different))
    columns = ("run", "state", "step", "best bits/sample", "updated", "size", "what differs")
    table = to_terminal(columns, rows, "llrrrrl", wrapped=("what differs",))
    return Group(Text(study, style="bold"), Padding(table, (0, 0, 0, 2)))


def _remedies(runs: Sequence[RunRecord]) -> list[RenderableType]:
    """Return one line for each run that needs attention, then the commands that resume runs, each once."""
    lines: list[RenderableType] = []
    commands: dict[str, None] = {}
    for run in runs:
        state = run.state
        match state.name:
            case "diverged":
                text = f"diverged: {state.reason or 'no reason given'}"
            case "failed":
                text = f"failed: {state.reason or 'no reason given'}"
            case "killed":
                text = f"was killed at step {state.step} or later"
            case "preempted" | "interrupted":
                text = f"was stopped at step {state.step}"
            case "damaged":
                text = f"{state.reason}; remove the folder to restart the run"
            case _:
                continue
        lines.append(Text(f"  {run.name} {text}", style=STYLES[state.name]))
        if state.name in RESUMABLE and (command := study_command(run) or run.command):
            commands[command] = None
    if len(lines) > MAX_REMEDIES:
        more = len(lines) - MAX_REMEDIES
        lines = [*lines[:MAX_REMEDIES], Text(f"  … and {more} more; give a study to see its runs only")]
    for command in list(commands)[:MAX_REMEDIES]:
        lines.append(Text(f"  resume with: {command}", style="dim"))
    return lines


def study_command(run: RunRecord) -> str | None:
    """Return the command of the study that the run belongs to, without ``force=true``; None if it belongs to none."""
    with contextlib.suppress(RunError):
        manifest = read_manifest(run.folder.parent)
        if run.folder.name in {entry.get("run") for entry in manifest["runs"]}:
            return (
                shlex.join(argument for argument in manifest.get("command", ()) if not argument.startswith("force="))
                or None
            )
    return None


if __name__ == "__main__":
    sys.exit(run_main(main))
