"""Compare our models with other lossless codecs: size, speed of encoding and decoding, and memory, on one core.

    python -m benchmarks.codecs                                    the test clips of the bundled speech
    python -m benchmarks.codecs 'wavs/LJ001-002[5-8].wav' music/   a file pattern, and a folder
    python -m benchmarks.codecs --models default --baselines flac,monkeys --seconds 60

Every file is encoded in one process, decoded in another and compared before a row is printed. Sizes are
file sizes, headers included. Speed is seconds of audio per CPU second. Programs, including ours, run once per
file as users run them, so their speed includes start-up; for ours the speed without start-up is given as well.
Codecs missing on this machine are listed below the table.

The results are also written to `outputs/bench`: `codecs.json`, `codecs.csv` and, for each set, a figure of
size against speed (`codecs-NAME.svg`, `.pdf` and `.png`; `codecs-NAME-column.svg` and `.pdf` for a column).
"""

from __future__ import annotations

from idf.evaluation.machine import cpu_name, use_one_core

if __name__ == "__main__":
    use_one_core()  # before NumPy is imported: it reads the number of threads once

import argparse
import json
import math
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.table import Table
from rich.text import Text

import idf
from idf.errors import ConfigError, RunError, run_main
from idf.evaluation.codec_plots import Mark, plot_speed
from idf.evaluation.codecs.baselines import BASELINES, find_baselines
from idf.evaluation.codecs.flac import DEFAULT_BLOCK
from idf.evaluation.codecs.interface import CodecError, Entry, Unavailable
from idf.evaluation.codecs.ours import check_models, command_entry, installed_models, library_entry
from idf.evaluation.measurement import Measurement, measure, unavailable
from idf.evaluation.recordings import DEMO, RecordingSet, find_set, lay_out_set
from idf.evaluation.results import make_row
from idf.files import atomic_write_text
from idf.tables import to_csv, to_terminal
from idf.terminal import open_console, progress_bar
from idf.text import bits, formatted, times

OUTPUTS = Path(__file__).resolve().parent.parent / "outputs" / "bench"
WIDTH = 120
"""Line width in characters when the output is not a terminal."""
# Rows at the window of a model are for evaluate.py, which knows the window.
NAMES = tuple(name for name in BASELINES if name not in ("flac-window", "flac-exhaustive"))

NOTE = (
    "bits/sample: 8 × file bytes / samples, headers included; encode, decode: seconds of audio per CPU second on one "
    "core, for programs with start-up for each file; started: the same within one process that has loaded the model; "
    "MiB: peak resident memory, at least that of the small Python process that starts a program. Every file was "
    "decoded and compared."
)


@dataclass(frozen=True)
class BenchRow:
    """One codec on one set; see :class:`idf.evaluation.results.Row` for the common fields.

    Args:
        set, about: name of the set, and which part of it was measured.
        ours: whether it is one of our models.
        files: number of files.
        seconds: of audio.
        started_encode_x_realtime, started_decode_x_realtime: speed within one process that has loaded the model;
            None for other codecs.
    """

    set: str
    about: str
    codec: str
    provider: str
    ours: bool
    files: int
    samples: int
    seconds: float
    bytes: int
    bits_per_sample: float
    encode_x_realtime: float
    decode_x_realtime: float
    peak_memory_mib: float | None
    started_encode_x_realtime: float | None = None
    started_decode_x_realtime: float | None = None


def main() -> int:
    """Measure all sets, print tables, write results, and return the exit status; check all arguments first."""
    arguments = _arguments()
    models = installed_models() if arguments.models is None else _split(arguments.models)
    check_models(models)
    baselines = _baselines(arguments.baselines)
    sets = [find_set(word, arguments.seconds) for word in arguments.data or [DEMO]]
    entries, not_made = find_baselines(baselines, [DEFAULT_BLOCK])
    if not models and not entries:
        raise RunError("nothing to measure: no models, and no baseline is installed; change --models or --baselines")
    console = open_console(WIDTH)
    rows: list[BenchRow] = []
    for recordings in sets:
        found, failed = measure_set(recordings, models, entries)
        if not found:
            console.print(*_reasons([*not_made, *failed]), sep="\n")
            continue
        rows += found
        console.print(*table(recordings, found, [*not_made, *failed]), sep="\n")
        save(rows, arguments.output)  # after each set, so an interrupted run keeps its results
        pictures = draw(recordings, found, arguments.output)
        print(f"figure: {pictures[0]} (also .pdf, .png); numbers: {arguments.output / 'codecs.csv'} (also .json)\n")
    return 0 if rows else 1


def measure_set(
    recordings: RecordingSet, models: Sequence[str], baselines: Sequence[Entry]
) -> tuple[list[BenchRow], list[Unavailable]]:
    """Measure every codec on one set; return the rows, smallest files first, and the codecs that failed.

    Raises:
        NotLosslessError: a codec changed samples.
        CodecError: one of our models failed.
    """
    rows: list[BenchRow] = []
    failed: list[Unavailable] = []
    with tempfile.TemporaryDirectory(prefix="idf-bench-") as place, progress_bar() as progress:
        folder = Path(place)
        clips = lay_out_set(recordings, _subfolder(folder))
        total = sum(clip.samples for clip in clips)

        def bar(label: str) -> Callable[[int], None]:
            task = progress.add_task(f"{recordings.name}: {label}", total=2 * total)
            return lambda samples: progress.advance(task, samples)

        for model in models:
            command, library = command_entry(model), library_entry(model)
            row = _row(recordings, command, measure(command, clips, _subfolder(folder), bar(command.codec)))
            started = measure(library, clips, _subfolder(folder), bar(f"{library.codec}, started"))
            rows.append(_with_started(row, _row(recordings, library, started)))
        for entry in baselines:
            try:
                rows.append(_row(recordings, entry, measure(entry, clips, _subfolder(folder), bar(entry.codec))))
            except CodecError as error:
                failed.append(unavailable(entry, error))
    return sorted(rows, key=lambda row: row.bits_per_sample), failed


