"""``python -m idf.evaluation.clip.show_latents``: what a model makes of a clip, as pictures for paper."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from idf.audio.pcm import Pcm
from idf.errors import ConfigError, run_main
from idf.evaluation.clip.choose import read_choice
from idf.evaluation.clip.latent_plots import draw_bits, draw_latents, draw_scales, save_vector
from idf.evaluation.clip.latents import CodedClip, look_into
from idf.models import registry
from idf.plotting import WIDTH_INCHES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USAGE = """\
python -m idf.evaluation.clip.show_latents run=FOLDER|latest [clip=NAME|FILE] [seconds=A..B] [width=7] [data=NAME] [output=FOLDER]
python -m idf.evaluation.clip.show_latents model=NAME|FILE [...]

Draw what a model makes of a clip: its latents, the scales of their priors, and where the bits go, each as SVG
and PDF. Of a model without latent blocks (an adaptive flow): where the bits go.

  run       folder of a run, or latest: the newest run under outputs/ that has a model
  study     with run=latest: only runs under outputs/NAME/
  model     instead of a run: a model that `idf models` lists, or a model file
  clip      name of a test clip, or a WAV or FLAC file; the first test clip unless given
  seconds   the part that is coded and drawn, such as 1.5..4; the whole clip unless given
  width     of the figures, in inches: 7 for a page, 3.4 for a column of two
  data      another data set than the run's (of a model: than the bundled speech): a file in conf/data/
  data.KEY  one setting of the data set, such as data.root=/audio
  output    where to write; latents/CLIP in the run's folder, or outputs/latents/MODEL/CLIP"""

KEYS = ("seconds", "width")
HEADINGS = ("block", "samples a latent", "bits/latent", "bits/sample", "share", "log-scale")
NARROWEST, WIDEST = 3.0, 20.0
"""Inches; in less there is no room for letters."""
PLAIN_WIDTH = 100
"""Characters of a line when the output is not a terminal."""
NOTE = (
    "in the order of decoding; bits/latent: −log2 p by the coder's integers; bits/sample: of the whole clip; "
    "log-scale: mean, nats on the [−1, 1) scale."
)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0.

    Raises:
        UserError: words that cannot be read, no such run, model or clip.
    """
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help"} & set(words):
        print(USAGE)
        return 0
    chosen = read_choice(words, KEYS, USAGE)
    width = _width(chosen.settings.get("width"))
    name, clip = chosen.clip()
    part = _part(chosen.settings.get("seconds"), clip)
    folder = chosen.folder("latents", name)
    coded = look_into(registry.load_model(chosen.source.model), name, part.samples, part.rate_hz)
    paths = draw(coded, width, folder)
    _print(coded, f"{name} by {chosen.source.name}", paths)
    return 0


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


def _width(text: str | None) -> float:
    if text is None:
        return WIDTH_INCHES
    try:
        width = float(text)
    except ValueError:
        width = 0.0
    if not NARROWEST <= width <= WIDEST:
        raise ConfigError([f"width={text}: a number of inches from {NARROWEST:g} to {WIDEST:g}, such as width=7"])
    return width


def _part(text: str | None, clip: Pcm) -> Pcm:
    """The samples from A to B seconds.

    Raises:
        ConfigError: no such part.
    """
    if text is None:
        return clip
    whole = len(clip.samples) / clip.rate_hz
    first, separator, last = text.partition("..")
    try:
        seconds = float(first or 0), float(last or whole)
        at, to = (min(max(round(second * clip.rate_hz), 0), len(clip.samples)) for second in seconds)
    except (ValueError, OverflowError):  # no number, or none that is finite
        at = to = 0
    if not separator or not at < to:
        raise ConfigError([f"seconds={text}: the clip has {whole:.2f} s; write seconds=A..B, such as seconds=1.5..4"])
    return replace(clip, samples=clip.samples[at:to])


def _print(coded: CodedClip, title: str, paths: Sequence[Path]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    console.print(f"{title}: {coded.seconds:.2f} s, {coded.bits_per_sample:.4f} bits/sample", style="bold")
    if coded.blocks:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading == "block" else "right", no_wrap=True)
        for row in rows(coded):
            table.add_row(*row)
        console.print(table)
        console.print(NOTE, style="dim")
    else:
        console.print("the model has no latent blocks: it codes sample by sample", style="dim")
    names = ", ".join(path.name for path in paths)
    console.print(f"written to {paths[0].parent}/: {names}", soft_wrap=True)


def rows(coded: CodedClip) -> list[tuple[str, ...]]:
    """What each block takes, under :data:`HEADINGS`, as text."""
    found: list[tuple[str, ...]] = []
    total = float(coded.bits.sum()) or 1.0
    for block in coded.blocks:
        bits = float(block.bits.sum(dtype=np.float64))
        each, scale = ("–", "–")
        if len(block.bits):
            each, scale = f"{bits / len(block.bits):.3f}", f"{float(block.log_scales.mean(dtype=np.float64)):.2f}"
        share = f"{100 * bits / total:.1f} %"
        found.append((block.name, f"{block.span}", each, f"{bits / len(coded.samples):.4f}", share, scale))
    return found


if __name__ == "__main__":
    sys.exit(run_main(main))
