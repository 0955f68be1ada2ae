"""Training curves, drawn from ``history.jsonl``."""

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
    COLUMN_INCHES,
    DPI,
    GREY,
    HEIGHT_INCHES,
    ORANGE,
    SMALL_POINTS,
    TEXT_POINTS,
    VERMILION,
    WIDTH_INCHES,
    add_legend,
    label_axes,
    label_figure,
    new_figure,
    save_widths,
    style_axes,
)
from idf.runs.history import finite_number, read_history
from idf.runs.run import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MAX_MARKS = 12
"""With more changes than this, the sharpness schedule counts as smooth and is shaded as one span."""
MARK_INCHES = 0.45
"""Width reserved for the value at a mark."""


Points = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Series:
    """A history by kind, with one record per step: the last one if a step was logged twice (after a resume)."""

    records: dict[str, list[dict[str, Any]]]

    def points(self, kind: str, metric: str) -> Points:
        """Return steps and values of a metric, without missing, null and non-finite values."""
        found = [(record["step"], finite_number(record.get(metric))) for record in self.records.get(kind, [])]
        known = [(step, value) for step, value in found if value is not None]
        return [step for step, _ in known], [value for _, value in known]


def read_series(path: Path) -> Series:
    """Read a run's history for its curves.

    Raises:
        RunError: the history is missing or damaged (:func:`~idf.runs.history.read_history`).
    """
    latest: dict[str, dict[int, dict[str, Any]]] = {}
    for record in read_history(path):
        latest.setdefault(record["kind"], {})[record["step"]] = record
    return Series({kind: [of_kind[step] for step in sorted(of_kind)] for kind, of_kind in latest.items()})


def plot_history(history_path: Path, folder: Path) -> list[Path]:
    """Write the training curves as figures.

    Args:
        history_path: a run's ``history.jsonl``. Changes of the sharpness are marked unless the ``config.yaml``
            beside it says that the sharpness is learned: only scheduled changes explain jumps in the curves.
        folder: gets ``bits_per_dimension``, ``compression_ratio`` and ``log_scales``, each as
            :func:`idf.plotting.save_widths` writes them. Figures without data are not written.

    Returns:
        The files written.

    Raises:
        RunError: the history cannot be read.
        OutputError: ``folder`` cannot be written.
    """
    wide, column = draw_history(history_path), draw_history(history_path, COLUMN_INCHES)
    return [path for name in wide for path in save_widths(wide[name], column[name], folder, name)]


def draw_history(history_path: Path, width: float = WIDTH_INCHES) -> dict[str, Figure]:
    """Return the figures of :func:`plot_history` by name, without those that have no data.

    Args:
        width: inches.

    Raises:
        RunError: the history cannot be read.
    """
    history = read_series(Path(history_path))
    changes = _Changes() if _learns_sharpness(Path(history_path).parent) else _sharpness_changes(history)
    bits = _Curves("Bits per dimension", "bits per sample", "bits_per_dim", "loss", "likelihood_bits_per_dim")
    ratio = _Curves("Compression ratio", "16 bits / bits per sample", "compression_ratio", "compression_ratio")
    figures = {
        "bits_per_dimension": _curves(history, changes, bits, width),
        "compression_ratio": _curves(history, changes, ratio, width),
        "log_scales": _log_scales(history, width),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}


@dataclass(frozen=True)
class _Curves:
    """The content of one figure.

    Args:
        title, unit: labels of the figure.
        metric: metric of validation and coding records.
        train: metric of training records; the loss is the bits per dimension of the training windows.
        likelihood: metric of coding records, the model's −log2 p of the coded clips; None for none.
    """

    title: str
    unit: str
    metric: str
    train: str
    likelihood: str | None = None


@dataclass(frozen=True)
class _Changes:
    """Changes of the scheduled sharpness: single steps with the new value, or the span of a smooth schedule."""

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
    # The change happened between two logged steps; mark the middle.
    return _Changes(tuple(((steps[index - 1] + steps[index]) / 2, values[index]) for index in moved))


