"""Draw docs/flow.svg, the README's picture of the flow: ``python tools/draw_flow.py``."""

from __future__ import annotations

import sys
from pathlib import Path

from idf.installed import need_training

need_training()

# isort: split

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

TARGET = Path(__file__).parent.parent / "docs" / "flow.svg"
INK, BLUE, ORANGE, GREEN, GREY = "#1f2933", "#d6e6f5", "#fde3cf", "#d9efdc", "#eceff2"


def box(axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    shape = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.12", facecolor=colour, edgecolor=INK, linewidth=1
    )
    axes.add_patch(shape)
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=9.5, color=INK, linespacing=1.4)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "", side: float = 0.12) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=INK, linewidth=1.1))
    if text:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axes.text(x, y + side, text, ha="center", va="bottom", fontsize=8.5, color=INK)


def main() -> None:
    figure = Figure(figsize=(10, 4.9))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 20), ylim=(0, 9.8), frameon=False, xticks=[], yticks=[])

    box(axes, 0.3, 6.7, 2.7, 1.6, "samples\nint16, any input", GREY)
    arrow(axes, (3.0, 7.5), (4.5, 7.5), "windows")
    box(axes, 4.5, 6.7, 2.6, 1.6, "squeeze\nN → N/G × G", BLUE)
    arrow(axes, (7.1, 7.5), (8.2, 7.5))
    box(axes, 8.2, 6.7, 3.5, 1.6, "k × (permutation,\ninteger coupling)", BLUE)
    arrow(axes, (11.7, 7.5), (12.8, 7.5))
    box(axes, 12.8, 6.7, 2.8, 1.6, "factor out\nm channels", BLUE)
    arrow(axes, (15.6, 7.5), (17.0, 7.5), "the rest")
    box(axes, 17.0, 6.7, 2.7, 1.6, "last block\nzero-mean logistic", ORANGE)
    axes.add_patch(
        FancyArrowPatch(
            (14.2, 8.3), (9.9, 8.3), connectionstyle="arc3,rad=0.35", arrowstyle="-|>", mutation_scale=11, color=INK
        )
    )
    axes.text(12.05, 9.25, "again, until one block is left", ha="center", fontsize=8.5, color=INK)

    arrow(axes, (14.2, 6.7), (14.2, 5.5), "", 0)
    axes.text(14.4, 6.1, "latents z$_1$, z$_2$, …", va="center", fontsize=9, color=INK)
    box(axes, 11.9, 3.9, 4.6, 1.6, "prior: mixture of logistics\nfor z$_i$, from what remains", ORANGE)
    axes.plot([18.3, 18.3], [6.7, 4.7], color=INK, linewidth=1.1)
    axes.add_patch(FancyArrowPatch((18.3, 4.7), (16.5, 4.7), arrowstyle="-|>", mutation_scale=11, color=INK))
    axes.text(17.45, 4.4, "context", ha="center", va="top", fontsize=8.5, color=INK)

    arrow(axes, (11.9, 4.7), (9.9, 4.7))
    box(axes, 6.7, 3.9, 3.2, 1.6, "−log$_2$ p(z)\nthe training loss", GREEN)
    arrow(axes, (14.2, 3.9), (14.2, 2.5))
    box(axes, 12.2, 0.9, 4.0, 1.6, "integer CDF\nno tables, no floats", GREEN)
    arrow(axes, (12.2, 1.7), (9.9, 1.7))
    box(axes, 6.7, 0.9, 3.2, 1.6, "rANS\npush · pop", GREEN)
    arrow(axes, (6.7, 1.7), (3.9, 1.7))
    box(axes, 0.6, 0.9, 3.3, 1.6, "file, decoded\nbit for bit", GREY)
    axes.add_patch(
        FancyArrowPatch((8.3, 2.5), (8.3, 3.9), arrowstyle="<|-|>", mutation_scale=11, color=INK, linestyle=(0, (4, 3)))
    )
    axes.text(
        8.05, 3.2, "one distribution:\nthe bits reported are the bits coded", ha="right", va="center", fontsize=8.5
    )

    # ids and dates would make the file differ at every drawing
    with matplotlib.rc_context({"svg.hashsalt": "idf", "svg.fonttype": "path"}):
        figure.savefig(TARGET, metadata={"Date": None}, facecolor="white")
    if len(sys.argv) > 1:
        figure.savefig(sys.argv[1], dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
