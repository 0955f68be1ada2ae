"""The view ``latents``: what a model makes of a clip, as pictures for paper and a table of its blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.evaluation.clip.choose import Choice
from idf.evaluation.clip.latent_plots import draw_bits, draw_latents, draw_scales, save_vector
from idf.evaluation.clip.latents import CodedClip, look_into
from idf.models import registry
from idf.tables import to_terminal
from idf.terminal import open_console
from idf.text import DASH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADINGS = ("block", "samples a latent", "bits/latent", "bits/sample", "share", "log-scale")
PLAIN_WIDTH = 100
"""Characters of a line when the output is not a terminal."""
NOTE = (
    "in the order of decoding; bits/latent: −log2 p by the coder's integers; bits/sample: of the whole clip; "
    "log-scale: mean, nats on the [−1, 1) scale."
)


def show_latents(choice: Choice, width: float) -> None:
    """Draw the clip, and print what its blocks take.

    Args:
        width: of the figures, inches.

    Raises:
        RunError: the model cannot be looked into, or the clip is empty.
        OutputError: the folder cannot be written.
    """
    codec = registry.load_model(choice.model)
    coded = look_into(codec, choice.name, choice.clip.samples, choice.clip.rate_hz)
    paths = draw(coded, width, choice.folder)
    _print(coded, choice.title, paths)


def draw(coded: CodedClip, width: float, folder: Path) -> list[Path]:
    """Write the figures of a clip that a codec can be asked for.

    Args:
        width: inches.
        folder: gets ``bits`` and, for a codec with blocks, ``latents`` and ``scales``, each as ``.svg`` and ``.pdf``.

    Returns:
        the files written.

    Raises:
        OutputError: the folder cannot be written.
    """
    figures: dict[str, Callable[[CodedClip, float], Figure]] = {"bits": draw_bits}
    if coded.blocks:
        figures = {"latents": draw_latents, "scales": draw_scales, **figures}
    return [path for name, make in figures.items() for path in save_vector(make(coded, width), folder, name)]


def rows(coded: CodedClip) -> list[tuple[str, ...]]:
    """What each block takes, under :data:`HEADINGS`, as text."""
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
        console.print("the model has no latent blocks: it codes sample by sample", style="dim")
    names = ", ".join(path.name for path in paths)
    console.print(f"written to {paths[0].parent}/: {names}", soft_wrap=True)
