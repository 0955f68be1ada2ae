"""The figures of a report: bits/sample by seed, and validation curves with bands.

Colours and styles are those of :mod:`idf.plotting`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.reporting.results import CellResult, Curve, StudyResult
from idf.config import Config
from idf.errors import UserError
from idf.plotting import (
    BLUE,
    DPI,
    ORANGE,
    SMALL_POINTS,
    TEXT_POINTS,
    VERMILION,
    WIDTH_INCHES,
    add_common_legend,
    label_figure,
    style_axes,
)
from idf.training.schedules import sharpness_schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
NARROW = 5.0
"""Figures narrower than this, in inches, are for phones."""
SKIPPED = 0.1
"""First part of the steps, ignored for the axis limits: its steep fall would flatten the rest of a curve."""


def draw_seeds(result: StudyResult, width: float = WIDTH_INCHES) -> Figure | None:
    """Draw the bits/sample of every seed, one row per cell; return None if no run has finished.

    Dots are seeds that finished, lines are means with 95 % intervals, and crosses at the right mark cells with seeds
    that diverged.

    Args:
        result: of the study.
        width: of the figure in inches; narrow figures have the cells' names above their rows.
    """
    values = [seed.bits for cell in result.cells for seed in cell.seeds if seed.bits is not None]
    if not values:
        return None
    from matplotlib.figure import Figure

    count, narrow = len(result.cells), width < NARROW
    figure = Figure(figsize=(width, (1.7 if narrow else 1.3) + 0.36 * count), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes)
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.01 * high
    edge = high + 2 * room
    for row, cell in enumerate(result.cells):
        _draw_cell(axes, row, cell, edge)
    diverged = any(cell.count("diverged") for cell in result.cells)
    axes.set_xlim(low - room, (edge + room if diverged else high) + room)
    axes.set_ylim(count - 0.5, -0.75 if narrow else -0.5)
    names = [cell.name for cell in result.cells]
    if narrow:
        axes.set_yticks([])
        for row, name in enumerate(names):
            axes.annotate(
                name, (0.01, row - 0.38), xycoords=axes.get_yaxis_transform(), fontsize=SMALL_POINTS, va="center"
            )
    else:
        axes.set_yticks(range(count), names)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("bits per sample of validation clips (smaller is better)")
    axes.locator_params(axis="x", nbins=4 if narrow else 8)
    add_common_legend(figure, 1 if narrow else 3)
    label_figure(figure, "Bits per sample by seed")
    return figure


def draw_curves(result: StudyResult, width: float = WIDTH_INCHES) -> Figure | None:
    """Draw the validation curves, one panel per cell; return None if there are no validations.

    Args:
        result: of the study.
        width: of the figure in inches.
    """
    cells = [cell for cell in result.cells if any(seed.curve for seed in cell.seeds)]
    if not cells:
        return None
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    narrow = width < NARROW
    columns = 2 if len(cells) == 4 or narrow else min(COLUMNS, len(cells))
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    figure = Figure(figsize=(width, 1.7 + 2.1 * rows), dpi=DPI, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, cell in zip(grid.flat, cells, strict=False):
        style_axes(axes)
        _draw_curves(axes, cell)
        # Wrap long names at their hyphens so that adjacent titles do not touch.
        axes.set_title(textwrap.fill(cell.name, int(12 * width / columns)), loc="left", fontsize=TEXT_POINTS)
        axes.xaxis.set_major_locator(MaxNLocator(3 if narrow else 5, integer=True))
    for axes in list(grid.flat)[len(cells) :]:
        axes.set_axis_off()
    for column in range(columns):
        lowest = grid[(len(cells) - 1 - column) // columns, column]
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel("optimiser step")
    _limit(grid[0, 0], [seed.curve for cell in cells for seed in cell.seeds if seed.curve])
    label_figure(figure, "Validation over training")
    figure.supylabel("bits per sample", fontsize=TEXT_POINTS)
    add_common_legend(figure, 1 if narrow else 4)
    return figure


def sharpness_steps(config: Config) -> list[int]:
    """Return the steps at which a stepped sharpness schedule jumps; empty for other schedules."""
    schedule = sharpness_schedule(config.sharpness, config.training.steps)
    if schedule is None or config.sharpness.kind != "step":
        return []
    values = [schedule.at(step) for step in range(config.training.steps)]
    return [step for step in range(1, len(values)) if values[step] != values[step - 1]]


def mean_and_band(curves: Sequence[Curve]) -> list[tuple[int, float, float, float]]:
    """Return (step, mean, minimum, maximum) at the steps that all curves share."""
    tables = [dict(curve) for curve in curves]
    if not tables:
        return []
    common = sorted(set.intersection(*(set(table) for table in tables)))
    at = {step: [table[step] for table in tables] for step in common}
    return [(step, sum(values) / len(values), min(values), max(values)) for step, values in at.items()]


def _draw_cell(axes: Axes, row: int, cell: CellResult, edge: float) -> None:
    finished = sorted(seed.bits for seed in cell.seeds if seed.bits is not None)
    # Spread the dots over the height of the row so that equal values do not overlap.
    offsets = [0.12 * ((index + 1) % 3 - 1) for index in range(len(finished))]
    dots = [row + offset for offset in offsets]
    axes.plot(finished, dots, "o", color=BLUE, alpha=0.65, markersize=5, markeredgewidth=0, label="one seed")
    found = cell.summary.interval
    if cell.summary.mean is not None and found is not None:
        axes.plot([found.low, found.high], [row, row], color="black", linewidth=1.4, label="mean and 95 % interval")
        axes.plot([cell.summary.mean], [row], "|", color="black", markersize=14, markeredgewidth=1.8)
    diverged = cell.count("diverged")
    if diverged:
        axes.plot(
            [edge], [row], "x", color=VERMILION, markersize=7, markeredgewidth=2, label="diverged (number of seeds)"
        )
        axes.annotate(
            str(diverged),
            (edge, row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_POINTS,
        )


def _draw_curves(axes: Axes, cell: CellResult) -> None:
    finished = [seed.curve for seed in cell.seeds if seed.bits is not None and seed.curve]
    points = mean_and_band(finished)
    steps = [step for step, *_ in points]
    if len(finished) > 1:
        lows, highs = [low for *_, low, _ in points], [high for *_, high in points]
        axes.fill_between(steps, lows, highs, color=BLUE, alpha=0.22, linewidth=0, label="range of seeds")
    axes.plot(steps, [mean for _, mean, *_ in points], color=BLUE, linewidth=1.6, marker=".", label="mean of seeds")
    for seed in cell.seeds:
        if seed.run.state.name == "diverged" and seed.curve:
            at, of = zip(*seed.curve, strict=True)
            axes.plot(at, of, color=VERMILION, linewidth=1.0, linestyle="-.", label="diverged seed")
            axes.plot(at[-1:], of[-1:], "x", color=VERMILION, markersize=6)
    for index, step in enumerate(_jumps(cell)):
        label = "sharpness jumps" if index == 0 else None
        axes.axvline(step, color=ORANGE, linestyle="--", linewidth=1.1, zorder=1, label=label)


def _jumps(cell: CellResult) -> list[int]:
    for seed in cell.seeds:
        try:
            return sharpness_steps(seed.run.config())
        except UserError:  # not started, or of another version: try another seed
            continue
    return []


def _limit(axes: Axes, curves: Sequence[Curve]) -> None:
    last = max(curve[-1][0] for curve in curves)
    shown = [value for curve in curves for step, value in curve if step >= SKIPPED * last]
    low, high = min(shown), max(shown)
    margin = 0.06 * (high - low) or 0.01 * high
    axes.set_ylim(low - margin, high + margin)
