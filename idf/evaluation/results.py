"""What an evaluation found: the rows of its table, and the table in each form (JSON, CSV, Markdown, terminal)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idf.evaluation.codecs.interface import Entry, Unavailable
from idf.evaluation.measurement import ClipMeasurement, Measurement
from idf.files import atomic_write_text
from idf.tables import to_csv, to_markdown, to_terminal
from idf.text import formatted, times

if TYPE_CHECKING:
    from rich.console import RenderableType

PCM_BITS = 16
WIDE_TERMINAL = 135
"""Characters that the whole table needs."""

TOLERANCE = 0.005
TOLERANCE_BYTES = 64
"""A model's files may exceed its -log2 p by half a percent and 64 bytes a clip; more means the two drifted apart."""


@dataclass(frozen=True)
class Row:
    """One codec over all clips of a split. None where a figure does not apply.

    Args:
        codec: name and settings.
        provider: the program or library that did the work.
        dataset, split: which clips.
        clips, samples: how many.
        window: samples coded independently of the others; None for codecs that take a clip as a whole.
        bytes: of all files, headers included.
        bits_per_sample: 8 * bytes / samples.
        compression_ratio: 16 / bits_per_sample.
        nll_bits_per_sample: the model's own -log2 p of the same windows.
        training_windows_bits_per_sample: as the original measured (:mod:`idf.evaluation.training_windows`).
        encode_x_realtime, decode_x_realtime: seconds of audio for one CPU second, all threads counted.
        peak_memory_mib: resident memory of the worker process, Python included.
        lossless: every clip was decoded and found equal.
    """

    codec: str
    provider: str
    dataset: str
    split: str
    clips: int
    samples: int
    window: int | None
    bytes: int
    bits_per_sample: float
    compression_ratio: float
    nll_bits_per_sample: float | None
    training_windows_bits_per_sample: float | None
    encode_x_realtime: float | None
    decode_x_realtime: float | None
    peak_memory_mib: float | None
    lossless: bool


@dataclass(frozen=True)
class Results:
    """Everything one evaluation found.

    Args:
        rows: the model first.
        not_made: rows that cannot be made here.
        warnings: a sentence each.
        about: command line, versions, machine: whatever is needed to repeat it.
        per_clip: by codec, what each clip took.
    """

    rows: tuple[Row, ...]
    not_made: tuple[Unavailable, ...] = ()
    warnings: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    per_clip: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)


def make_row(
    entry: Entry,
    dataset: str,
    split: str,
    measurement: Measurement,
    nll_bits: Sequence[float] | None = None,
    training_windows: float | None = None,
) -> Row:
    """Add up a measurement.

    Args:
        entry: the codec measured.
        dataset, split: names for the table.
        measurement: of at least one clip.
        nll_bits: the model's -log2 p of each clip, for a model.
        training_windows: bits/sample of windows of the training clips, for a model of independent windows.
    """
    clips = measurement.clips
    samples = sum(clip.samples for clip in clips)
    size = sum(clip.bytes for clip in clips)
    seconds = sum(clip.seconds for clip in clips)
    return Row(
        codec=entry.codec,
        provider=entry.provider,
        dataset=dataset,
        split=split,
        clips=len(clips),
        samples=samples,
        window=entry.window,
        bytes=size,
        bits_per_sample=8 * size / samples,
        compression_ratio=PCM_BITS * samples / (8 * size),
        nll_bits_per_sample=None if nll_bits is None else sum(nll_bits) / samples,
        training_windows_bits_per_sample=training_windows,
        encode_x_realtime=_speed(seconds, sum(clip.encode_seconds for clip in clips)),
        decode_x_realtime=_speed(seconds, sum(clip.decode_seconds for clip in clips)),
        peak_memory_mib=measurement.peak_memory_mib,
        lossless=True,  # measure() raises otherwise
    )


def excess_warning(row: Row) -> str | None:
    """A sentence if the files of a model are larger than its -log2 p allows, else None."""
    if row.nll_bits_per_sample is None:
        return None
    nll_bytes = row.nll_bits_per_sample * row.samples / 8
    if row.bytes <= nll_bytes * (1 + TOLERANCE) + TOLERANCE_BYTES * row.clips:
        return None
    return (
        f"{row.codec}: the files take {row.bytes} bytes but the model's -log2 p is {nll_bytes:.0f} "
        f"({row.bytes / nll_bytes - 1:+.2%}; allowed are {TOLERANCE:.1%} and {TOLERANCE_BYTES} bytes a clip): "
        "likelihood and coder no longer use the same distribution"
    )


