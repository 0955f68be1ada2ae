"""Draw the README's figure of the flow, for a page and for a column, as SVG and PDF.

Run ``python tools/draw_flow.py`` to write it to docs/, ``python tools/draw_flow.py FOLDER`` to write it to another
folder, with a PNG file as well.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from idf.installed import need_training

need_training()

# isort: split

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from idf.plotting import COLUMN_INCHES, DPI, SMALL_POINTS, WIDTH_INCHES, save_figure, save_widths

DOCS = Path(__file__).parent.parent / "docs"
INK, BLUE, ORANGE, GREEN, GREY = "#1f2933", "#d6e6f5", "#fde3cf", "#d9efdc", "#eceff2"


def box(axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    """Draw a box with text; ``x``, ``y`` is its lower left corner."""
    shape = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.12", facecolor=colour, edgecolor=INK, linewidth=1
    )
    axes.add_patch(shape)
    axes.text(
        x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=SMALL_POINTS, color=INK, linespacing=1.4
    )


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "", side: float = 0.12) -> None:
    """Draw an arrow, with text ``side`` above its middle."""
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=INK, linewidth=0.9))
    if text:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axes.text(x, y + side, text, ha="center", va="bottom", fontsize=SMALL_POINTS, color=INK)


def canvas(width: float, height: float, across: float, bottom: float, top: float) -> tuple[Figure, Axes]:
    """Return an empty figure; ``width`` and ``height`` in inches, the rest in units of its coordinates."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    limits = {"xlim": (0, across), "ylim": (bottom, top)}
    return figure, figure.add_axes((0, 0, 1, 1), **limits, frameon=False, xticks=[], yticks=[])


def label(axes: Axes, x: float, y: float, text: str, **more: Any) -> None:
    """Write a label."""
    axes.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": SMALL_POINTS, "color": INK} | more)


