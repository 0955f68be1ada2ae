"""How training went, drawn from ``history.jsonl``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idf.config import load_config
from idf.plotting import (
    BLUE,
    DPI,
    GREY,
    ORANGE,
    VERMILION,
    WIDTH_INCHES,
    add_legend,
    label_axes,
    label_figure,
    new_figure,
    save_figure,
    style_axes,
)
from idf.runs.history import finite_number, read_history
from idf.runs.run import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MAX_MARKS = 12
"""More changes of the sharpness than this are a smooth schedule: shaded as a span instead of marked one by one."""


Points = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Series:
    """A history by kind, one record a step: of a step that was logged twice (after a resume) the last."""

    records: dict[str, list[dict[str, Any]]]

    def points(self, kind: str, metric: str) -> Points:
        """Steps and values of a metric; values that are missing, null or not finite are left out."""
        found = [(record["step"], finite_number(record.get(metric))) for record in self.records.get(kind, [])]
        known = [(step, value) for step, value in found if value is not None]
        return [step for step, _ in known], [value for _, value in known]


def read_series(path: Path) -> Series:
    """Read a run's history for its curves.

    Raises:
        RunError: the history is missing or damaged, see :func:`~idf.runs.history.read_history`.
    """
    latest: dict[str, dict[int, dict[str, Any]]] = {}
    for record in read_history(path):
        latest.setdefault(record["kind"], {})[record["step"]] = record
    return Series({kind: [of_kind[step] for step in sorted(of_kind)] for kind, of_kind in latest.items()})


def plot_history(history_path: Path, folder: Path) -> list[Path]:
    """Draw how training went.

    Args:
        history_path: a run's ``history.jsonl``. If the ``config.yaml`` beside it says that the sharpness is
            learned, its drift is not marked: only a schedule's changes explain jumps of the curves.
        folder: gets ``loss``, ``bits_per_dimension``, ``compression_ratio`` and ``log_scales``, each as
            ``.svg`` and ``.png``; a figure without any data is left out.

    Returns:
        the files written.

    Raises:
        RunError: the history cannot be read.
        OutputError: ``folder`` cannot be written.
    """
    figures = draw_history(history_path)
    return [path for name, figure in figures.items() for path in save_figure(figure, folder, name)]


def draw_history(history_path: Path, width: float = WIDTH_INCHES) -> dict[str, Figure]:
    """The figures of :func:`plot_history` by name, those without any data left out.

    Args:
        width: inches.

    Raises:
        RunError: the history cannot be read.
    """
    history = read_series(Path(history_path))
    changes = _Changes() if _learns_sharpness(Path(history_path).parent) else _sharpness_changes(history)
    bits = _Curves("Bits per dimension", "bits per sample", "bits_per_dim", "loss")
    ratio = _Curves("Compression ratio", "16 bits / bits per sample", "compression_ratio", "compression_ratio")
    figures = {
        "loss": _loss(history, changes, width),
        "bits_per_dimension": _curves(history, changes, bits, width),
        "compression_ratio": _curves(history, changes, ratio, width),
        "log_scales": _log_scales(history, width),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}


@dataclass(frozen=True)
class _Curves:
    """Title and unit of a figure; its metric of validation and coding records, and that of training records."""

    title: str
    unit: str
    metric: str
    train: str


@dataclass(frozen=True)
class _Changes:
    """Where the scheduled sharpness moves: single steps with the new value, or one span of a smooth schedule."""

    marks: tuple[tuple[float, float], ...] = ()
    span: tuple[float, float] | None = None


def _learns_sharpness(run: Path) -> bool:
    path = RunFolder(run).config_path
    return path.is_file() and load_config(path).sharpness.kind == "learned"


def _sharpness_changes(history: Series) -> _Changes:
    steps, values = history.points("train", "sharpness")
    moved = [index for index in range(1, len(values)) if values[index] != values[index - 1]]
    if not moved:
        return _Changes()
    if len(moved) > MAX_MARKS:
        return _Changes(span=(steps[moved[0] - 1], steps[moved[-1]]))
    # A change lies between two logged steps; the middle is the fairest mark.
    return _Changes(tuple(((steps[index - 1] + steps[index]) / 2, values[index]) for index in moved))


def _loss(history: Series, changes: _Changes, width: float) -> Figure | None:
    steps, loss = history.points("train", "loss")
    if not steps:
        return None
    figure, axes = new_figure(width)
    axes.plot(steps, loss, color=BLUE, alpha=0.35, linewidth=0.9, label="training windows")
    axes.plot(steps, _smooth(loss), color=BLUE, linewidth=1.6, label="the same, smoothed")
    _limit(axes, [(steps, loss)])
    _mark(axes, changes)
    label_axes(axes, "Training loss", "optimiser step", "−log₂ p, bits per sample")
    add_legend(axes)
    return figure


def _curves(history: Series, changes: _Changes, which: _Curves, width: float) -> Figure | None:
    curves: list[tuple[Points, dict[str, Any]]] = []
    steps, values = history.points("train", which.train)
    curves.append(((steps, _smooth(values)), {"color": GREY, "linewidth": 1.2, "label": "training windows, smoothed"}))
    style = {"linewidth": 1.8, "marker": "o", "markersize": 3.5}
    curves.append(
        (history.points("validation", which.metric), {"color": BLUE, "label": "validation clips, −log₂ p", **style})
    )
    coded = history.points("coded", which.metric)
    marker = {"linestyle": "none", "marker": "D", "markersize": 5}
    curves.append((coded, {"color": VERMILION, "label": "a few of them, really coded", **marker}))
    drawn = [(points, look) for points, look in curves if points[0]]
    if not drawn:
        return None
    figure, axes = new_figure(width)
    for (at, of), look in drawn:
        axes.plot(at, of, **look)
    _limit(axes, [points for points, _ in drawn])
    _mark(axes, changes)
    label_axes(axes, which.title, "optimiser step", which.unit)
    add_legend(axes)
    return figure


def _log_scales(history: Series, width: float) -> Figure | None:
    # A dictionary keeps the blocks in the order in which they leave the flow, as training writes them.
    keys = dict.fromkeys(key for record in history.records.get("train", []) for key in record)
    blocks = [match[1] for key in keys if (match := re.fullmatch(r"log_scale/(.+)/mean", key))]
    blocks = [block for block in blocks if history.points("train", f"log_scale/{block}/mean")[0]]
    if not blocks:
        return None
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = max(1, min(4, len(blocks), round(width / 1.75)))
    rows = math.ceil(len(blocks) / columns)
    across = width if width < WIDTH_INCHES else max(width, 2.3 * columns)
    figure = Figure(figsize=(across, 1.1 + 1.5 * rows), dpi=DPI, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, block in zip(grid.flat, blocks, strict=False):
        style_axes(axes)
        lows, highs = (history.points("train", f"log_scale/{block}/{end}") for end in ("min", "max"))
        if lows[0] == highs[0]:
            axes.fill_between(lows[0], lows[1], highs[1], color=BLUE, alpha=0.18, linewidth=0, label="min to max")
        axes.plot(*history.points("train", f"log_scale/{block}/mean"), color=BLUE, linewidth=1.4, label="mean")
        axes.set_title(str(block), fontsize=9, loc="left")
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in list(grid.flat)[len(blocks) :]:
        axes.set_axis_off()
    # The panels above an empty place show the steps that shared axes leave to the last row.
    for column in range(columns):
        lowest = (len(blocks) - 1 - column) // columns
        grid[lowest, column].tick_params(labelbottom=True)
    # The legend stands beside the title.
    label_figure(figure, "Log-scale of each block's logistics" if across >= WIDTH_INCHES else "Log-scales")
    figure.supxlabel("optimiser step", fontsize=10)
    figure.supylabel("log-scale, nats on the [−1, 1) scale", fontsize=10)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    return figure


def _mark(axes: Axes, changes: _Changes) -> None:
    """Show the sharpness changes without moving the axes' limits."""
    for step, value in changes.marks:
        axes.axvline(step, color=ORANGE, linestyle="--", linewidth=1.1, zorder=1)
        axes.annotate(
            f"{value:g}",
            (step, 1.01),
            xycoords=axes.get_xaxis_transform(),
            color="#8A5F00",
            fontsize=8,
            ha="center",
            va="bottom",
            annotation_clip=False,
        )
    if changes.marks:
        axes.plot([], [], color=ORANGE, linestyle="--", linewidth=1.1, label="sharpness changes to (log-scale)")
    if changes.span is not None:
        axes.axvspan(*changes.span, color=ORANGE, alpha=0.13, linewidth=0, label="sharpness moves", zorder=0)


def _limit(axes: Axes, curves: Sequence[Points]) -> None:
    """Leave out the first twentieth of the steps, whose steep fall would flatten all the rest."""
    first, last = min(steps[0] for steps, _ in curves), max(steps[-1] for steps, _ in curves)
    start = first + 0.05 * (last - first)
    shown = [value for steps, values in curves for step, value in zip(steps, values, strict=True) if step >= start]
    low, high = min(shown), max(shown)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)


def _smooth(values: list[float]) -> list[float]:
    """A centred moving average over about a twentieth of the curve: unlike a running one it does not lag."""
    reach = max(1, len(values) // 40)
    smooth = []
    for index in range(len(values)):
        # The reach shrinks towards the ends, so that the average stays centred.
        near = min(reach, index, len(values) - 1 - index)
        part = values[index - near : index + near + 1]
        smooth.append(sum(part) / len(part))
    return smooth
