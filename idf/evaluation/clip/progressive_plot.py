"""The figure of a clip decoded from its first blocks: waveform, spectrogram and error, one row per step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.evaluation.clip.progressive import Step, log_spectra
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
    save_widths,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 6
"""Most steps to draw; of more, those with evenly spaced shares of the bits."""
EXCERPT_SECONDS = 0.02
"""Length of the waveform excerpts: a few periods of a voice."""
BINS = 500
"""Horizontal resolution of the error's envelope."""
PICTURE = (360, 128)
"""Most columns and rows of a spectrogram: more would not be visible but make files larger."""
RANGE_DB = 80.0
"""Range of a spectrogram's colours."""


def plot_progressive(
    steps: Sequence[Step], clip: np.ndarray, rate_hz: int, title: str, folder: Path, name: str = "progressive"
) -> list[Path]:
    """Draw the steps of a clip and return the paths of the figure.

    Args:
        steps: at least one, with increasing numbers of blocks.
        clip: int (time,), not empty.
        rate_hz: samples per second.
        title: of the figure.
        folder: gets ``<name>.svg``, ``.pdf`` and ``.png``, and ``<name>-column.svg`` and ``.pdf``.
        name: of the files.

    Raises:
        OutputError: ``folder`` cannot be written.
    """
    wide, column = (draw_progressive(steps, clip, rate_hz, title, width) for width in (WIDTH_INCHES, COLUMN_INCHES))
    return save_widths(wide, column, folder, name)


def draw_progressive(
    steps: Sequence[Step], clip: np.ndarray, rate_hz: int, title: str, width: float = WIDTH_INCHES
) -> Figure:
    """Return the figure of :func:`plot_progressive`; a narrow one leaves the waveforms out.

    Args:
        steps, clip, rate_hz, title: as for :func:`plot_progressive`.
        width: of the figure, in inches.
    """
    from matplotlib.figure import Figure

    shown, wide = evenly_spent(steps, ROWS), width >= WIDTH_INCHES
    height = 0.9 + 1.15 * len(shown)
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    panels = figure.subplots(len(shown), 3 if wide else 2, sharex="col", sharey="col", squeeze=False)
    start = _loudest(clip, rate_hz)
    for row, step in zip(panels, shown, strict=True):
        if wide:
            _waveform(row[0], clip, step, start, rate_hz)
        _spectrogram(row[-2], clip, step, rate_hz)
        _error(row[-1], clip, step, rate_hz)
        row[0].set_title(describe(step), fontsize=SMALL_POINTS, loc="left")
    captions = ("waveform, sample values\ntime, ms", "spectrogram\ntime, s", "error, sample values\ntime, s")
    for axes, caption in zip(panels[-1], captions if wide else captions[1:], strict=True):
        axes.set_xlabel(caption, fontsize=TEXT_POINTS)
    label_figure(figure, title)
    figure.supxlabel("grey: the original clip", fontsize=SMALL_POINTS, color=GREY)
    return figure


def evenly_spent(steps: Sequence[Step], count: int) -> list[Step]:
    """Return at most ``count`` steps with shares of the bits as evenly spaced as possible, including the last."""
    if len(steps) <= count:
        return list(steps)
    low, high = steps[0].share, steps[-1].share
    chosen: dict[int, Step] = {}
    for wanted in np.linspace(low, high, count):
        # Of steps with equal shares, choose the last one, so the step with all blocks is included.
        best = min(reversed(steps), key=lambda step: abs(step.share - wanted))
        chosen[best.blocks] = best
    chosen[steps[-1].blocks] = steps[-1]
    return [chosen[blocks] for blocks in sorted(chosen)]


def describe(step: Step) -> str:
    """Return a description of a step in one line."""
    quality = "exact" if math.isinf(step.snr_db) and step.snr_db > 0 else f"SNR {step.snr_db:.1f} dB"
    blocks = f"{step.blocks} block{'s' * (step.blocks != 1)}"
    return f"{blocks}, {step.bits_per_sample:.2f} bits/sample ({100 * step.share:.0f} %): {quality}"


def _loudest(clip: np.ndarray, rate_hz: int) -> int:
    """Return the start of the waveform excerpt, in samples: that with the most energy."""
    length = max(1, round(EXCERPT_SECONDS * rate_hz))
    if len(clip) <= length:
        return 0
    energy = np.cumsum(np.concatenate([[0.0], clip.astype(np.float64) ** 2]))
    return int(np.argmax(energy[length:] - energy[:-length]))


def _waveform(axes: Axes, clip: np.ndarray, step: Step, start: int, rate_hz: int) -> None:
    style_axes(axes)
    part = slice(start, start + max(1, round(EXCERPT_SECONDS * rate_hz)))
    at = 1000 * np.arange(len(clip[part])) / rate_hz
    axes.plot(at, clip[part], color=GREY, linewidth=1.8, alpha=0.45)
    axes.plot(at, step.samples[part], color=BLUE, linewidth=1.0)
    axes.tick_params(labelsize=SMALL_POINTS)


def _spectrogram(axes: Axes, clip: np.ndarray, step: Step, rate_hz: int) -> None:
    top = float(log_spectra(clip, rate_hz).max())
    axes.imshow(
        _pooled(log_spectra(step.samples, rate_hz)[0]).T,
        origin="lower",
        aspect="auto",
        extent=(0, len(clip) / rate_hz, 0, rate_hz / 2000),
        vmin=top - RANGE_DB,
        vmax=top,
        cmap="magma",
    )
    axes.set_ylabel("kHz", fontsize=TEXT_POINTS)
    axes.tick_params(labelsize=SMALL_POINTS)


def _pooled(levels: np.ndarray) -> np.ndarray:
    """Reduce a spectrogram to at most :data:`PICTURE` columns and rows by taking local maxima."""
    for axis, most in enumerate(PICTURE):
        count = levels.shape[axis]
        levels = np.maximum.reduceat(levels, np.arange(0, count, -(-count // most)), axis=axis)
    return levels


def _error(axes: Axes, clip: np.ndarray, step: Step, rate_hz: int) -> None:
    style_axes(axes)
    edges = np.unique(np.linspace(0, len(clip), min(BINS, len(clip)) + 1).astype(int))
    at = edges[:-1] / rate_hz
    error = clip.astype(np.int64) - step.samples
    for values, colour, alpha in ((clip, GREY, 0.35), (error, VERMILION, 0.9)):
        low, high = (reduce.reduceat(values, edges[:-1]) for reduce in (np.minimum, np.maximum))
        axes.fill_between(at, low, high, color=colour, alpha=alpha, linewidth=0)
    axes.tick_params(labelsize=SMALL_POINTS)
