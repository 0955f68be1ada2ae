"""The style of all figures: colours, sizes, labels; and saving them for print and screen.

Figures are built as objects; pyplot and matplotlib's global settings are not touched.
Colours are those of Okabe and Ito, which people with colour vision deficiency can distinguish.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idf.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
SKY, PINK, GRID = "#56B4E9", "#CC79A7", "#E3E3E3"

WIDTH_INCHES, COLUMN_INCHES = 7.0, 3.4
"""Widths of a printed page and of one of its two columns."""
HEIGHT_INCHES, DPI = 3.4, 200
TITLE_POINTS, TEXT_POINTS, SMALL_POINTS = 9.0, 8.0, 7.5
"""Font sizes. Nothing is smaller than 7 points at the width that a figure is drawn for."""


def new_figure(width: float = WIDTH_INCHES, height: float = HEIGHT_INCHES) -> tuple[Figure, Axes]:
    """Return a figure with one panel; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Set font sizes, draw light grid lines, and remove the upper and right spine."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.8)
    axes.grid(visible=True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL_POINTS)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(TEXT_POINTS)


def label_figure(figure: Figure, title: str) -> None:
    """Add a title above all panels, left-aligned."""
    figure.suptitle(title, fontsize=TITLE_POINTS, x=0.01, ha="left", fontweight="bold")


def label_axes(axes: Axes, title: str, x: str, y: str) -> None:
    """Add a left-aligned title and the labels of both axes."""
    axes.set_title(title, loc="left", fontsize=TITLE_POINTS, fontweight="bold", pad=24)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def add_legend(figure: Figure, axes: Axes) -> None:
    """Add a legend below the panel, where it covers no curve, if anything is labelled."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = 2 if figure.get_figwidth() >= WIDTH_INCHES else 1
        figure.legend(handles, labels, loc="outside lower left", ncols=columns, frameon=False, fontsize=SMALL_POINTS)


def add_common_legend(figure: Figure, columns: int) -> None:
    """Add one legend for all panels below them, with each label once, in the order of the panels."""
    unique: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        unique |= {label: handle for label, handle in zip(labels, handles, strict=True) if label not in unique}
    look: dict[str, Any] = {"ncols": columns, "frameon": False, "fontsize": SMALL_POINTS}
    figure.legend(list(unique.values()), list(unique), loc="outside lower left", **look)


def save_figure(figure: Figure, folder: Path, name: str, forms: Sequence[str] = ("svg", "pdf", "png")) -> list[Path]:
    """Write ``<name>.svg``, ``<name>.pdf`` and ``<name>.png`` and return their paths; the same data gives the same files.

    Args:
        figure: to save.
        folder: where the files go.
        name: of the files, without suffix.
        forms: the formats to write, of these three.

    Raises:
        OutputError: the folder cannot be written.
    """
    from matplotlib import rc_context

    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    paths = []
    for form in forms:
        picture = io.BytesIO()
        # Without dates and random ids the same data gives the same file. Type 42 keeps text in PDF as text.
        with rc_context({"svg.hashsalt": "idf", "pdf.fonttype": 42}):
            figure.savefig(picture, format=form, metadata=metadata[form])
        path = folder / f"{name}.{form}"
        with atomic_write(path) as file:
            file.write(picture.getvalue())
        paths.append(path)
    return paths


def save_widths(wide: Figure, column: Figure, folder: Path, name: str) -> list[Path]:
    """Save a figure in two widths and return the paths, the wide one's first.

    Args:
        wide: as wide as a page; gives ``<name>.svg``, ``<name>.pdf`` and ``<name>.png``.
        column: as wide as a column; gives ``<name>-column.svg`` and ``<name>-column.pdf``.
        folder: where the files go.
        name: of the files, without suffix.

    Raises:
        OutputError: the folder cannot be written.
    """
    return [*save_figure(wide, folder, name), *save_figure(column, folder, f"{name}-column", ("svg", "pdf"))]
