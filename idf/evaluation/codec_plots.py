"""Figures that compare codecs: sizes as bars, and size against speed of encoding and decoding side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from idf.evaluation.results import Row
from idf.plotting import BLUE, GREY, VERMILION, label_figure, new_figure, save_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME_POINTS, DOT_POINTS = 8.0, 4.0
"""Size of the names' letters, and half a dot."""
CHARACTER = 0.56
"""Width of a letter on average, of its size."""
PANEL_POINTS = (295.0, 275.0)
"""Width and height of a panel, near enough to place names."""
RISES = (0.0, 9.0, -9.0, 18.0, -18.0, 27.0, -27.0)
"""How far above its point a name may stand, in points, the nearest first."""


def plot_codecs(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw the table's bits per sample as bars, the smallest files on top; the first row is the model.

    Returns:
        ``codecs.svg`` and ``codecs.png`` in ``folder``.

    Raises:
        OutputError: ``folder`` cannot be written.
    """
    ranked = sorted(rows, key=lambda row: row.bits_per_sample)
    figure, axes = new_figure(height=1.5 + 0.34 * len(rows))
    colours = [BLUE if row is rows[0] else "#B8B8B8" for row in ranked]
    names = [row.codec for row in ranked]
    bars = axes.barh(range(len(ranked)), [row.bits_per_sample for row in ranked], color=colours, height=0.7)
    axes.bar_label(bars, [f"{row.bits_per_sample:.3f}" for row in ranked], padding=4, fontsize=9)
    axes.set_yticks(range(len(ranked)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * max(row.bits_per_sample for row in ranked))
    axes.grid(visible=False, axis="y")
    label_figure(figure, "Size of the files")
    axes.set_title(f"{rows[0].dataset}, {rows[0].split}", fontsize=9, loc="left", color=GREY)
    axes.set_xlabel("bits per sample (smaller is better)")
    return save_figure(figure, folder, "codecs")


@dataclass(frozen=True)
class Mark:
    """One codec in the figure.

    Args:
        name: its label.
        bits_per_sample: of whole files.
        encode, decode: seconds of audio for one CPU second, start of the program included.
        sustained_encode, sustained_decode: without the start; None where it is not known apart.
        ours: drawn in colour.
    """

    name: str
    bits_per_sample: float
    encode: float
    decode: float
    sustained_encode: float | None = None
    sustained_decode: float | None = None
    ours: bool = False


def plot_speed(marks: Sequence[Mark], about: str, folder: Path, name: str) -> list[Path]:
    """Draw the codecs of one set. The figure has a white ground of its own, so it reads in dark pages too.

    Args:
        marks: at least one.
        about: which recordings, for the line under the title.
        folder: gets ``<name>.svg`` and ``<name>.png``.

    Returns:
        the files written.

    Raises:
        OutputError: ``folder`` cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.8), dpi=160, layout="constrained", facecolor="white")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, step in zip(panels, ("encode", "decode"), strict=True):
        _panel(axes, marks, step)
    panels[0].set_ylabel("bits per sample (smaller is better)")
    label_figure(figure, "Size of the files against speed, one core")
    panels[0].set_title(about, fontsize=9, loc="left", color=GREY)
    if any(mark.ours for mark in marks):
        _legend(panels[1])
    return save_figure(figure, folder, name)