def _row(recordings: RecordingSet, entry: Entry, measurement: Measurement) -> BenchRow:
    row = make_row(entry, recordings.name, recordings.about, measurement)
    return BenchRow(
        set=recordings.name,
        about=recordings.about,
        codec=entry.codec,
        provider=entry.provider,
        ours=entry.provider.startswith("idf"),
        files=row.clips,
        samples=row.samples,
        seconds=sum(clip.seconds for clip in measurement.clips),
        bytes=row.bytes,
        bits_per_sample=row.bits_per_sample,
        encode_x_realtime=row.encode_x_realtime or math.inf,
        decode_x_realtime=row.decode_x_realtime or math.inf,
        peak_memory_mib=row.peak_memory_mib,
    )


def _with_started(row: BenchRow, started: BenchRow) -> BenchRow:
    return replace(
        row,
        started_encode_x_realtime=started.encode_x_realtime,
        started_decode_x_realtime=started.decode_x_realtime,
    )


def table(recordings: RecordingSet, rows: Sequence[BenchRow], not_made: Sequence[Unavailable]) -> list[Table | Text]:
    """Return the table of one set for the terminal, with notes and missing codecs below."""
    first = rows[0]
    files = f"{first.files} file{'s' * (first.files != 1)}"
    length = f"{first.seconds:.0f} s" if first.seconds >= 10 else f"{first.seconds:.2f} s"
    title = f"{recordings.name}, {recordings.about}: {files}, {length}, {first.samples:,} samples"
    shown = to_terminal(
        ("codec", "bits/sample", "encode", "decode", "started: encode", "decode", "MiB"),
        [
            (
                row.codec,
                bits(row.bits_per_sample),
                *map(times, (row.encode_x_realtime, row.decode_x_realtime)),
                *map(times, (row.started_encode_x_realtime, row.started_decode_x_realtime)),
                formatted(row.peak_memory_mib, ".0f"),
            )
            for row in rows
        ],
        "lrrrrrr",
        title=title,
        wrapped=("codec",),
        styles=["bold" if row.ours else None for row in rows],
    )
    return [shown, Text(NOTE, style="dim"), *_reasons(not_made)]


def _reasons(not_made: Sequence[Unavailable]) -> list[Text]:
    return [Text(f"not measured: {one.codec}: {one.reason}; {one.remedy}", style="dim") for one in not_made]


def save(rows: Sequence[BenchRow], folder: Path) -> None:
    """Write the rows to ``codecs.json`` (with what is needed to repeat them) and ``codecs.csv``.

    Raises:
        OutputError: the folder cannot be written.
    """
    about = {
        "idf": idf.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "command": sys.argv,
    }
    document = {"about": about, "rows": [asdict(row) for row in rows]}
    atomic_write_text(folder / "codecs.json", json.dumps(document, indent=1) + "\n")
    atomic_write_text(folder / "codecs.csv", to_csv([asdict(row) for row in rows]))


def draw(recordings: RecordingSet, rows: Sequence[BenchRow], folder: Path) -> list[Path]:
    """Write the figure of one set, size against speed, and return its paths."""
    marks = [
        Mark(
            row.codec,
            row.bits_per_sample,
            row.encode_x_realtime,
            row.decode_x_realtime,
            row.started_encode_x_realtime,
            row.started_decode_x_realtime,
            row.ours,
        )
        for row in rows
    ]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", recordings.name)
    return plot_speed(marks, f"{recordings.name}, {recordings.about}", folder, f"codecs-{name}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.codecs",
        description=str(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", nargs="*", metavar="DATA", help="folders, file patterns, or demo (the default)")
    parser.add_argument(
        "--models", metavar="NAMES", help="models to measure, separated by commas, or none (default: all)"
    )
    parser.add_argument(
        "--baselines", default="all", metavar="NAMES", help=f"all, none, or some of: {', '.join(NAMES)} (default: all)"
    )
    parser.add_argument("--seconds", type=float, help="only the first files of each set, up to about this duration")
    parser.add_argument(
        "--output", type=Path, default=OUTPUTS, metavar="FOLDER", help="output folder (default: outputs/bench)"
    )
    return parser.parse_args()


def _split(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return [] if names == ["none"] else names


def _baselines(text: str) -> list[str]:
    if text == "all":
        return list(NAMES)
    names = _split(text)
    known = (*NAMES, "all", "none")
    if wrong := [f"--baselines: {name} is not one of {', '.join(known)}" for name in names if name not in NAMES]:
        raise ConfigError(wrong)
    return names


def _subfolder(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


if __name__ == "__main__":
    sys.exit(run_main(main))
