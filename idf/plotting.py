"""The style of all figures: colours, sizes, labels, and saving.

Figures are built as objects, without pyplot and without changing matplotlib's global settings.
The colours are those of Okabe and Ito, distinguishable with every kind of colour vision.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from idf.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
SKY, PINK, GRID = "#56B4E9", "#CC79A7", "#E3E3E3"

WIDTH_INCHES, HEIGHT_INCHES, DPI = 7.0, 4.0, 160


def new_figure(width: float = WIDTH_INCHES, height: float = HEIGHT_INCHES) -> tuple[Figure, Axes]:
    """Return a figure with one panel, and its axes. Sizes are in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Give axes light grid lines and no box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def label_figure(figure: Figure, title: str) -> None:
    """Add a left-aligned title above all panels."""
    figure.suptitle(title, fontsize=12, x=0.01, ha="left", fontweight="bold")


def label_axes(axes: Axes, title: str, x: str, y: str) -> None:
    """Add a left-aligned title and axis labels."""
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=24)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def add_legend(figure: Figure, axes: Axes) -> None:
    """Add a frameless legend below the panel, where it hides no curve, if any curve is labelled."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = 2 if figure.get_figwidth() >= WIDTH_INCHES else 1
        figure.legend(handles, labels, loc="outside lower left", ncols=columns, frameon=False, fontsize=9)


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``<name>.svg`` and ``<name>.png``. The same data gives the same files.

    Returns:
        The paths written.

    Raises:
        OutputError: the folder cannot be written.
    """
    from matplotlib import rc_context

    paths = []
    for form, metadata in (("svg", {"Date": None}), ("png", {})):
        picture = io.BytesIO()
        # no date and no random identifiers, for reproducible files
        with rc_context({"svg.hashsalt": "idf"}):
            figure.savefig(picture, format=form, metadata=metadata)
        path = folder / f"{name}.{form}"
        with atomic_write(path) as file:
            file.write(picture.getvalue())
        paths.append(path)
    return paths
