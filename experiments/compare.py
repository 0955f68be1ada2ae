"""``python -m experiments.compare RUN RUN …``: the differences between runs, in settings and results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.status import PLAIN_WIDTH, STYLES
from idf.arguments import parse_arguments
from idf.errors import run_main
from idf.runs.find import OUTPUTS, RunRecord, open_run
from idf.runs.history import finite_number
from idf.tables import to_terminal
from idf.terminal import open_console
from idf.text import DASH, bits, duration, formatted, size

USAGE = """\
python -m experiments.compare RUN RUN ... [outputs=outputs]

Show the settings in which runs differ, then their results side by side.

  RUN      a run's folder, STUDY/RUN, the beginning of a run's name, latest, or STUDY/latest
  outputs  folder of all runs (default: outputs)"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison and return 0.

    Raises:
        UserError: fewer than two runs, or a run that does not exist.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv, settings=("outputs",))
    if len(arguments.plain) < 2:
        arguments.problems.append(f"give at least two runs; `python -m experiments.status` lists them\n\n{USAGE}")
    arguments.check()
    outputs = Path(arguments.settings.get("outputs", OUTPUTS))
    runs = [open_run(word, outputs) for word in arguments.plain]
    console = open_console(max(PLAIN_WIDTH, 40 + 30 * len(runs)))
    for part in render(runs):
        console.print(part)
    return 0


def render(runs: Sequence[RunRecord]) -> list[RenderableType]:
    """Return three tables: the settings that differ, the environments that differ, and all results."""
    parts: list[RenderableType] = []
    unreadable = [run.name for run in runs if not run.settings]
    settings = differing([run.settings for run in runs])
    if settings:
        parts.append(_table("settings that differ", runs, settings))
    elif not unreadable:
        parts.append(Text("settings: no differences"))
    if unreadable:
        parts.append(Text(f"the settings of {', '.join(unreadable)} cannot be read", style="yellow"))
    environments = differing([_environment(run) for run in runs])
    if environments:
        parts.append(_table("environments that differ", runs, environments))
    parts.append(_table("results", runs, results(runs)))
    parts += [Text(f"{run.name}: {run.command}", style="dim") for run in runs if run.command]
    return parts


def differing(sources: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the keys with different values, each with its values as text; a missing key counts as a value."""
    keys = dict.fromkeys(key for source in sources for key in source)
    rows = {key: [_text(source[key]) if key in source else DASH for source in sources] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def results(runs: Sequence[RunRecord]) -> dict[str, list[str]]:
    """Return the results of each run by name of the row; rows without any value are left out."""
    rows: dict[str, Callable[[RunRecord], str]] = {
        "state": lambda run: run.state.name,
        "step": lambda run: f"{run.state.step}" + (f"/{run.state.steps}" if run.state.steps else ""),
        "best validation, bits/sample": lambda run: bits(run.state.best),
        "last validation, bits/sample": lambda run: bits(_last(run, "validation", "bits_per_dim")),
        "last coded, bits/sample": lambda run: bits(_last(run, "coded", "bits_per_dim")),
        "last training loss, bits/sample": lambda run: bits(_last(run, "train", "loss")),
        "training speed, samples/s": lambda run: _whole(_last(run, "train", "samples_per_second")),
        "peak memory, MiB": lambda run: _whole(_last(run, "train", "peak_memory_mib")),
        "training time": lambda run: _time(run),
        "size on disk": lambda run: size(run.bytes_on_disk()),
    }
    found = {name: [cell(run) for run in runs] for name, cell in rows.items()}
    evaluated: dict[str, list[str]] = {}
    for index, run in enumerate(runs):
        for name, value in _evaluated(run).items():
            evaluated.setdefault(name, [DASH] * len(runs))[index] = value
    found |= evaluated
    return {name: row for name, row in found.items() if any(cell != DASH for cell in row)}


def _evaluated(run: RunRecord) -> dict[str, str]:
    """Return the bits/sample of each codec on the evaluated clips; the models of all runs share one row name."""
    results = run.results()
    if results is None:
        return {}
    found = {}
    for index, row in enumerate(results["rows"]):
        codec = "this model" if index == 0 else row.get("codec")
        found[f"{row.get('dataset')}, {row.get('split')}: {codec}"] = bits(finite_number(row.get("bits_per_sample")))
    return found


def _environment(run: RunRecord) -> dict[str, Any]:
    environment = run.environment
    git = environment.get("git") or {}
    packages = environment.get("packages") or {}
    kept: dict[str, Any] = {
        name: environment.get(name) for name in ("idf", "python", "platform", "cpus") if name in environment
    }
    if git:
        kept["git"] = str(git.get("revision"))[:10] + (" with changes" if git.get("changed") else "")
    return kept | packages


def _last(run: RunRecord, kind: str, metric: str) -> float | None:
    values = [finite_number(record.get(metric)) for record in run.history() if record.get("kind") == kind]
    return values[-1] if values else None


def _time(run: RunRecord) -> str:
    seconds = [finite_number(record.get("seconds")) for record in run.history()]
    return duration(seconds[-1]) if seconds and seconds[-1] is not None else DASH


def _whole(value: float | None) -> str:
    return formatted(value, ",.0f")


def _text(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(title: str, runs: Sequence[RunRecord], rows: dict[str, list[str]]) -> Table:
    def styled(name: str, cells: Sequence[str]) -> list[str | Text]:
        return [name, *(Text(cell, style=STYLES.get(cell, "") if name == "state" else "") for cell in cells)]

    columns = ["", *(run.name for run in runs)]
    cells = [styled(name, row) for name, row in rows.items()]
    return to_terminal(columns, cells, "l" + "r" * len(runs), title=title, wrapped=columns)


if __name__ == "__main__":
    sys.exit(run_main(main))
