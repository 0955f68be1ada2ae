"""``report.html``: a study as one self-contained page, without other files or network access."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.reporting.figures import draw_curves, draw_seeds
from experiments.reporting.results import StudyResult
from experiments.reporting.tables import Table, plus_minus
from experiments.reporting.words import by_chance, compared, diverged, incomplete, progress
from idf.evaluation.report.markdown import made_with
from idf.page.document import Section, bullets, document, folded, preformatted, tiles, two_widths
from idf.page.markup import Markup, element, join

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def page(result: StudyResult, tables: Sequence[Table], commands: Sequence[str]) -> str:
    """Return the page as HTML text.

    Args:
        result: of the study.
        tables: named ``cells``, ``comparisons``, ``codecs`` and ``runs``; the second and third are optional.
        commands: the commands that the table of codecs refers to by number.
    """
    by_name = {table.name: table for table in tables}
    header = [element("h1", result.name), element("p", progress(result), class_="note")]
    if missing := incomplete(result):
        header.append(element("p", f"Incomplete: {missing}", class_="warning"))
    header.append(tiles(_figures(result)))
    sections = [
        Section("question", "Question", _question(result)),
        Section("cells", "Cells", join([by_name["cells"].html(), _seeds(result)])),
        Section("comparisons", "Paired comparisons", _comparisons(result, by_name.get("comparisons"))),
        Section("diverged", "Seeds that diverged", _diverged(result)),
        Section("curves", "Validation curves", _curves(result)),
        Section("codecs", "Comparison with other codecs", _codecs(by_name.get("codecs"), commands)),
        Section("runs", "All runs", by_name["runs"].html()),
        Section("method", "How this was made", _method(result)),
    ]
    return document(f"{result.name}: study", header, sections)


def _figures(result: StudyResult) -> list[tuple[str, str]]:
    runs = sum(len(cell.seeds) for cell in result.cells)
    states = {state: sum(cell.count(state) for cell in result.cells) for state in ("finished", "diverged")}
    figures = [("cells", str(len(result.cells))), *((name, f"{count} of {runs}") for name, count in states.items())]
    known = [(cell.summary.mean, cell) for cell in result.cells if cell.summary.mean is not None]
    if known:
        _, best = min(known, key=lambda found: found[0])
        figures.append((f"fewest bits/sample: {best.name}", plus_minus(best.summary.mean, best.summary.deviation)))
    return figures


def _question(result: StudyResult) -> Markup:
    asked = result.description if result.description.endswith((".", "?", "!")) else f"{result.description}."
    parts = [element("p", asked)] if result.description else []
    lines = [f"{cell.name}\n  {cell.seeds[0].command}" for cell in result.cells if cell.seeds]
    parts.append(folded("Cells, each with the command of its first seed", preformatted("\n".join(lines))))
    return join(parts)


def _seeds(result: StudyResult) -> Markup:
    means = [f"{cell.name} {plus_minus(cell.summary.mean, cell.summary.deviation)}" for cell in result.cells]
    words = f"Bits per sample of every seed, by cell, with mean and 95 % interval. {'; '.join(means)}."
    return _figure(draw_seeds, result, "seeds", words)


def _curves(result: StudyResult) -> Markup:
    words = (
        "Bits per sample of the validation clips over optimiser steps, one panel per cell: mean and range over seeds"
    )
    return _figure(draw_curves, result, "curves", words)


def _figure(draw: Callable[..., Figure | None], result: StudyResult, name: str, words: str) -> Markup:
    if draw(result) is None:
        return Markup()

    def drawn(width: float) -> Figure:
        figure = draw(result, width)
        assert figure is not None
        return figure

    return two_widths(drawn, name, words)


def _comparisons(result: StudyResult, table: Table | None) -> Markup:
    if table is None:
        return Markup()
    parts = [bullets([compared(*comparison) for comparison in result.comparisons])]
    if caution := by_chance(result.comparisons):
        parts.append(element("p", caution, class_="note"))
    return join([*parts, folded("The same as a table", table.html())])


def _diverged(result: StudyResult) -> Markup:
    found = diverged(result)
    if not found:
        return element("p", "None.")
    items = [element("li", words, preformatted(f"$ {seed.command}")) for seed, words in found]
    return element("ul", *items)


def _codecs(table: Table | None, commands: Sequence[str]) -> Markup:
    if table is None:
        return Markup()
    lines = "\n".join(f"[{number}] {command}" for number, command in enumerate(commands, 1))
    return join([table.html(), preformatted(lines)] if lines else [table.html()])


def _method(result: StudyResult) -> Markup:
    made: dict[tuple[str, ...], list[str]] = {}
    for cell in result.cells:
        for seed in cell.seeds:
            if seed.run.environment:
                made.setdefault(tuple(made_with(seed.run.environment)), []).append(seed.name)
    parts = [element("p", "Command"), preformatted(f"$ {result.command}")] if result.command else []
    parts.append(element("h3", "Versions and machines"))
    for lines, names in made.items():
        if len(made) > 1:
            parts.append(element("p", f"{', '.join(names)}:"))
        parts.append(bullets(lines))
    return join(parts)