def two_way(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a dashed arrow in both directions."""
    look = {"arrowstyle": "<|-|>", "mutation_scale": 9, "color": INK, "linestyle": (0, (4, 3))}
    axes.add_patch(FancyArrowPatch(start, end, **look))


def draw_column() -> Figure:
    """Return the figure for a column."""
    figure, axes = canvas(COLUMN_INCHES, 5.0, 10, 0, 14.7)
    box(axes, 0.2, 12.9, 3.3, 1.5, "samples\nint16, any input", GREY)
    arrow(axes, (3.5, 13.65), (6.2, 13.65), "windows")
    box(axes, 6.2, 12.9, 3.6, 1.5, "squeeze\nN → N/G × G", BLUE)
    arrow(axes, (8.0, 12.9), (8.0, 11.9))
    box(axes, 5.7, 10.4, 4.1, 1.5, "k × (permutation,\ninteger coupling)", BLUE)
    arrow(axes, (8.0, 10.4), (8.0, 9.4))
    box(axes, 6.2, 7.9, 3.6, 1.5, "factor out\nm channels", BLUE)
    axes.plot([6.2, 4.9, 4.9], [8.9, 8.9, 11.15], color=INK, linewidth=0.9)
    arrow(axes, (4.9, 11.15), (5.7, 11.15))
    label(axes, 4.7, 10.1, "repeat until\none block\nis left", ha="right")
    arrow(axes, (6.2, 8.3), (3.9, 8.3))
    label(axes, 5.05, 7.95, "the rest", va="top")
    box(axes, 0.2, 7.9, 3.7, 1.5, "last block\nzero-mean logistic", ORANGE)
    arrow(axes, (8.0, 7.9), (8.0, 6.7))
    label(axes, 7.8, 7.35, "latents z$_1$, z$_2$, …", ha="right")
    box(axes, 4.2, 5.2, 5.6, 1.5, "prior: mixture of logistics\nfor z$_i$, given what remains", ORANGE)
    axes.plot([1.6, 1.6], [7.9, 5.95], color=INK, linewidth=0.9)
    arrow(axes, (1.6, 5.95), (4.2, 5.95), "context")
    arrow(axes, (5.0, 5.2), (3.2, 4.2))
    box(axes, 0.2, 2.7, 3.7, 1.5, "−log$_2$ p(z)\nthe training loss", GREEN)
    arrow(axes, (8.0, 5.2), (8.0, 4.2))
    box(axes, 5.6, 2.7, 4.2, 1.5, "integer CDF\nno tables, no floats", GREEN)
    arrow(axes, (8.0, 2.7), (8.0, 1.7))
    box(axes, 6.2, 0.2, 3.6, 1.5, "rANS\npush · pop", GREEN)
    arrow(axes, (6.2, 0.7), (3.5, 0.7))
    box(axes, 0.2, 0.2, 3.3, 1.5, "file, decoded\nbit for bit", GREY)
    two_way(axes, (3.9, 2.9), (6.2, 1.5))
    label(axes, 0.2, 2.2, "one distribution:\nreported bits = coded bits", ha="left")
    return figure


def draw_page() -> Figure:
    """Return the figure for a page."""
    figure, axes = canvas(WIDTH_INCHES, 3.4, 20, 0.6, 9.8)

    box(axes, 0.3, 6.7, 2.7, 1.6, "samples\nint16, any input", GREY)
    arrow(axes, (3.0, 7.5), (4.5, 7.5), "windows")
    box(axes, 4.5, 6.7, 2.6, 1.6, "squeeze\nN → N/G × G", BLUE)
    arrow(axes, (7.1, 7.5), (8.2, 7.5))
    box(axes, 8.2, 6.7, 3.5, 1.6, "k × (permutation,\ninteger coupling)", BLUE)
    arrow(axes, (11.7, 7.5), (12.6, 7.5))
    box(axes, 12.6, 6.7, 2.8, 1.6, "factor out\nm channels", BLUE)
    arrow(axes, (15.4, 7.5), (16.7, 7.5), "the rest")
    box(axes, 16.7, 6.7, 3.1, 1.6, "last block\nzero-mean logistic", ORANGE)
    axes.add_patch(
        FancyArrowPatch(
            (14.2, 8.3), (9.9, 8.3), connectionstyle="arc3,rad=0.35", arrowstyle="-|>", mutation_scale=9, color=INK
        )
    )
    label(axes, 12.05, 9.35, "repeat until one block is left")

    arrow(axes, (14.2, 6.7), (14.2, 5.5), "", 0)
    label(axes, 14.4, 6.1, "latents z$_1$, z$_2$, …", ha="left")
    box(axes, 11.9, 3.9, 4.6, 1.6, "prior: mixture of logistics\nfor z$_i$, given what remains", ORANGE)
    axes.plot([18.3, 18.3], [6.7, 4.7], color=INK, linewidth=0.9)
    axes.add_patch(FancyArrowPatch((18.3, 4.7), (16.5, 4.7), arrowstyle="-|>", mutation_scale=9, color=INK))
    label(axes, 17.45, 4.4, "context", va="top")

    arrow(axes, (11.9, 4.7), (9.9, 4.7))
    box(axes, 6.7, 3.9, 3.2, 1.6, "−log$_2$ p(z)\nthe training loss", GREEN)
    arrow(axes, (14.2, 3.9), (14.2, 2.5))
    box(axes, 12.2, 0.9, 4.0, 1.6, "integer CDF\nno tables, no floats", GREEN)
    arrow(axes, (12.2, 1.7), (9.9, 1.7))
    box(axes, 6.7, 0.9, 3.2, 1.6, "rANS\npush · pop", GREEN)
    arrow(axes, (6.7, 1.7), (3.9, 1.7))
    box(axes, 0.6, 0.9, 3.3, 1.6, "file, decoded\nbit for bit", GREY)
    two_way(axes, (8.3, 2.5), (8.3, 3.9))
    label(axes, 8.05, 3.2, "one distribution:\nreported bits = coded bits", ha="right")
    return figure


def main() -> None:
    """Draw the figure and save it."""
    if len(sys.argv) > 1:
        save_widths(draw_page(), draw_column(), Path(sys.argv[1]), "flow")
        return
    save_figure(draw_page(), DOCS, "flow", ("svg", "pdf"))
    save_figure(draw_column(), DOCS, "flow-column", ("svg", "pdf"))


if __name__ == "__main__":
    main()
