"""Tables as Markdown, CSV, LaTeX and terminal output.

Cells are text, formatted by :mod:`idf.text`. The alignment is a string with one letter per column, ``l``, ``r`` or
``c``, as in LaTeX.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import rich.table
    import rich.text

_RULES = {"l": "---", "r": "---:", "c": ":---:"}
_SIDES: dict[str, Literal["left", "right", "center"]] = {"l": "left", "r": "right", "c": "center"}


def to_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], alignment: str) -> str:
    """Return the table as Markdown, with ``|`` in cells escaped."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    rule = "|" + "|".join(_RULES[letter] for letter in alignment) + "|\n"
    return line(columns) + rule + "".join(map(line, rows))


def to_csv(records: Sequence[Mapping[str, object]]) -> str:
    """Return CSV with a header line and all numbers at full precision. None becomes an empty cell.

    Args:
        records: rows by column name, all with the names of the first.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def to_latex(columns: Sequence[str], rows: Sequence[Sequence[str]], alignment: str, caption: str) -> str:
    """Return a LaTeX ``table`` environment, which needs the package booktabs."""

    def line(cells: Sequence[str]) -> str:
        return "    " + " & ".join(map(_tex, cells)) + " \\\\"

    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{_tex(caption)}}}",
        f"  \\begin{{tabular}}{{{alignment}}}",
        "    \\toprule",
        line(columns),
        "    \\midrule",
        *map(line, rows),
        "    \\bottomrule",
        "  \\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def to_terminal(
    columns: Sequence[str],
    rows: Sequence[Sequence[str | rich.text.Text]],
    alignment: str,
    *,
    title: str | None = None,
    wrapped: Collection[str] = (),
    styles: Sequence[str | None] = (),
) -> rich.table.Table:
    """Return the table for rich.

    Args:
        columns: names of the columns.
        rows: cells as plain text (markup is not interpreted) or as styled text.
        alignment: one letter per column.
        title: title above the table.
        wrapped: columns whose cells may wrap in a narrow terminal.
        styles: style of each row, such as ``"bold"``; by default none.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column, letter in zip(columns, alignment, strict=True):
        no_wrap = column not in wrapped
        table.add_column(
            Text(column), justify=_SIDES[letter], no_wrap=no_wrap, overflow="ellipsis" if no_wrap else "fold"
        )
    for cells, style in zip(rows, styles or [None] * len(rows), strict=True):
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), style=style)
    return table


_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "₂": "$_2$",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
