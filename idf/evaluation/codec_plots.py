"""Figures that compare codecs: file sizes as bars, and file size against the speed of encoding and decoding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idf.evaluation.results import Row
from idf.plotting import (
    BLUE,
    COLUMN_INCHES,
    DPI,
    GREY,
    SMALL_POINTS,
    TEXT_POINTS,
    VERMILION,
    WIDTH_INCHES,
    label_figure,
    new_figure,
    save_widths,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOT_POINTS = 5.0
"""Diameter of a dot."""
RISES = (0.0, 8.0, -8.0, 15.0, -15.0, 22.0, -22.0, 29.0, -29.0, 36.0, -36.0)
"""Vertical distances of a label from its dot, in points."""
GAP_POINTS = 5.0
"""Horizontal distance of a label from its dot."""
LEADER_POINTS = 12.0
"""Labels farther than this above or below their dot get a leader line."""
ROUNDS = 8
"""Most rounds of improving the labels' positions."""


def plot_codecs(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw the bits per sample of a table as bars, smallest files on top, and return the paths of the figure.

    Args:
        rows: of one evaluation; the first is the model.
        folder: gets ``codecs.svg``, ``.pdf`` and ``.png``, and ``codecs-column.svg`` and ``.pdf``.

    Raises:
        OutputError: ``folder`` cannot be written.
    """
    return save_widths(draw_codecs(rows), draw_codecs(rows, COLUMN_INCHES), folder, "codecs")


def draw_codecs(rows: Sequence[Row], width: float = WIDTH_INCHES) -> Figure:
    """Return the bars of :func:`plot_codecs` as a figure.

    Args:
        rows: of one evaluation; the first is the model.
        width: of the figure, in inches.
    """
    ranked = sorted(rows, key=lambda row: row.bits_per_sample)
    figure, axes = new_figure(width, 1.0 + 0.22 * len(rows))
    colours = [BLUE if row is rows[0] else "#B8B8B8" for row in ranked]
    wide = width >= WIDTH_INCHES
    names = [row.codec for row in ranked] if wide else short_names([row.codec for row in ranked])
    bars = axes.barh(range(len(ranked)), [row.bits_per_sample for row in ranked], color=colours, height=0.7)
    axes.bar_label(bars, [f"{row.bits_per_sample:.3f}" for row in ranked], padding=3, fontsize=SMALL_POINTS)
    axes.set_yticks(range(len(ranked)), names)
    axes.get_yticklabels()[ranked.index(rows[0])].set_fontweight("bold")
    axes.invert_yaxis()
    axes.set_xlim(0, (1.12 if wide else 1.4) * max(row.bits_per_sample for row in ranked))
    axes.locator_params(axis="x", nbins=8 if wide else 4)
    axes.grid(visible=False, axis="y")
    label_figure(figure, "Size of the compressed files")
    axes.set_title(f"{rows[0].dataset}, {rows[0].split}", fontsize=TEXT_POINTS, loc="left", color=GREY)
    axes.set_xlabel("bits per sample" + (" (smaller is better)" if wide else ""))
    return figure


@dataclass(frozen=True)
class Mark:
    """One codec in the figure.

    Args:
        name: its label.
        bits_per_sample: of whole files.
        encode, decode: seconds of audio per CPU second, with the start of the program.
        sustained_encode, sustained_decode: the same without the start; None if not measured separately.
        ours: whether it is one of our models.
    """

    name: str
    bits_per_sample: float
    encode: float
    decode: float
    sustained_encode: float | None = None
    sustained_decode: float | None = None
    ours: bool = False

    def speeds(self, step: str) -> list[float]:
        """Return the measured speeds of ``"encode"`` or ``"decode"``, with the start first."""
        found = (getattr(self, step), getattr(self, f"sustained_{step}"))
        return [speed for speed in found if speed is not None]


def plot_speed(marks: Sequence[Mark], about: str, folder: Path, name: str) -> list[Path]:
    """Draw file size against speed for the codecs of one set and return the paths of the figure.

    Args:
        marks: at least one.
        about: which recordings, for the line below the title.
        folder: gets ``<name>.svg``, ``.pdf`` and ``.png``, and ``<name>-column.svg`` and ``.pdf``.
        name: of the files.

    Raises:
        OutputError: ``folder`` cannot be written.
    """
    return save_widths(draw_speed(marks, about), draw_speed(marks, about, COLUMN_INCHES), folder, name)


def draw_speed(marks: Sequence[Mark], about: str, width: float = WIDTH_INCHES) -> Figure:
    """Return file size against the speed of encoding and of decoding, side by side or, if narrow, one below the other.

    Args:
        marks: at least one.
        about: which recordings, for the line below the title.
        width: of the figure, in inches.
    """
    from matplotlib.figure import Figure

    wide = width >= WIDTH_INCHES
    size = (width, 3.6) if wide else (width, 5.6)
    # A white background, so the figure is legible on dark pages.
    figure = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    panels = figure.subplots(*((1, 2) if wide else (2, 1)), sharey=True)
    for axes, step in zip(panels, ("encode", "decode"), strict=True):
        _panel(axes, marks, step)
    for axes in panels[: 1 if wide else 2]:
        axes.set_ylabel("bits per sample (smaller is better)")
    label_figure(figure, "File size against speed on one core")
    panels[0].set_title(about, fontsize=TEXT_POINTS, loc="left", color=GREY)
    _legend(figure, marks, wide)
    figure.draw_without_rendering()  # lays the panels out: labels are placed by their sizes
    names = [mark.name for mark in marks] if wide else short_names([mark.name for mark in marks])
    for axes, step in zip(panels, ("encode", "decode"), strict=True):
        _label(axes, marks, names, step)
    return figure


def short_names(names: Sequence[str]) -> list[str]:
    """Return the names without options (`` -8``, `` --normal``), except where two would then be equal."""
    plain = [name.partition(" -")[0] for name in names]
    return [short if plain.count(short) == 1 else name for short, name in zip(plain, names, strict=True)]


def _panel(axes: Axes, marks: Sequence[Mark], step: str) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    style_axes(axes)
    axes.set_xscale("log")
    axes.set_xlabel(f"{'encoding' if step == 'encode' else 'decoding'} speed, × real time (larger is better)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    for mark in marks:
        colour, sign = _look(mark)
        size, speeds = mark.bits_per_sample, mark.speeds(step)
        axes.plot(speeds, [size] * len(speeds), color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(speeds[1:], [size] * len(speeds[1:]), sign, markersize=DOT_POINTS, color=colour, mfc="white")
        axes.plot(speeds[:1], [size], sign, color=colour, markersize=DOT_POINTS)
    speeds = [speed for mark in marks for speed in mark.speeds(step)]
    # Room for the labels, most of which are to the right of their dots.
    low, high = min(speeds), max(speeds)
    decades = max(1.0, math.log10(high / low))
    axes.set_xlim(low / 10 ** (0.1 * decades), high * 10 ** (0.3 * decades))
    sizes = [mark.bits_per_sample for mark in marks]
    margin = 0.1 * (max(sizes) - min(sizes)) or 0.5
    axes.set_ylim(min(sizes) - margin, max(sizes) + margin)


def _look(mark: Mark) -> tuple[str, str]:
    """Return the colour and the marker of a codec."""
    return (VERMILION, "o") if mark.ours else (BLUE, "s")


def _label(axes: Axes, marks: Sequence[Mark], names: Sequence[str], step: str) -> None:
    """Label all codecs where the labels cover neither dots nor each other, as far as there are such places."""
    points = 72 / axes.figure.dpi
    panel = _Box(0.0, 0.0, axes.bbox.width * points, axes.bbox.height * points)

    def place(speed: float, size: float) -> tuple[float, float]:
        """Return a position in points from the lower left corner of the panel."""
        x, y = axes.transData.transform((speed, size))
        return (x - axes.bbox.x0) * points, (y - axes.bbox.y0) * points

    texts, dots, lines, choices = [], [], [], []
    for mark, name in zip(marks, names, strict=True):
        ends = [place(speed, mark.bits_per_sample) for speed in mark.speeds(step)]
        left, right = min(x for x, _ in ends), max(x for x, _ in ends)
        middle, reach = ends[0][1], DOT_POINTS / 2 + 1
        dots += [_Box(x - reach, y - reach, x + reach, y + reach) for x, y in ends]
        lines.append(_Box(left, middle - 1, right, middle + 1))
        text = axes.annotate(
            name,
            (max(mark.speeds(step)), mark.bits_per_sample),
            (0, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=SMALL_POINTS,
            color=VERMILION if mark.ours else "#333333",
            fontweight="bold" if mark.ours else "normal",
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
        )
        text.set_in_layout(False)
        extent = text.get_window_extent()
        texts.append((text, right, middle))
        choices.append(_choices(left, right, middle, extent.width * points, extent.height * points))
    boxes = _arrange(choices, [*dots, *lines], panel)
    for (text, right, middle), box in zip(texts, boxes, strict=True):
        offset = (box.bottom + box.top) / 2 - middle
        text.set_position((box.left - right, offset))
        if text.arrow_patch is not None:
            text.arrow_patch.set_visible(abs(offset) > LEADER_POINTS)


def _choices(left: float, right: float, middle: float, width: float, height: float) -> list[_Box]:
    """Return the possible places of a label, the best first.

    Args:
        left, right, middle: of the codec's dots.
        width, height: of the label.
    """
    found = []
    for rise in RISES:
        starts = [right + GAP_POINTS, left - GAP_POINTS - width]
        if rise:
            starts += [right - width / 2, left - width / 2]
        bottom = middle + rise - height / 2
        found += [_Box(start, bottom, start + width, bottom + height) for start in starts]
    return found


def _arrange(choices: Sequence[Sequence[_Box]], fixed: Sequence[_Box], panel: _Box) -> list[_Box]:
    """Choose a place for each label: first one after another, then in rounds until no label finds a better place."""
    chosen: list[_Box] = []

    def cost(index: int, rank: int, others: Sequence[_Box]) -> float:
        box = choices[index][rank]
        covered = sum(box.overlap(other) for other in (*fixed, *others))
        return covered + box.outside(panel) + 0.15 * rank

    def best(index: int, others: Sequence[_Box]) -> _Box:
        evaluate: Callable[[int], float] = lambda rank: cost(index, rank, others)  # noqa: E731
        return choices[index][min(range(len(choices[index])), key=evaluate)]

    for index in range(len(choices)):
        chosen.append(best(index, chosen))
    for _ in range(ROUNDS):
        before = list(chosen)
        for index in range(len(choices)):
            chosen[index] = best(index, [*chosen[:index], *chosen[index + 1 :]])
        if chosen == before:
            break
    return chosen


@dataclass(frozen=True)
class _Box:
    """A rectangle in points from the lower left corner of a panel."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: _Box) -> float:
        """Return the common area, in square points."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(across, 0.0) * max(up, 0.0)

    def outside(self, panel: _Box) -> float:
        """Return a penalty for leaving the panel, larger than that for covering another label."""
        beyond = (
            *(panel.left - self.left, panel.bottom - self.bottom),
            *(self.right - panel.right, self.top - panel.top),
        )
        return 1000.0 * sum(max(far, 0.0) for far in beyond)


def _legend(figure: Figure, marks: Sequence[Mark], wide: bool) -> None:
    """Explain the marks below the panels."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"linestyle": "none", "markersize": DOT_POINTS}
    handles = []
    if any(mark.ours for mark in marks):
        ours = look | {"marker": "o", "color": VERMILION}
        handles.append(Line2D([], [], label="idf, start-up included", **ours))
        handles.append(Line2D([], [], label="idf, start-up excluded", markerfacecolor="white", **ours))
    if not all(mark.ours for mark in marks):
        handles.append(Line2D([], [], label="other codecs", marker="s", color=BLUE, **look))
    columns = 3 if wide else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL_POINTS)
