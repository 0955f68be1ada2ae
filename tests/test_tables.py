from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from idf.tables import to_csv, to_latex, to_markdown, to_terminal

COLUMNS = ("name", "value", "fits")
ROWS = [("a | b", "8.91 ± 0.01", "yes"), ("100 %_x", "–", "no")]


def test_markdown_keeps_its_columns() -> None:
    assert to_markdown(COLUMNS, ROWS, "lrc").splitlines() == [
        "| name | value | fits |",
        "|---|---:|:---:|",
        "| a \\| b | 8.91 ± 0.01 | yes |",
        "| 100 %_x | – | no |",
    ]


def test_csv_has_full_precision_and_empty_cells() -> None:
    assert to_csv([{"name": "a,b", "value": 0.1234567890123}, {"name": "c", "value": None}]) == (
        'name,value\n"a,b",0.1234567890123\nc,\n'
    )


def test_latex_is_escaped() -> None:
    text = to_latex(COLUMNS, ROWS, "lrc", "Bits & more")
    assert "\\caption{Bits \\& more}" in text
    assert "\\begin{tabular}{lrc}" in text
    assert "    a | b & 8.91 $\\pm$ 0.01 & yes \\\\\n" in text
    assert "    100 \\%\\_x & -- & no \\\\\n" in text


def test_a_terminal_takes_no_cell_for_markup() -> None:
    console = Console(width=60, record=True, file=io.StringIO())
    rows = [("[bold]x[/bold]", Text("1", style="red")), ("y", "22")]
    console.print(to_terminal(("name", "[n]"), rows, "lr", title="about", styles=["bold", None]))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[0].startswith("about")
    assert "[bold]x[/bold]     1" in " ".join(lines)
    assert any("[n]" in line for line in lines)
