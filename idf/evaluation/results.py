"""Results of an evaluation: the rows of its table, and the table as JSON, CSV, Markdown and terminal output."""

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
"""Characters needed for the whole table."""

TOLERANCE = 0.005
TOLERANCE_BYTES = 64
"""A model's files may exceed its -log2 p by 0.5 % plus 64 bytes per clip; more means that coder and model differ."""


@dataclass(frozen=True)
class Row:
    """One codec over all clips of a split. Figures that do not apply are None.

    Args:
        codec: name and settings.
        provider: the program or library that did the work.
        dataset, split: data set and split of the clips.
        clips, samples: number of each.
        window: number of samples coded independently of the others; None for codecs that code whole clips.
        bytes: total size of all files, headers included.
        bits_per_sample: 8 * bytes / samples.
        compression_ratio: 16 / bits_per_sample.
        nll_bits_per_sample: the model's -log2 p of the same windows.
        training_windows_bits_per_sample: measured as in the original (:mod:`idf.evaluation.training_windows`).
        encode_x_realtime, decode_x_realtime: seconds of audio per CPU second, all threads counted.
        peak_memory_mib: resident memory of the worker process, Python included.
        lossless: every clip was decoded and compared equal.
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
    """All results of one evaluation.

    Args:
        rows: the models first.
        not_made: codecs that could not be measured here.
        warnings: one sentence each, without a full stop.
        about: what is needed to repeat the evaluation: command, versions, machine, models, data.
        per_clip: size and time of each clip, by codec.
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
    """Return a measurement summed up as a table row.

    Args:
        entry: the codec measured.
        dataset, split: names for the table.
        measurement: of at least one clip.
        nll_bits: a model's -log2 p of each clip, in bits; None for other codecs.
        training_windows: bits/sample of training windows, for a model of independent windows.
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
    """Return a warning if a model's files are larger than its -log2 p allows, else None."""
    if row.nll_bits_per_sample is None:
        return None
    nll_bytes = row.nll_bits_per_sample * row.samples / 8
    if row.bytes <= nll_bytes * (1 + TOLERANCE) + TOLERANCE_BYTES * row.clips:
        return None
    return (
        f"{row.codec}: the files take {row.bytes} bytes but the model's -log2 p is {nll_bytes:.0f} bytes "
        f"({row.bytes / nll_bytes - 1:+.2%}; the limit is {TOLERANCE:.1%} plus {TOLERANCE_BYTES} bytes per clip): "
        "the coder does not use the distribution that the likelihood was computed with"
    )


def clip_records(
    clips: Sequence[ClipMeasurement], nll_bits: Sequence[float] | None = None
) -> tuple[dict[str, Any], ...]:
    """Return the measurements of each clip as records for ``results.json``."""
    bits = [None] * len(clips) if nll_bits is None else nll_bits
    return tuple(dataclasses.asdict(clip) | {"nll_bits": nll} for clip, nll in zip(clips, bits, strict=True))


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write ``results.json``, ``table.csv`` and ``table.md`` to ``folder``, each atomically, and return their paths.

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
    """Return the cells of a row, in the order of :data:`HEADINGS`."""
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
    """Return one line that says which clips the table covers."""
    row = results.rows[0]
    return f"{row.dataset}, {row.split}: {row.clips} clip{'s' * (row.clips != 1)}, {row.samples:,} samples"


NOTE = (
    "bits/sample: 8 × file bytes / samples, headers included; ratio: 16 / (bits/sample); −log2 p: the model's negative "
    "log-likelihood of the same windows, bits/sample; training windows: bits/sample of one random window of each training "
    "clip, as measured in the original (no measure of other audio); encode, decode: seconds of audio per CPU second; "
    "MiB: peak memory of the process, Python included."
)


def results_markdown(results: Results) -> str:
    """Return the table with its notes, missing codecs and warnings as Markdown."""
    parts = []
    if results.rows:
        table = to_markdown(HEADINGS, [cells(row) for row in results.rows], ALIGNMENT)
        parts += [f"**{caption(results)}**\n", table, f"{NOTE}\n"]
    if results.not_made:
        missing = [f"- {row.codec}: {row.reason}. Remedy: {row.remedy}.\n" for row in results.not_made]
        parts += ["Not measured here:\n", "".join(missing)]
    parts += [f"**Warning:** {warning}.\n" for warning in results.warnings]
    return "\n".join(parts)


def results_terminal(results: Results, width: int) -> list[RenderableType]:
    """Return the table, notes and warnings for rich, in printing order, for a terminal of ``width`` characters.

    On a narrow terminal some columns are left out and the providers go below the table; the files have all columns.
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
        parts.append(
            Text(f"every clip was decoded and compared: all codecs are lossless. Providers: {providers}", style="dim")
        )
    for missing in results.not_made:
        parts.append(Text(f"not measured: {missing.codec}: {missing.reason}; {missing.remedy}", style="dim"))
    parts += [Text(f"warning: {warning}", style="bold yellow") for warning in results.warnings]
    return parts


def _speed(audio_seconds: float, cpu_seconds: float) -> float | None:
    return audio_seconds / cpu_seconds if cpu_seconds > 0 else None