def _panel(axes: Axes, marks: Sequence[Mark], step: str) -> None:
    from matplotlib.ticker import FuncFormatter

    style_axes(axes)
    axes.set_xscale("log")
    axes.set_xlabel(f"speed of {'encoding' if step == 'encode' else 'decoding'}, × real time (faster to the right)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}×"))
    for mark in marks:
        colour = VERMILION if mark.ours else BLUE
        speed: float = getattr(mark, step)
        sustained: float | None = getattr(mark, f"sustained_{step}")
        size = mark.bits_per_sample
        if sustained is not None:
            axes.plot([speed, sustained], [size, size], color=colour, linewidth=1.2, alpha=0.6)
            axes.plot([sustained], [size], "o", markersize=7, markerfacecolor="white", markeredgecolor=colour)
        axes.plot([speed], [size], "o", color=colour, markersize=7)
    speeds = [value for mark in marks for value in _speeds(mark, step)]
    # Room for the names, most of which stand to the right of their points.
    low, high = min(speeds), max(speeds)
    decades = max(1.0, math.log10(high / low))
    axes.set_xlim(low / 10 ** (0.1 * decades), high * 10 ** (0.3 * decades))
    sizes = [mark.bits_per_sample for mark in marks]
    margin = 0.1 * (max(sizes) - min(sizes)) or 0.5
    axes.set_ylim(min(sizes) - margin, max(sizes) + margin)
    _names(axes, marks, step)


def _names(axes: Axes, marks: Sequence[Mark], step: str) -> None:
    """Write each name beside its points, where it covers no point and no other name if there is such a place."""

    def position(speed: float, size: float) -> tuple[float, float]:
        """In points from the lower left corner of the panel."""
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        across = math.log(speed / left) / math.log(right / left)
        return PANEL_POINTS[0] * across, PANEL_POINTS[1] * (size - low) / (high - low)

    dots = [position(speed, mark.bits_per_sample) for mark in marks for speed in _speeds(mark, step)]
    taken = [_Box(x - DOT_POINTS, y - DOT_POINTS, x + DOT_POINTS, y + DOT_POINTS) for x, y in dots]
    for mark in sorted(marks, key=lambda mark: not mark.ours):
        right, left = (position(end(_speeds(mark, step)), mark.bits_per_sample) for end in (max, min))
        width = NAME_POINTS * CHARACTER * len(mark.name)
        places = []
        for rise in RISES:
            beside = 7.0 if abs(rise) < DOT_POINTS else 3.0
            places += [_Box.at(right[0] + beside, right[1] + rise, width)]
            places += [_Box.at(left[0] - beside - width, left[1] + rise, width)]
        box = min(places, key=lambda place: sum(map(place.overlap, taken)) + place.outside())
        taken.append(box)
        colour = VERMILION if mark.ours else "#333333"
        axes.annotate(
            mark.name,
            (max(_speeds(mark, step)), mark.bits_per_sample),
            (box.left - right[0], box.bottom + NAME_POINTS / 2 - right[1]),
            textcoords="offset points",
            va="center",
            fontsize=NAME_POINTS,
            color=colour,
            fontweight="bold" if mark.ours else "normal",
        )


@dataclass(frozen=True)
class _Box:
    """A rectangle in points from the lower left corner of a panel."""

    left: float
    bottom: float
    right: float
    top: float

    @staticmethod
    def at(left: float, middle: float, width: float) -> _Box:
        """A name that begins at ``left``."""
        return _Box(left, middle - NAME_POINTS / 2, left + width, middle + NAME_POINTS / 2)

    def overlap(self, other: _Box) -> float:
        """Area of both, in square points."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(across, 0.0) * max(up, 0.0)

    def outside(self) -> float:
        """A penalty where it leaves the panel, which weighs more than covering another name."""
        beyond = (-self.left, -self.bottom, self.right - PANEL_POINTS[0], self.top - PANEL_POINTS[1])
        return 1000.0 * sum(max(far, 0.0) for far in beyond)


def _speeds(mark: Mark, step: str) -> list[float]:
    found = (getattr(mark, step), getattr(mark, f"sustained_{step}"))
    return [speed for speed in found if speed is not None]


def _legend(axes: Axes) -> None:
    axes.plot([], [], "o", color=VERMILION, label="idf, the command with its start")
    axes.plot([], [], "o", markerfacecolor="white", markeredgecolor=VERMILION, color="none", label="idf, once started")
    axes.plot([], [], "o", color=BLUE, label="other codecs")
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0)
