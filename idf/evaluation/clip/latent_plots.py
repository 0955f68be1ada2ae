"""Figures of a flow on one clip: latents, scales of their priors, and bits over time.

They serve print (:mod:`idf.evaluation.clip.show_latents`) and the page of a run
(:mod:`idf.evaluation.report.html`); the style is that of :mod:`idf.plotting`. All panels of a figure share the
time axis, in seconds of the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from idf.coding.codec import LatentBlock
from idf.evaluation.clip.latents import (
    BlockGroup,
    CodedClip,
    bin_means,
    binned,
    group_blocks,
    pick_evenly,
    spectrogram,
)
from idf.evaluation.clip.progressive import Step
from idf.plotting import BLUE, DPI, GREEN, GREY, ORANGE, PINK, SKY, VERMILION, WIDTH_INCHES, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUPS = 6
"""Most stacked areas, one per colour."""
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PINK)
PANELS = 6
"""Most blocks whose latents are drawn."""
RATE_SECONDS = 0.02
"""Interval over which bits are averaged."""
COLUMNS_PER_INCH = 60
"""Horizontal resolution of a curve in points per inch."""
_SMALL = 8.5


def draw_latents(clip: CodedClip, width: float = WIDTH_INCHES) -> Figure:
    """Draw the waveform, and for each block the latents and, in front, the latents minus the prior's median.

    Blocks are in decoding order. Of many blocks, evenly spaced ones are drawn, including the first and the last.

    Args:
        clip: with blocks.
        width: of the figure, in inches.
    """
    blocks = [block for block in clip.blocks if len(block.latents)]
    shown = [blocks[index] for index in pick_evenly(len(blocks), PANELS)]
    figure, panels = _stack(width, [1.1, *[0.95] * len(shown)])
    columns = _columns(width)
    wave, *others = panels
    _title(wave, "waveform, sample values")
    _envelope(wave, clip, np.arange(len(clip.samples)), clip.samples, columns, color=GREY, linewidth=0.6)
    _symmetric(wave, clip.samples)
    for axes, block in zip(others, shown, strict=True):
        _title(axes, _describe(block))
        left = block.latents.astype(np.int64) - block.medians
        _envelope(axes, clip, block.times, block.latents, columns, color=SKY, linewidth=0.7, label="latents")
        _envelope(
            axes, clip, block.times, left, columns, color=VERMILION, linewidth=0.7, label="minus the prior's median"
        )
        _symmetric(axes, np.concatenate([block.latents, left]))
    for axes in panels:
        _time(axes, clip)
    _name_time(panels)
    handles, labels = others[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, fontsize=_SMALL)
    return figure


def draw_scales(clip: CodedClip, width: float = WIDTH_INCHES) -> Figure:
    """Draw the log-scales of the priors over time, one row per block, and their range in each block.

    Args:
        clip: with blocks.
        width: of the figure, in inches.
    """
    blocks = [block for block in clip.blocks if len(block.latents)]
    figure, (wave, heat, ranges) = _stack(width, [0.8, min(2.4, 0.7 + 0.22 * len(blocks)), 1.5], sharex=False)
    columns = _columns(width) // 2
    _title(wave, "waveform, sample values")
    _envelope(wave, clip, np.arange(len(clip.samples)), clip.samples, _columns(width), color=GREY, linewidth=0.6)
    _symmetric(wave, clip.samples)
    bins = max(1, min(columns, len(clip.samples)))
    rows = [bin_means(block.times, block.log_scales, len(clip.samples), bins) for block in blocks]
    _title(heat, "log-scale over time, one row per block")
    picture = heat.imshow(
        _levels(np.array(rows)),
        aspect="auto",
        interpolation="none",
        cmap="viridis",
        extent=(0, clip.seconds, len(blocks) - 0.5, -0.5),
    )
    bar = figure.colorbar(picture, ax=heat, pad=0.015, fraction=0.05)
    bar.set_label("nats", fontsize=_SMALL)
    bar.ax.tick_params(labelsize=_SMALL)
    bar.outline.set_visible(False)
    heat.grid(visible=False)
    _name_rows(heat, [block.name for block in blocks], room=13)
    for axes in (wave, heat):
        _time(axes, clip)
    wave.tick_params(labelbottom=False)
    heat.set_xlabel("time, s", fontsize=_SMALL)
    _title(ranges, "log-scale by block: median, 10–90 %")
    at = np.arange(len(blocks))
    low, middle, high = np.array([np.quantile(block.log_scales, (0.1, 0.5, 0.9)) for block in blocks]).T
    ranges.vlines(at, low, high, color=SKY, linewidth=max(2.0, min(9.0, 40 * width / len(blocks) / 3)))
    ranges.plot(at, middle, "o", color="black", markersize=3.5)
    ranges.set_ylabel("log-scale, nats", fontsize=_SMALL)
    _name_columns(ranges, [block.name for block in blocks], width)
    return figure


def draw_bits(clip: CodedClip, width: float = WIDTH_INCHES) -> Figure:
    """Draw the bits over time below the clip's spectrogram and, for a codec with blocks, the bits of each block.

    Args:
        clip: with or without blocks.
        width: of the figure, in inches.
    """
    blocks = [block for block in clip.blocks if len(block.latents)]
    figure, panels = _stack(width, [1.5, 1.5, *([1.4] if blocks else [])], sharex=False)
    _spectrogram(panels[0], clip, width)
    groups = group_blocks(blocks, GROUPS)
    _rate(panels[1], clip, groups, width)
    for axes in panels[:2]:
        _time(axes, clip)
    panels[0].tick_params(labelbottom=False)
    panels[1].set_xlabel("time, s", fontsize=_SMALL)
    if blocks:
        _bits_a_latent(panels[2], groups, width)
        handles, labels = panels[1].get_legend_handles_labels()
        look = {"frameon": False, "fontsize": _SMALL, "title_fontsize": _SMALL, "alignment": "left"}
        title = "block: bits per sample of the clip"
        columns = 2 if width < WIDTH_INCHES else 3
        if width >= WIDTH_INCHES and len(labels) == 4:
            columns = 4  # with three columns the last entry would be alone in its row
        figure.legend(handles, labels, loc="outside lower left", title=title, ncols=columns, **look)
    return figure


def draw_quality(steps: Sequence[Step], width: float = WIDTH_INCHES) -> Figure:
    """Draw the quality of a clip decoded from its first blocks against their bits: SNR and log-spectral distance.

    Args:
        steps: the last one with all blocks, where the ratio is infinite; it ends the axis.
        width: of the figure, in inches.
    """
    figure, (ratio, distance) = _stack(width, [1.6, 1.6]) if width < WIDTH_INCHES else _row(width, 2.4, 2)
    spent = [step.bits_per_sample for step in steps]
    for axes, values, colour, title in (
        (ratio, [step.snr_db for step in steps], BLUE, "signal-to-noise ratio (higher is better)"),
        (
            distance,
            [step.log_spectral_distance_db for step in steps],
            VERMILION,
            "log-spectral distance (lower is better)",
        ),
    ):
        known = [index for index, value in enumerate(values) if np.isfinite(value)]
        at, shown = [spent[index] for index in known], [values[index] for index in known]
        axes.plot(at, shown, color=colour, linewidth=1.4, marker="o" if axes is ratio else "s", markersize=4)
        axes.set_ylabel("dB", fontsize=_SMALL)
        axes.axvline(spent[-1], color=GREY, linewidth=0.8, linestyle=":")
        _title(axes, title)
    for axes in (distance,) if width < WIDTH_INCHES else (ratio, distance):
        axes.set_xlabel("bits per sample of known blocks; dotted: all", fontsize=_SMALL)
    distance.set_xlim(0, None)
    # Include 0 dB, the ratio without any block, so that small gains look small.
    ratios = [step.snr_db for step in steps if np.isfinite(step.snr_db)]
    ratio.set_ylim(1.1 * min(0.0, *ratios, 0.0), 1.1 * max(1.0, *ratios, 1.0))
    return figure


def _stack(width: float, heights: Sequence[float], *, sharex: bool = True) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels one below the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 0.5 + sum(heights) + 0.2 * len(heights)), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(heights), 1, sharex=sharex, squeeze=False, height_ratios=heights)
    panels = list(grid[:, 0])
    for axes in panels:
        style_axes(axes)
        axes.tick_params(labelsize=_SMALL)
    return figure, panels


def _row(width: float, height: float, count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    panels = list(figure.subplots(1, count, sharex=True, squeeze=False)[0])
    for axes in panels:
        style_axes(axes)
        axes.tick_params(labelsize=_SMALL)
    return figure, panels


def _spectrogram(axes: Axes, clip: CodedClip, width: float) -> None:
    _title(axes, "spectrogram, black: 80 dB below the maximum" if width >= WIDTH_INCHES else "spectrogram, 80 dB")
    axes.imshow(
        _levels(spectrogram(clip.samples, clip.rate_hz, round(40 * width))),
        aspect="auto",
        origin="lower",
        interpolation="none",
        cmap="magma",
        extent=(0, clip.seconds, 0, clip.rate_hz / 2000),
    )
    axes.set_ylabel("frequency, kHz", fontsize=_SMALL)
    axes.grid(visible=False)


def _rate(axes: Axes, clip: CodedClip, groups: Sequence[BlockGroup], width: float) -> None:
    """Draw bits per sample over time, stacked by groups of blocks, the first decoded at the bottom."""
    from matplotlib.ticker import MaxNLocator

    samples = len(clip.samples)
    bins = max(1, min(round(clip.seconds / RATE_SECONDS), samples, 600))
    edges = np.arange(bins + 1) * clip.seconds / bins
    lengths = binned(np.arange(samples), np.ones(samples), samples, bins)
    below = np.zeros(bins)
    for group, colour in zip(groups, COLOURS, strict=False):
        spent = sum((binned(block.times, block.bits, samples, bins) for block in group.blocks), np.zeros(bins))
        above = below + spent / lengths
        label = f"{group.name}: {group.bits / samples:.2f}"
        axes.stairs(above, edges, baseline=below, fill=True, color=colour, alpha=0.85, linewidth=0, label=label)
        axes.stairs(above, edges, color="white", linewidth=0.5, baseline=None)
        below = above
    rate = binned(np.arange(samples), clip.bits, samples, bins) / lengths
    if not groups:
        axes.stairs(rate, edges, fill=True, color=BLUE, alpha=0.85, linewidth=0)
    axes.stairs(rate, edges, color="black", linewidth=0.7, baseline=None)
    every = f", averaged over {_milliseconds(clip.seconds / bins)}" if width >= WIDTH_INCHES else ""
    _title(axes, f"bits per sample{every}; mean {clip.bits_per_sample:.3f}")
    axes.set_ylabel("bits/sample", fontsize=_SMALL)
    axes.set_ylim(0, 1.05 * max(float(rate.max()), 1e-3))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _bits_a_latent(axes: Axes, groups: Sequence[BlockGroup], width: float) -> None:
    coloured = [(block, colour) for group, colour in zip(groups, COLOURS, strict=False) for block in group.blocks]
    costs = [float(block.bits.mean(dtype=np.float64)) for block, _ in coloured]
    bars = axes.bar(range(len(costs)), costs, color=[colour for _, colour in coloured], width=0.75)
    if len(costs) <= 8:
        axes.bar_label(bars, [f"{cost:.2f}" for cost in costs], fontsize=_SMALL, padding=1)
        axes.set_ylim(0, 1.18 * max(*costs, 1e-3))
    _title(
        axes,
        "bits per latent, blocks in decoding order" if width >= WIDTH_INCHES else "bits per latent",
    )
    axes.set_ylabel("bits/latent", fontsize=_SMALL)
    axes.grid(visible=False, axis="x")
    _name_columns(axes, [block.name for block, _ in coloured], width)


def _envelope(
    axes: Axes,
    clip: CodedClip,
    times: np.ndarray,
    values: np.ndarray,
    columns: int,
    *,
    color: str,
    linewidth: float,
    label: str | None = None,
) -> None:
    """Draw a signal as a line or, if it has too many points, as the band between its local extremes."""
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order].astype(np.float64)
    if len(values) <= 2 * columns:
        axes.plot(times / clip.rate_hz, values, color=color, linewidth=linewidth, label=label)
        return
    starts = np.linspace(0, len(values), columns, endpoint=False).astype(int)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    at = times[starts] / clip.rate_hz
    axes.fill_between(at, low, high, color=color, linewidth=linewidth, label=label)


def _columns(width: float) -> int:
    return round(COLUMNS_PER_INCH * width)


def _levels(picture: np.ndarray) -> np.ndarray:
    """Round values to 40 levels, which look the same and make files much smaller."""
    low, high = float(picture.min()), float(picture.max())
    step = (high - low) / 40 or 1.0
    return low + np.round((picture - low) / step) * step


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, loc="left", pad=3)


def _describe(block: LatentBlock) -> str:
    span = "one per sample" if block.span == 1 else f"one per {block.span} samples"
    return f"{block.name}: {span}, {float(block.bits.mean(dtype=np.float64)):.2f} bits each"


def _symmetric(axes: Axes, values: np.ndarray) -> None:
    """Centre the axis at zero and include all but the rarest extremes."""
    from matplotlib.ticker import MaxNLocator

    limit = 1.25 * max(float(np.quantile(np.abs(values), 0.999)), 1.0)
    axes.set_ylim(-limit, limit)
    axes.yaxis.set_major_locator(MaxNLocator(3))


def _time(axes: Axes, clip: CodedClip) -> None:
    axes.set_xlim(0, clip.seconds)


def _name_time(panels: Sequence[Axes]) -> None:
    panels[-1].set_xlabel("time, s", fontsize=_SMALL)


def _name_rows(axes: Axes, names: Sequence[str], room: int) -> None:
    """Label at most ``room`` rows, evenly spaced from the first."""
    at = range(0, len(names), -(-len(names) // room))
    axes.set_yticks(at, [names[index] for index in at])


def _name_columns(axes: Axes, names: Sequence[str], width: float) -> None:
    """Label the columns, vertically if space is short, and only every n-th if it is very short."""
    longest = max((len(name) for name in names), default=1)
    fits = len(names) * (longest + 1) * 0.075 <= width - 0.8
    room = len(names) if fits else max(2, round((width - 0.8) / 0.2))
    at = range(0, len(names), -(-len(names) // room))
    axes.set_xticks(at, [names[index] for index in at], rotation=0 if fits else 90)
    axes.set_xlim(-0.6, len(names) - 0.4)


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"
