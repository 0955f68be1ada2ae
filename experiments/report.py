"""``python -m experiments.report STUDY``: statistics, tables and figures of a study."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from experiments.launching.plan import MANIFEST
from experiments.reporting.figures import draw_curves, draw_seeds
from experiments.reporting.results import StudyResult, read_results
from experiments.reporting.tables import (
    Table,
    cells_table,
    codecs_table,
    comparisons_table,
    runs_table,
)
from idf.arguments import parse_arguments
from idf.errors import RunError, did_you_mean, run_main
from idf.files import atomic_write_text
from idf.plotting import save_figure
from idf.runs.find import OUTPUTS

USAGE = """\
python -m experiments.report STUDY [budget=NAME] [target=BITS] [outputs=outputs]

Write statistics, tables (Markdown, CSV, LaTeX) and figures (SVG, PNG) of a study to its folder under outputs/.

  STUDY    table, stability, ablation, adaptive or another that was run; or its folder
  budget   which budget, if it was run at several; the latest unless given
  target   bits/sample whose first reaching is counted in steps
  outputs  the folder of all runs"""

PLAIN_WIDTH = 170


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print its text. Returns 0.

    Raises:
        UserError: no such study, or its folder cannot be written.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv, settings=("budget", "target", "outputs"))
    target = arguments.number("target", None, "a number of bits/sample, such as 9.0")
    if len(arguments.plain) != 1:
        arguments.problems.append(f"name one study\n\n{USAGE}")
    arguments.check()
    outputs = Path(arguments.settings.get("outputs", OUTPUTS))
    result = read_results(find_folder(arguments.plain[0], arguments.settings.get("budget"), outputs), target)
    paths = write_report(result)
    console = Console()
    if not console.is_terminal:
        print(paths[0].read_text(encoding="utf-8"))
    else:
        console.print(Markdown(paths[0].read_text(encoding="utf-8")))
    print(f"written to {paths[0].parent}/: {', '.join(path.name for path in paths)}")
    return 0


def find_folder(word: str, budget: str | None, outputs: Path) -> Path:
    """The folder of a study: itself, or the latest under ``outputs`` whose name is ``STUDY-BUDGET``.

    Raises:
        RunError: there is none.
    """
    if (Path(word) / MANIFEST).is_file():
        return Path(word)
    name = Path(word).stem if word.endswith(".yaml") else Path(word).name
    manifests = {path.parent.name: path for path in sorted(outputs.glob(f"*/{MANIFEST}"))}
    if budget is not None:
        candidates = [path for folder, path in manifests.items() if folder == f"{name}-{budget}"]
    else:
        candidates = [
            path for folder, path in manifests.items() if folder in (name, f"{name}-{folder.rpartition('-')[2]}")
        ]
    if not candidates:
        wanted = name if budget is None else f"{name}-{budget}"
        hint = did_you_mean(wanted, manifests) if manifests else "; none was run yet"
        raise RunError(f"under {outputs}/ there is no study {wanted}{hint} (python -m experiments.study runs one)")
    return max(candidates, key=lambda path: path.stat().st_mtime).parent


def write_report(result: StudyResult) -> list[Path]:
    """Write everything into ``report/`` of the study's folder; ``report.md`` comes first in what is returned.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = result.folder / "report"
    commands: list[str] = []
    found = [cells_table(result), comparisons_table(result), codecs_table(result, commands), runs_table(result)]
    tables = [table for table in found if table is not None]
    figures = {"seeds": draw_seeds(result), "curves": draw_curves(result)}
    paths = []
    for table in tables:
        for suffix, text in (("csv", table.csv()), ("tex", table.latex())):
            paths.append(folder / f"{table.name}.{suffix}")
            atomic_write_text(paths[-1], text)
    for name, figure in figures.items():
        if figure is not None:
            paths += save_figure(figure, folder, name)
    drawn = [path.name for path in paths if path.suffix == ".png"]
    text = to_text(result, tables, commands, drawn)
    atomic_write_text(folder / "report.md", text)
    return [folder / "report.md", *paths]


def to_text(result: StudyResult, tables: Sequence[Table], commands: Sequence[str], figures: Sequence[str]) -> str:
    """The report as Markdown."""
    states = Counter(seed.run.state.name for cell in result.cells for seed in cell.seeds)
    counts = ", ".join(f"{count} {'not started' if state == 'new' else state}" for state, count in states.most_common())
    parts = [f"# {result.name}\n"]
    if result.description:
        parts.append(f"{result.description}.\n")
    parts.append(
        f"{sum(states.values())} runs: {counts}. Read on {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC.\n"
    )
    if result.missing:
        names = ", ".join(f"{seed.name} ({_state(seed.run.state.name)})" for seed in result.missing[:12])
        more = f" and {len(result.missing) - 12} more" if len(result.missing) > 12 else ""
        parts.append(f"**Not complete:** {names}{more}. The figures are over what is there.\n")
    for table in tables:
        parts.append(table.markdown())
        if table.name == "codecs" and commands:
            parts.append("\n".join(f"[{number}] `{command}`  " for number, command in enumerate(commands, 1)) + "\n")
    parts += [f"![{name.removesuffix('.png')}]({name})\n" for name in figures]
    parts.append(f"Made by `{result.command}`.\n")
    return "\n".join(parts)


def _state(name: str) -> str:
    return "not started" if name == "new" else name


if __name__ == "__main__":
    sys.exit(run_main(main))