def _curves(history: Series, changes: _Changes, which: _Curves, width: float) -> Figure | None:
    train = history.points("train", which.train)
    validation = history.points("validation", which.metric)
    coded = history.points("coded", which.metric)
    own = history.points("coded", which.likelihood) if which.likelihood else ([], [])
    count = _clips(history, "coded")
    line = {"linewidth": 1.6, "color": BLUE}
    sign = {"linestyle": "none", "color": VERMILION, "markersize": 5}
    hollow = {**sign, "marker": "o", "markersize": 9, "markerfacecolor": "none"}
    curves: list[tuple[Points, dict[str, Any]]] = [
        (train, {"color": GREY, "linewidth": 0.8, "alpha": 0.45, "label": "training windows"}),
        ((train[0], smoothed(train[1])), {"color": GREY, "linewidth": 1.4, "label": "training windows, running mean"}),
        (validation, {**line, "marker": "o", "markersize": 3.5, "label": f"{_clips(history, 'validation')}, −log₂ p"}),
        (own, {**hollow, "label": f"{count} of them, −log₂ p"}),
        (coded, {**sign, "marker": "D", "label": f"{count} of them, coded"}),
    ]
    drawn = [(points, look) for points, look in curves if points[0]]
    if not drawn:
        return None
    figure, axes = new_figure(width, HEIGHT_INCHES + 0.2 * len(drawn))
    for (at, of), look in drawn:
        axes.plot(at, of, **{**_marker(at), **look})
    _limit(axes, [points for points, _ in drawn])
    _mark(axes, changes, width)
    label_axes(axes, which.title, "optimiser step", which.unit)
    add_legend(figure, axes)
    return figure


def _marker(steps: list[float]) -> dict[str, Any]:
    """Return the look of a curve of one point, which has no line."""
    return {"marker": ".", "markersize": 4} if len(steps) == 1 else {}


def _clips(history: Series, kind: str) -> str:
    """Return the number of clips in the records of a kind, for labels."""
    counts = {record.get("clips") for record in history.records.get(kind, [])}
    count = counts.pop() if len(counts) == 1 else None
    if kind == "coded":
        return "some" if count is None else str(count)
    return "validation clips" if count is None else f"{count} validation clip{'s' * (count != 1)}"


def _log_scales(history: Series, width: float) -> Figure | None:
    # The dictionary preserves the order of the records, in which blocks leave the flow.
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
        mean = history.points("train", f"log_scale/{block}/mean")
        axes.plot(*mean, color=BLUE, linewidth=1.4, label="mean", **_marker(mean[0]))
        axes.set_title(str(block), fontsize=TEXT_POINTS, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in list(grid.flat)[len(blocks) :]:
        axes.set_axis_off()
    # With shared axes only the last row shows steps; panels above an empty place need them too.
    for column in range(columns):
        lowest = (len(blocks) - 1 - column) // columns
        grid[lowest, column].tick_params(labelbottom=True)
    # The legend is beside the title.
    label_figure(figure, "Log-scale of each block's logistics" if across >= WIDTH_INCHES else "Log-scales")
    figure.supxlabel("optimiser step", fontsize=TEXT_POINTS)
    figure.supylabel("log-scale, nats", fontsize=TEXT_POINTS)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False, fontsize=SMALL_POINTS)
    return figure


def _mark(axes: Axes, changes: _Changes, width: float) -> None:
    """Mark the sharpness changes without moving the axes' limits.

    Args:
        width: of the figure, inches.
    """
    left, right = axes.get_xlim()
    room = (right - left) * MARK_INCHES / (0.75 * width)
    free = [left, left]  # where the next label may begin, at each of two heights
    for step, value in changes.marks:
        axes.axvline(step, color=ORANGE, linestyle="--", linewidth=1.1, zorder=1)
        height = next((height for height in (0, 1) if step - room / 2 >= free[height] or free[height] == left), None)
        if height is None:  # too close to its neighbours for a label
            continue
        free[height] = step + room / 2
        axes.annotate(
            f"{value:g}",
            (step, 1.0),
            xytext=(0, 2 + 10 * height),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            color="#8A5F00",
            fontsize=SMALL_POINTS,
            ha="center",
            va="bottom",
            annotation_clip=False,
        )
    if changes.marks:
        axes.plot([], [], color=ORANGE, linestyle="--", linewidth=1.1, label="sharpness changes to (log-scale)")
    if changes.span is not None:
        axes.axvspan(*changes.span, color=ORANGE, alpha=0.13, linewidth=0, label="sharpness changes", zorder=0)


def _limit(axes: Axes, curves: Sequence[Points]) -> None:
    """Set the limits without the first twentieth of the steps, whose steep fall would flatten the rest."""
    first, last = min(steps[0] for steps, _ in curves), max(steps[-1] for steps, _ in curves)
    start = first + 0.05 * (last - first)
    shown = [value for steps, values in curves for step, value in zip(steps, values, strict=True) if step >= start]
    low, high = min(shown), max(shown)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)


def smoothed(values: Sequence[float]) -> list[float]:
    """Return the running mean of ``values`` over the last twentieth of the curve; no mean looks ahead."""
    reach = max(2, len(values) // 20)
    return [sum(part) / len(part) for part in (values[max(0, end - reach) : end] for end in range(1, len(values) + 1))]
