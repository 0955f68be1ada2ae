"""The figure of a clip that gets better block by block: waveform, spectrum and error, a row for each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.evaluation.clip.progressive import Step, log_spectra
from idf.plotting import BLUE, GREY, VERMILION, label_figure, save_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 6
"""Steps that are drawn, where there are more: those whose shares of the bits lie most evenly."""
EXCERPT_SECONDS = 0.02
"""Of the waveforms: a few periods of a voice."""
BINS = 500
"""Columns of the error's envelope."""
PICTURE = (360, 128)
"""Columns and rows of a spectrogram at most: more could not be seen, and would only make files large."""
DOTS_AN_INCH = 120
RANGE_DB = 80.0
"""From the loudest of a spectrogram to what is drawn as nothing."""


def plot_progressive(
    steps: Sequence[Step], clip: np.ndarray, rate_hz: int, title: str, folder: Path, name: str = "progressive"
) -> list[Path]:
    """Draw a clip's steps.

    Args:
        steps: at least one, in the order of growing k.
        clip: int (time,), not empty.
        folder: gets ``<name>.svg`` and ``<name>.png``.

    Returns:
        the files written.

    Raises:
        OutputError: ``folder`` cannot be written.
    """
    from matplotlib.figure import Figure

    shown = evenly_spent(steps, ROWS)
    figure = Figure(figsize=(11.0, 1.2 + 1.45 * len(shown)), dpi=DOTS_AN_INCH, layout="constrained", facecolor="white")
    panels = figure.subplots(len(shown), 3, sharex="col", sharey="col", squeeze=False)
    start = _loudest(clip, rate_hz)
    for row, step in zip(panels, shown, strict=True):
        _waveform(row[0], clip, step, start, rate_hz)
        _spectrogram(row[1], clip, step, rate_hz)
        _error(row[2], clip, step, rate_hz)
        row[0].set_title(describe(step), fontsize=8.5, loc="left")
    for axes, what in zip(
        panels[-1], ("waveform, ms (grey: the clip)", "spectrum, s", "error, s (grey: the clip)"), strict=True
    ):
        axes.set_xlabel(what, fontsize=9)
    label_figure(figure, title)
    return save_figure(figure, folder, name)


def evenly_spent(steps: Sequence[Step], count: int) -> list[Step]:
    """At most ``count`` steps whose shares of the bits are as evenly spaced as there are such; always the last."""
    if len(steps) <= count:
        return list(steps)
    low, high = steps[0].share, steps[-1].share
    chosen: dict[int, Step] = {}
    for wanted in np.linspace(low, high, count):
        # among equals the later one, so that all blocks are among them
        best = min(reversed(steps), key=lambda step: abs(step.share - wanted))
        chosen[best.blocks] = best
    chosen[steps[-1].blocks] = steps[-1]
    return [chosen[blocks] for blocks in sorted(chosen)]


def describe(step: Step) -> str:
    """A step in one line."""
    quality = "exact" if math.isinf(step.snr_db) and step.snr_db > 0 else f"SNR {step.snr_db:.1f} dB"
    blocks = f"{step.blocks} block{'s' * (step.blocks != 1)}"
    return f"{blocks}, {step.bits_per_sample:.2f} bits/sample ({100 * step.share:.0f} %): {quality}"


def _loudest(clip: np.ndarray, rate_hz: int) -> int:
    """Where the excerpt of the waveform begins: around the loudest frame."""
    length = max(1, round(EXCERPT_SECONDS * rate_hz))
    if len(clip) <= length:
        return 0
    energy = np.cumsum(np.concatenate([[0.0], clip.astype(np.float64) ** 2]))
    return int(np.argmax(energy[length:] - energy[:-length]))


def _waveform(axes: Axes, clip: np.ndarray, step: Step, start: int, rate_hz: int) -> None:
    style_axes(axes)
    part = slice(start, start + max(1, round(EXCERPT_SECONDS * rate_hz)))
    at = 1000 * np.arange(len(clip[part])) / rate_hz
    axes.plot(at, clip[part], color=GREY, linewidth=2.2, alpha=0.45)
    axes.plot(at, step.samples[part], color=BLUE, linewidth=1.0)
    axes.tick_params(labelsize=7.5)


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
    axes.set_ylabel("kHz", fontsize=8)
    axes.tick_params(labelsize=7.5)


def _pooled(levels: np.ndarray) -> np.ndarray:
    """The loudest of neighbouring frames and frequencies, so that at most :data:`PICTURE` are left."""
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
    axes.tick_params(labelsize=7.5)
