"""``python -m experiments.report STUDY``: write statistics, tables and figures of a study."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from experiments.launching.plan import MANIFEST
from experiments.reporting.figures import draw_curves, draw_seeds
from experiments.reporting.page import page
from experiments.reporting.results import StudyResult, read_results
from experiments.reporting.tables import (
    Table,
    cells_table,
    codecs_table,
    comparisons_table,
    runs_table,
)
from experiments.reporting.words import compared, diverged, incomplete, progress
from idf.arguments import parse_arguments
from idf.errors import RunError, did_you_mean, run_main
from idf.files import atomic_write_text
from idf.plotting import COLUMN_INCHES, save_widths
from idf.runs.find import OUTPUTS
from idf.terminal import open_console

USAGE = """\
python -m experiments.report STUDY [budget=NAME] [target=BITS] [outputs=outputs]

Write the results of a study to report/ in its folder under outputs/: a page (report.html), the same as Markdown,
tables (CSV, LaTeX) and figures (SVG, PDF, PNG).

  STUDY    table, stability, ablation, adaptive or another study that was run; or its folder
  budget   budget of the study (default: the latest that was run)
  target   report the training steps needed to reach this many bits/sample
  outputs  folder of all runs (default: outputs)"""

PLAIN_WIDTH = 170


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report, print its tables and return 0.

    Raises:
        UserError: there is no such study, or its folder cannot be written.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv, settings=("budget", "target", "outputs"))
    target = arguments.number("target", None, "a number of bits/sample, such as 9.0")
    if len(arguments.plain) != 1:
        arguments.problems.append(f"give exactly one study\n\n{USAGE}")
    arguments.check()
    outputs = Path(arguments.settings.get("outputs", OUTPUTS))
    result = read_results(find_folder(arguments.plain[0], arguments.settings.get("budget"), outputs), target)
    paths = write_report(result)
    console = open_console(PLAIN_WIDTH)
    for part in to_terminal(result):
        console.print(part)
    names = ", ".join(path.name for path in paths)
    console.print(Text(f"written to {paths[0].parent}/: {names}"), soft_wrap=True)
    return 0


def find_folder(word: str, budget: str | None, outputs: Path) -> Path:
    """Return the folder of a study.

    Args:
        word: the folder itself, or the study's name.
        budget: None for the budget that was run last.
        outputs: folder of all runs.

    Raises:
        RunError: there is no such folder.
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
        hint = did_you_mean(wanted, manifests) if manifests else "; no study was run yet"
        raise RunError(f"under {outputs}/ there is no study {wanted}{hint} (python -m experiments.study runs one)")
    return max(candidates, key=lambda path: path.stat().st_mtime).parent


def write_report(result: StudyResult) -> list[Path]:
    """Write the report to ``report/`` in the study's folder; return the paths, ``report.html`` and ``report.md`` first.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = result.folder / "report"
    tables, commands = make_tables(result)
    paths = []
    for table in tables:
        for suffix, text in (("csv", table.csv()), ("tex", table.latex())):
            paths.append(folder / f"{table.name}.{suffix}")
            atomic_write_text(paths[-1], text)
    for name, draw in (("seeds", draw_seeds), ("curves", draw_curves)):
        wide, column = draw(result), draw(result, COLUMN_INCHES)
        if wide is not None and column is not None:
            paths += save_widths(wide, column, folder, name)
    drawn = [path.name for path in paths if path.suffix == ".png"]
    reports = {"report.html": page(result, tables, commands), "report.md": to_text(result, tables, commands, drawn)}
    for name, text in reports.items():
        atomic_write_text(folder / name, text)
    return [*(folder / name for name in reports), *paths]


def make_tables(result: StudyResult) -> tuple[list[Table], list[str]]:
    """Return the tables that are not empty, and the commands that the table of codecs refers to by number."""
    commands: list[str] = []
    found = [cells_table(result), comparisons_table(result), codecs_table(result, commands), runs_table(result)]
    return [table for table in found if table is not None], commands


def to_text(result: StudyResult, tables: Sequence[Table], commands: Sequence[str], figures: Sequence[str]) -> str:
    """Return the report as Markdown."""
    parts = [f"# {result.name}\n"]
    if result.description:
        parts.append(f"{result.description}.\n")
    parts.append(f"{progress(result)} [report.html](report.html) is the same report as a page.\n")
    if missing := incomplete(result):
        parts.append(f"**Incomplete:** {missing}\n")
    for table in tables:
        parts.append(table.markdown())
        if table.name == "comparisons":
            parts.append("\n".join(f"- {compared(*comparison)}" for comparison in result.comparisons) + "\n")
        if table.name == "codecs" and commands:
            parts.append("\n".join(f"[{number}] `{command}`  " for number, command in enumerate(commands, 1)) + "\n")
    parts += [f"![{name.removesuffix('.png')}]({name})\n" for name in figures]
    parts.append(f"Made by `{result.command}`.\n")
    return "\n".join(parts)


def to_terminal(result: StudyResult) -> list[RenderableType]:
    """Return the report for rich, in printing order; notes on the columns are in the files only."""
    tables, commands = make_tables(result)
    parts: list[RenderableType] = [Text(result.name, style="bold")]
    if result.description:
        parts.append(Text(f"{result.description}."))
    parts.append(Text(progress(result)))
    if missing := incomplete(result):
        parts.append(Text(f"incomplete: {missing}", style="yellow"))
    for table in tables:
        parts += [Text(), table.terminal()]
        if table.name == "comparisons":
            parts += [Text(compared(*comparison)) for comparison in result.comparisons]
        if table.name == "codecs":
            parts += [Text(f"[{number}] {command}", style="dim") for number, command in enumerate(commands, 1)]
    parts += [Text(words, style="red") for _, words in diverged(result)]
    return parts


if __name__ == "__main__":
    sys.exit(run_main(main))
