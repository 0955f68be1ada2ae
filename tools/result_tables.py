"""Bring the tables of README and documentation up to date with ``docs/results``: ``python tools/result_tables.py``.

Each file there is one stored result: comment lines (``# command:``, ``# date:``, ``# machine:``), then a table as CSV
with one row for each model, codec or setting. On a page, a line ``<!-- results: NAME -->`` precedes a Markdown
table that shows some of its rows and columns. The tool rewrites the cells of those tables and keeps everything else:
which rows and columns a table has, bold face, code. A test checks that nothing is left to rewrite.
"""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_MARK = re.compile(r"^<!-- results: ([\w-]+) -->$")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Result:
    """A stored result.

    Attributes:
        about: the comment lines, each a name and the values given for it.
        columns: names; the first column names the rows.
        rows: cells by column, by the name of the row.
    """

    about: dict[str, list[str]]
    columns: list[str]
    rows: dict[str, dict[str, str]]


def read_result(name: str) -> Result:
    """Return the result stored in ``docs/results/NAME.csv``."""
    lines = (RESULTS / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    about: dict[str, list[str]] = {}
    for key, value in (line[2:].split(": ", 1) for line in lines if line.startswith("# ")):
        about.setdefault(key, []).append(value)
    columns, *rows = csv.reader(line for line in lines if not line.startswith("# "))
    return Result(about, columns, {row[0]: dict(zip(columns, row, strict=True)) for row in rows})


def updated(text: str) -> str:
    """Return a page with every marked table as its result has it.

    Raises:
        KeyError: a table has a row or a column that its result lacks.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not (mark := _MARK.match(line)):
            continue
        result = read_result(mark[1])
        first = number + 1 + (not lines[number + 1])
        columns = [_plain(cell) for cell in _cells(lines[first])]
        for at in range(first + 2, len(lines)):
            if not lines[at].startswith("|"):
                break
            lines[at] = _row(_cells(lines[at]), columns, result)
    return "\n".join(lines) + "\n"


def _row(cells: list[str], columns: list[str], result: Result) -> str:
    row = result.rows[_plain(cells[0])]
    values = [row[result.columns[0]], *(row[column] for column in columns[1:])]
    shown = [
        cell if _plain(cell) == _plain(value) else _like(cell, value) for cell, value in zip(cells, values, strict=True)
    ]
    return f"| {' | '.join(shown)} |".replace("|  |", "| |").replace("|  |", "| |")


def _like(cell: str, value: str) -> str:
    """Return a value in bold face if the cell that it replaces is."""
    return f"**{value}**" if cell.startswith("**") else value


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _CELL.split(line.strip())[1:-1]]


def _plain(cell: str) -> str:
    return re.sub(r"\*\*|`", "", cell)


def main() -> int:
    """Rewrite the pages whose tables differ, and print their names."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (new := updated(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"updated {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
