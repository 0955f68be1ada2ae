"""The view ``latents``: figures of a clip's latents for print, and a table of its blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.evaluation.clip.choose import Choice
from idf.evaluation.clip.latent_plots import draw_bits, draw_latents, draw_scales
from idf.evaluation.clip.latents import CodedClip, look_into
from idf.models import registry
from idf.plotting import save_figure
from idf.tables import to_terminal
from idf.terminal import open_console
from idf.text import DASH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADINGS = ("block", "samples/latent", "bits/latent", "bits/sample", "share", "log-scale")
PLAIN_WIDTH = 100
"""Line width in characters when the output is not a terminal."""
NOTE = (
    "blocks in decoding order; bits/latent: −log2 p with the coder's integer frequencies; bits/sample: per sample of the "
    "clip; log-scale: mean, in nats, for amplitudes in [−1, 1)."
)


def show_latents(choice: Choice, width: float) -> None:
    """Draw the clip's figures and print the table of its blocks.

    Args:
        choice: the clip and the model.
        width: of the figures, in inches.

    Raises:
        RunError: the model gives neither its blocks nor the bits of each sample, or the clip is empty.
        OutputError: the folder cannot be written.
    """
    codec = registry.load_model(choice.model)
    coded = look_into(codec, choice.name, choice.clip.samples, choice.clip.rate_hz)
    paths = draw(coded, width, choice.folder)
    _print(coded, choice.title, paths)


def draw(coded: CodedClip, width: float, folder: Path) -> list[Path]:
    """Write the figures of a clip and return their paths.

    Args:
        coded: the clip with its blocks and bits.
        width: of the figures, in inches.
        folder: gets ``bits`` and, for a codec with blocks, ``latents`` and ``scales``, each as ``.svg``, ``.pdf`` and ``.png``.

    Raises:
        OutputError: the folder cannot be written.
    """
    figures: dict[str, Callable[[CodedClip, float], Figure]] = {"bits": draw_bits}
    if coded.blocks:
        figures = {"latents": draw_latents, "scales": draw_scales, **figures}
    return [path for name, make in figures.items() for path in save_figure(make(coded, width), folder, name)]


def rows(coded: CodedClip) -> list[tuple[str, ...]]:
    """Return a table row per block, in the order of :data:`HEADINGS`."""
    found: list[tuple[str, ...]] = []
    total = float(coded.bits.sum()) or 1.0
    for block in coded.blocks:
        bits = float(block.bits.sum(dtype=np.float64))
        each, scale = DASH, DASH
        if len(block.bits):
            each, scale = f"{bits / len(block.bits):.3f}", f"{float(block.log_scales.mean(dtype=np.float64)):.2f}"
        share = f"{100 * bits / total:.1f} %"
        found.append((block.name, f"{block.span}", each, f"{bits / len(coded.samples):.4f}", share, scale))
    return found


def _print(coded: CodedClip, title: str, paths: Sequence[Path]) -> None:
    console = open_console(PLAIN_WIDTH)
    console.print(f"{title}: {coded.seconds:.2f} s, {coded.bits_per_sample:.4f} bits/sample", style="bold")
    if coded.blocks:
        console.print(to_terminal(HEADINGS, rows(coded), "lrrrrr"))
        console.print(NOTE, style="dim")
    else:
        console.print("this model has no latent blocks: it codes sample by sample", style="dim")
    names = ", ".join(path.name for path in paths)
    console.print(f"written to {paths[0].parent}/: {names}", soft_wrap=True)
