"""Draw docs/flow.svg and docs/flow.pdf, the README's figure of the flow.

python tools/draw_flow.py            into docs/
python tools/draw_flow.py FOLDER     into another folder, with a PNG file as well
"""

from __future__ import annotations

import sys
from pathlib import Path

from idf.installed import need_training

need_training()

# isort: split

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from idf.plotting import SMALL_POINTS, WIDTH_INCHES, save_figure

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


def main() -> None:
    """Draw the figure and save it."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.4), dpi=200, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 20), ylim=(0.6, 9.8), frameon=False, xticks=[], yticks=[])

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
    axes.text(12.05, 9.25, "repeat until one block is left", ha="center", fontsize=SMALL_POINTS, color=INK)

    arrow(axes, (14.2, 6.7), (14.2, 5.5), "", 0)
    axes.text(14.4, 6.1, "latents z$_1$, z$_2$, …", va="center", fontsize=SMALL_POINTS, color=INK)
    box(axes, 11.9, 3.9, 4.6, 1.6, "prior: mixture of logistics\nfor z$_i$, given what remains", ORANGE)
    axes.plot([18.3, 18.3], [6.7, 4.7], color=INK, linewidth=0.9)
    axes.add_patch(FancyArrowPatch((18.3, 4.7), (16.5, 4.7), arrowstyle="-|>", mutation_scale=9, color=INK))
    axes.text(17.45, 4.4, "context", ha="center", va="top", fontsize=SMALL_POINTS, color=INK)

    arrow(axes, (11.9, 4.7), (9.9, 4.7))
    box(axes, 6.7, 3.9, 3.2, 1.6, "−log$_2$ p(z)\nthe training loss", GREEN)
    arrow(axes, (14.2, 3.9), (14.2, 2.5))
    box(axes, 12.2, 0.9, 4.0, 1.6, "integer CDF\nno tables, no floats", GREEN)
    arrow(axes, (12.2, 1.7), (9.9, 1.7))
    box(axes, 6.7, 0.9, 3.2, 1.6, "rANS\npush · pop", GREEN)
    arrow(axes, (6.7, 1.7), (3.9, 1.7))
    box(axes, 0.6, 0.9, 3.3, 1.6, "file, decoded\nbit for bit", GREY)
    axes.add_patch(
        FancyArrowPatch((8.3, 2.5), (8.3, 3.9), arrowstyle="<|-|>", mutation_scale=9, color=INK, linestyle=(0, (4, 3)))
    )
    axes.text(
        8.05,
        3.2,
        "one distribution:\nreported bits = coded bits",
        ha="right",
        va="center",
        fontsize=SMALL_POINTS,
    )

    if len(sys.argv) > 1:
        save_figure(figure, Path(sys.argv[1]), "flow")
    else:
        save_figure(figure, DOCS, "flow", ("svg", "pdf"))


if __name__ == "__main__":
    main()
