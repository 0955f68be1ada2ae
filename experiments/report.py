"""``python -m experiments.report STUDY``: statistics, tables and figures of a study."""

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
from idf.plotting import save_figure
from idf.runs.find import OUTPUTS
from idf.terminal import open_console

USAGE = """\
python -m experiments.report STUDY [budget=NAME] [target=BITS] [outputs=outputs]

Write what a study came to into report/ of its folder under outputs/: one page (report.html) and the same as Markdown,
tables (CSV, LaTeX) and figures (SVG, PNG).

  STUDY    table, stability, ablation, adaptive or another that was run; or its folder
  budget   which budget, if it was run at several; the latest unless given
  target   bits/sample whose first reaching is counted in steps
  outputs  the folder of all runs"""

PLAIN_WIDTH = 170


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print its tables. Returns 0.

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
    console = open_console(PLAIN_WIDTH)
    for part in to_terminal(result):
        console.print(part)
    names = ", ".join(path.name for path in paths)
    console.print(Text(f"written to {paths[0].parent}/: {names}"), soft_wrap=True)
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
    """Write everything into ``report/`` of the study's folder; ``report.html`` and ``report.md`` come first.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = result.folder / "report"
    tables, commands = make_tables(result)
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
    reports = {"report.html": page(result, tables, commands), "report.md": to_text(result, tables, commands, drawn)}
    for name, text in reports.items():
        atomic_write_text(folder / name, text)
    return [*(folder / name for name in reports), *paths]


def make_tables(result: StudyResult) -> tuple[list[Table], list[str]]:
    """The tables that there are, and the commands that the table of codecs numbers."""
    commands: list[str] = []
    found = [cells_table(result), comparisons_table(result), codecs_table(result, commands), runs_table(result)]
    return [table for table in found if table is not None], commands


def to_text(result: StudyResult, tables: Sequence[Table], commands: Sequence[str], figures: Sequence[str]) -> str:
    """The report as Markdown."""
    parts = [f"# {result.name}\n"]
    if result.description:
        parts.append(f"{result.description}.\n")
    parts.append(f"{progress(result)} The same as a page with all figures: [report.html](report.html).\n")
    if missing := incomplete(result):
        parts.append(f"**Not complete:** {missing}\n")
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
    """The report for rich, in the order to print; what the columns mean is in the files."""
    tables, commands = make_tables(result)
    parts: list[RenderableType] = [Text(result.name, style="bold")]
    if result.description:
        parts.append(Text(f"{result.description}."))
    parts.append(Text(progress(result)))
    if missing := incomplete(result):
        parts.append(Text(f"not complete: {missing}", style="yellow"))
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
