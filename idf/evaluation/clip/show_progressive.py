"""``python -m idf.evaluation.clip.show_progressive``: what each latent block of a clip buys, to look at and to listen to."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from idf.audio.pcm import Pcm, write_wav16
from idf.container.approximation import PartialCodec, partial_codec
from idf.errors import ConfigError, run_main
from idf.evaluation.clip.choose import Source, read_choice
from idf.evaluation.clip.progressive import Step, progressive_steps
from idf.evaluation.clip.progressive_plot import plot_progressive
from idf.files import atomic_write_text, output_errors
from idf.models import registry

USAGE = """\
python -m idf.evaluation.clip.show_progressive run=FOLDER|latest [clip=NAME|FILE] [blocks=all] [data=NAME] [data.KEY=VALUE ...] [output=FOLDER]
python -m idf.evaluation.clip.show_progressive model=NAME|FILE [...]

Decode a clip from its first latent blocks only, for several numbers of blocks: WAV files to listen to, a table
of bits against quality, and a figure.

  run       folder of a run, or latest: the newest run under outputs/ that has a model
  study     with run=latest: only runs under outputs/NAME/
  model     instead of a run: a model that `idf models` lists, or a model file
  clip      name of a test clip, or a WAV or FLAC file; the first test clip unless given
  blocks    how many blocks, such as 1,2,4,8 (all counts as the last), or all: every number there is
  data      another data set than the run's (of a model: than the bundled speech): a file in conf/data/
  data.KEY  one setting of the data set, such as data.root=/audio
  output    where to write; progressive/CLIP in the run's folder, or outputs/progressive/MODEL/CLIP"""

KEYS = ("blocks",)
HEADINGS = ("blocks", "last", "bits/sample", "share", "SNR, dB", "LSD, dB")
PLAIN_WIDTH = 100
"""Characters of a line when the output is not a terminal."""
NOTE = (
    "blocks: how many are known, in the order of decoding; last: the name of the last of them; share: of the bits of "
    "all blocks; SNR: signal to noise ratio over the whole clip; LSD: log-spectral distance, frames of 32 ms."
)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0.

    Raises:
        UserError: words that cannot be read, no such run, model or clip, or a model without latent blocks.
    """
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help"} & set(words):
        print(USAGE)
        return 0
    chosen = read_choice(words, KEYS, USAGE)
    settings, source = chosen.settings, chosen.source
    codec = partial_codec(registry.load_model(source.model), 1)
    blocks = _blocks(settings.get("blocks", "all"), codec)
    name, clip = chosen.clip()
    folder = chosen.folder("progressive", name)
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    with _progress() as bar:
        task = bar.add_task(f"decoding {name} block by block", total=len(blocks))
        steps = progressive_steps(
            codec, clip.samples, clip.rate_hz, blocks, progress=lambda count: bar.advance(task, count)
        )
    _write(steps, codec, source, name, clip, folder)
    _print(steps, f"{name} by {source.name}", folder)
    return 0


def _blocks(text: str, codec: PartialCodec) -> list[int]:
    """The numbers of blocks asked for, growing, each once.

    Raises:
        ConfigError: a word that is no number of blocks.
    """
    count = len(codec.block_names)
    if text == "all":
        return list(range(1, count + 1))
    words = [word.strip() for word in text.strip("[]").split(",") if word.strip()]
    wrong = [word for word in words if word != "all" and not (word.isdecimal() and 1 <= int(word) <= count)]
    if wrong or not words:
        what = ", ".join(wrong) or "nothing"
        raise ConfigError(
            [f"blocks={text}: {what} cannot be taken; this model has {count} blocks: take 1 to {count}, or all"]
        )
    return sorted({count if word == "all" else int(word) for word in words})


def _write(steps: Sequence[Step], codec: PartialCodec, source: Source, name: str, clip: Pcm, folder: Path) -> None:
    """WAV files, figure, tables; ``progressive.json`` last.

    Raises:
        OutputError: the folder cannot be written.
    """
    digits = len(str(len(codec.block_names)))
    files = [f"blocks{step.blocks:0{digits}d}.wav" for step in steps]
    for step, file in zip(steps, files, strict=True):
        write_wav16(folder / file, step.samples, clip.rate_hz)
    plot_progressive(steps, clip.samples, clip.rate_hz, f"{name} block by block, {source.name}", folder)
    atomic_write_text(folder / "progressive.md", to_markdown(steps, f"{name} by {source.name}"))
    atomic_write_text(folder / "progressive.csv", to_csv(steps))
    record = {
        "clip": name,
        "samples": len(clip.samples),
        "rate_hz": clip.rate_hz,
        "model": source.name,
        "fingerprint": codec.fingerprint.hex(),
        "block_names": list(codec.block_names),
        "steps": [{**figures(step), "file": file} for step, file in zip(steps, files, strict=True)],
    }
    atomic_write_text(folder / "progressive.json", json.dumps(record, indent=2, allow_nan=False) + "\n")


def figures(step: Step) -> dict[str, Any]:
    """A step without its samples; an infinite SNR (nothing is missing, or nothing was to be heard) is None."""
    return {
        "blocks": step.blocks,
        "name": step.name,
        "bits_per_sample": step.bits_per_sample,
        "share": step.share,
        "snr_db": step.snr_db if math.isfinite(step.snr_db) else None,
        "log_spectral_distance_db": step.log_spectral_distance_db,
    }


def cells(step: Step) -> tuple[str, ...]:
    """A row under :data:`HEADINGS`, as text."""
    snr = "exact" if step.snr_db == math.inf else f"{step.snr_db:.2f}"
    return (
        f"{step.blocks}",
        step.name,
        f"{step.bits_per_sample:.4f}",
        f"{100 * step.share:.1f} %",
        snr,
        f"{step.log_spectral_distance_db:.2f}",
    )


def to_markdown(steps: Sequence[Step], title: str) -> str:
    """The table and what its columns mean."""
    lines = [f"**{title}**", "", "| " + " | ".join(HEADINGS) + " |", "|---:|---" + "|---:" * (len(HEADINGS) - 2) + "|"]
    lines += ["| " + " | ".join(cells(step)) + " |" for step in steps]
    return "\n".join([*lines, "", NOTE]) + "\n"


def to_csv(steps: Sequence[Step]) -> str:
    """All figures with full precision, one header line; an empty cell is an infinite SNR."""
    text = io.StringIO()
    rows = [figures(step) for step in steps]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print(steps: Sequence[Step], title: str, folder: Path) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "last" else "right", no_wrap=True)
    for step in steps:
        table.add_row(*cells(step))
    console.print(table)
    console.print(NOTE, style="dim")
    console.print(f"written to {folder}/: WAV files, progressive.png and .svg, .md, .csv, .json", soft_wrap=True)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


if __name__ == "__main__":
    sys.exit(run_main(main))
