"""The view ``progressive``: what each latent block adds to a clip, as a table, a figure and WAV files."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from idf.audio.pcm import write_wav16
from idf.container.approximation import PartialCodec, partial_codec
from idf.errors import ConfigError
from idf.evaluation.clip.choose import Choice
from idf.evaluation.clip.progressive import Step, progressive_steps
from idf.evaluation.clip.progressive_plot import plot_progressive
from idf.files import atomic_write_text, output_errors
from idf.models import registry
from idf.tables import to_csv, to_markdown, to_terminal
from idf.terminal import open_console, progress_bar

ALL = "all"
HEADINGS = ("blocks", "last", "bits/sample", "share", "SNR, dB", "LSD, dB")
ALIGNMENT = "rlrrrr"
PLAIN_WIDTH = 100
"""Line width in characters when the output is not a terminal."""
NOTE = (
    "blocks: number of known blocks, in decoding order; last: name of the last known block; share: share of the bits of "
    "all blocks; SNR: signal-to-noise ratio over the whole clip; LSD: log-spectral distance, frames of 32 ms."
)


def show_progressive(choice: Choice, blocks: Sequence[str]) -> None:
    """Decode the clip from its first blocks; write WAV files, a figure and tables, and print a table.

    Args:
        choice: the clip and the model.
        blocks: numbers of blocks, ``all`` for the largest; ``all`` alone for every number.

    Raises:
        ConfigError: the model has no such number of blocks.
        RunError: the model has no latent blocks.
        OutputError: the folder cannot be written.
    """
    codec = partial_codec(registry.load_model(choice.model), 1)
    numbers = _numbers(blocks, len(codec.block_names))
    with output_errors(choice.folder):
        choice.folder.mkdir(parents=True, exist_ok=True)  # fail before the work if this fails
    with progress_bar() as bar:
        task = bar.add_task(f"decoding {choice.name} block by block", total=len(numbers))
        steps = progressive_steps(
            codec,
            choice.clip.samples,
            choice.clip.rate_hz,
            numbers,
            progress=lambda count: bar.advance(task, count),
        )
    _write(steps, codec, choice)
    console = open_console(PLAIN_WIDTH)
    console.print(to_terminal(HEADINGS, [cells(step) for step in steps], ALIGNMENT, title=choice.title))
    console.print(NOTE, style="dim")
    console.print(
        f"written to {choice.folder}/: WAV files; progressive.svg, .pdf, .png, .md, .csv and .json", soft_wrap=True
    )


def figures(step: Step) -> dict[str, Any]:
    """Return a step as a record without samples; an infinite SNR becomes None."""
    return {
        "blocks": step.blocks,
        "name": step.name,
        "bits_per_sample": step.bits_per_sample,
        "share": step.share,
        "snr_db": step.snr_db if math.isfinite(step.snr_db) else None,
        "log_spectral_distance_db": step.log_spectral_distance_db,
    }


def cells(step: Step) -> tuple[str, ...]:
    """Return a table row, in the order of :data:`HEADINGS`."""
    snr = "exact" if step.snr_db == math.inf else f"{step.snr_db:.2f}"
    return (
        f"{step.blocks}",
        step.name,
        f"{step.bits_per_sample:.4f}",
        f"{100 * step.share:.1f} %",
        snr,
        f"{step.log_spectral_distance_db:.2f}",
    )


def _numbers(wanted: Sequence[str], count: int) -> list[int]:
    """Return the requested numbers of blocks, increasing, without repetition."""
    if list(wanted) == [ALL]:
        return list(range(1, count + 1))
    wrong = [text for text in wanted if text != ALL and not (text.isdecimal() and 1 <= int(text) <= count)]
    if wrong:
        raise ConfigError(
            [
                f"blocks={','.join(wanted)}: this model has {count} blocks; choose 1 to {count}, or all, not {', '.join(wrong)}"
            ]
        )
    return sorted({count if text == ALL else int(text) for text in wanted})


def _write(steps: Sequence[Step], codec: PartialCodec, choice: Choice) -> None:
    """Write WAV files, figure and tables, ``progressive.json`` last."""
    folder, clip = choice.folder, choice.clip
    digits = len(str(len(codec.block_names)))
    files = [f"blocks{step.blocks:0{digits}d}.wav" for step in steps]
    for step, file in zip(steps, files, strict=True):
        write_wav16(folder / file, step.samples, clip.rate_hz)
    title = f"{choice.name} block by block, {choice.model_name}"
    plot_progressive(steps, clip.samples, clip.rate_hz, title, folder)
    table = to_markdown(HEADINGS, [cells(step) for step in steps], ALIGNMENT)
    atomic_write_text(folder / "progressive.md", f"**{choice.title}**\n\n{table}\n{NOTE}\n")
    atomic_write_text(folder / "progressive.csv", to_csv([figures(step) for step in steps]))
    record = {
        "clip": choice.name,
        "samples": len(clip.samples),
        "rate_hz": clip.rate_hz,
        "model": choice.model_name,
        "fingerprint": codec.fingerprint.hex(),
        "block_names": list(codec.block_names),
        "steps": [{**figures(step), "file": file} for step, file in zip(steps, files, strict=True)],
    }
    atomic_write_text(folder / "progressive.json", json.dumps(record, indent=2, allow_nan=False) + "\n")