def clip_records(
    clips: Sequence[ClipMeasurement], nll_bits: Sequence[float] | None = None
) -> tuple[dict[str, Any], ...]:
    """What each clip took, for ``results.json``."""
    bits = [None] * len(clips) if nll_bits is None else nll_bits
    return tuple(dataclasses.asdict(clip) | {"nll_bits": nll} for clip, nll in zip(clips, bits, strict=True))


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write ``results.json``, ``table.csv`` and ``table.md`` into ``folder``, each whole or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    texts = {
        "results.json": json.dumps(dataclasses.asdict(results), indent=2, allow_nan=False) + "\n",
        "table.csv": to_csv([dataclasses.asdict(row) for row in results.rows]),
        "table.md": results_markdown(results),
    }
    for name, text in texts.items():
        atomic_write_text(folder / name, text)
    return [folder / name for name in texts]


HEADINGS = (
    *("codec", "window", "bits/sample", "ratio", "−log2 p", "training windows"),
    *("encode", "decode", "MiB", "lossless", "provider"),
)
ALIGNMENT = "lrrrrrrrrcl"


def cells(row: Row) -> tuple[str, ...]:
    """A row under :data:`HEADINGS`, as text."""
    return (
        row.codec,
        formatted(row.window, "d"),
        formatted(row.bits_per_sample, ".4f"),
        formatted(row.compression_ratio, ".3f"),
        formatted(row.nll_bits_per_sample, ".4f"),
        formatted(row.training_windows_bits_per_sample, ".4f"),
        times(row.encode_x_realtime),
        times(row.decode_x_realtime),
        formatted(row.peak_memory_mib, ".0f"),
        "yes" if row.lossless else "NO",
        row.provider,
    )


def caption(results: Results) -> str:
    """Which clips the table is about, in one line."""
    row = results.rows[0]
    return f"{row.dataset}, {row.split}: {row.clips} clip{'s' * (row.clips != 1)}, {row.samples:,} samples"


NOTE = (
    "bits/sample = 8 × bytes of the files / samples, headers included; ratio = 16 / that; −log2 p: the model's own "
    "likelihood of the same windows, bits/sample; training windows: bits/sample of one random window of every clip of the "
    "training split, as the original measured, which says nothing about other audio; encode, decode: seconds of audio for one CPU second; "
    "MiB: peak memory of the process, Python included."
)


def results_markdown(results: Results) -> str:
    """The table, what could not be made, and what the columns mean."""
    parts = []
    if results.rows:
        table = to_markdown(HEADINGS, [cells(row) for row in results.rows], ALIGNMENT)
        parts += [f"**{caption(results)}**\n", table, f"{NOTE}\n"]
    if results.not_made:
        missing = [f"- {row.codec}: {row.reason}. Remedy: {row.remedy}.\n" for row in results.not_made]
        parts += ["Not made here:\n", "".join(missing)]
    parts += [f"**Warning:** {warning}.\n" for warning in results.warnings]
    return "\n".join(parts)


def results_terminal(results: Results, width: int) -> list[RenderableType]:
    """The table and the rest for rich, in the order to print, for a terminal of ``width`` characters.

    A narrow terminal gets fewer columns and the providers below the table; the files always have everything.
    """
    from rich.text import Text

    hidden = () if width >= WIDE_TERMINAL else ("window", "training windows", "lossless", "provider")
    kept = [index for index, heading in enumerate(HEADINGS) if heading not in hidden]
    table = to_terminal(
        [HEADINGS[index] for index in kept],
        [[cells(row)[index] for index in kept] for row in results.rows],
        "".join(ALIGNMENT[index] for index in kept),
        title=caption(results),
        wrapped=("codec", "provider"),
        styles=["bold", *[None] * (len(results.rows) - 1)],
    )
    parts: list[RenderableType] = [table, Text(NOTE, style="dim")]
    if hidden:
        providers = "; ".join(f"{row.codec}: {row.provider}" for row in results.rows)
        parts.append(Text(f"every row was decoded and compared: lossless. By {providers}", style="dim"))
    for missing in results.not_made:
        parts.append(Text(f"not made: {missing.codec}: {missing.reason}; {missing.remedy}", style="dim"))
    parts += [Text(f"warning: {warning}", style="bold yellow") for warning in results.warnings]
    return parts


def _speed(audio_seconds: float, cpu_seconds: float) -> float | None:
    return audio_seconds / cpu_seconds if cpu_seconds > 0 else None
