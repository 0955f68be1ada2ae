"""Time and memory of the command against file length: time must grow linearly, memory must be bounded.

    python -m benchmarks.streaming                          the default model, 10 s, 60 s and 600 s
    python -m benchmarks.streaming --hour --jobs 1          also one hour, on one core only
    python -m benchmarks.streaming --model NAME 10 100      another model, other lengths

The audio is the bundled speech, repeated, at 22,050 Hz. Each row is one command; memory is the largest
resident set of its processes. Compression is timed without verification.

The results are also written to ``outputs/bench``: ``streaming.json``, ``streaming.svg``, ``.pdf`` and ``.png``, and
``streaming-column.svg`` and ``.pdf`` for a column. The exit status is 1 if memory exceeds the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from idf.files import atomic_write
from idf.plotting import (
    BLUE,
    COLUMN_INCHES,
    DPI,
    GREY,
    VERMILION,
    WIDTH_INCHES,
    add_common_legend,
    save_widths,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE_HZ = 22050
SECONDS = (10, 60, 600)
HOUR = 3600
LIMIT_MB = 600
"""Limit of resident memory for an hour of audio, in both directions."""
ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "idf" / "data" / "demo"
OUTPUTS = ROOT / "outputs" / "bench"
PIECE_SECONDS = 60
"""Long files are written in pieces of this length."""
LOOKS = {"compress": (BLUE, "o"), "decompress": (VERMILION, "s")}
"""Colour and marker of each direction."""
LINES = {1: "-", 2: "--"}


@dataclass(frozen=True)
class Measured:
    """Time and memory of one command.

    Attributes:
        seconds: of audio.
        what: ``compress`` or ``decompress``.
        jobs: number of processes.
        wall_seconds, cpu_seconds: elapsed and CPU time.
        peak_mb: peak resident set, in MB.
    """

    seconds: int
    what: str
    jobs: int
    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def measure(seconds: int, what: str, jobs: int, arguments: list[str]) -> Measured:
    """Run ``idf`` with these arguments and return its time and memory."""
    command = [sys.executable, "-m", "idf", "-q", "-f", "-j", str(jobs), *arguments]
    begun = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    spent = time.perf_counter() - begun
    return Measured(seconds, what, jobs, spent, usage.ru_utime + usage.ru_stime, kilobytes / 1024)


def compile_loops(model: list[str]) -> None:
    """Compile the loops of a model, so that the first measurement does not include that."""
    subprocess.run([sys.executable, "-m", "idf", "warm-up", *model], check=True, capture_output=True)


def write_speech(path: Path, seconds: int) -> None:
    """Write a WAV file of the bundled speech, repeated to a length in seconds."""
    voice = np.concatenate([soundfile.read(clip, dtype="int16")[0] for clip in sorted(DEMO.glob("*.flac"))])
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for first in range(0, seconds, PIECE_SECONDS):
            last = min(first + PIECE_SECONDS, seconds)
            file.write(np.take(voice, np.arange(first * RATE_HZ, last * RATE_HZ), mode="wrap"))


def measurements(lengths: list[int], all_jobs: list[int], model: list[str]) -> Iterator[Measured]:
    """Yield all rows, shortest files first."""
    compile_loops(model[1:] or ["default"])
    with tempfile.TemporaryDirectory() as name:
        wav, packed, back = (Path(name) / file for file in ("long.wav", "long.idf", "back.wav"))
        for seconds in lengths:
            write_speech(wav, seconds)
            for jobs in all_jobs:
                yield measure(seconds, "compress", jobs, ["--no-verify", *model, str(wav), "-o", str(packed)])
                yield measure(seconds, "decompress", jobs, ["-d", *model, str(packed), "-o", str(back)])


def draw(rows: list[Measured], width: float = WIDTH_INCHES) -> Figure:
    """Return time and memory against length, with a line for each direction and number of jobs.

    Args:
        rows: at least one.
        width: of the figure, in inches; the panels of a narrow one are stacked.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FormatStrFormatter

    wide = width >= WIDTH_INCHES
    figure = Figure(figsize=(width, 3.1 if wide else 5.4), dpi=DPI, layout="constrained")
    times, memory = figure.subplots(*((1, 2) if wide else (2, 1)))
    lengths = sorted({row.seconds for row in rows})
    for what, (colour, marker) in LOOKS.items():
        for jobs, line in LINES.items():
            chosen = [row for row in rows if (row.what, row.jobs) == (what, jobs)]
            if not chosen:
                continue
            at = [row.seconds for row in chosen]
            style = {"color": colour, "linestyle": line, "marker": marker, "markersize": 4, "linewidth": 1.2}
            label = f"{what}, {jobs} job{'s' if jobs > 1 else ''}"
            times.plot(at, [row.wall_seconds for row in chosen], label=label, **style)
            memory.plot(at, [row.peak_mb for row in chosen], label=label, **style)
    times.plot(lengths, [seconds / 10 for seconds in lengths], color=GREY, linestyle=":", label="10 × real time")
    memory.axhline(LIMIT_MB, color=GREY, linestyle="-.", label="limit of memory")
    for axes, title in ((times, "elapsed time, s"), (memory, "peak resident memory, MB")):
        style_axes(axes)
        axes.set_xscale("log")
        axes.set_xticks(lengths, [f"{seconds} s" if seconds < HOUR else f"{seconds // HOUR} h" for seconds in lengths])
        axes.minorticks_off()
        axes.set_xlabel("length of the recording (22,050 Hz, mono)")
        axes.set_ylabel(title)
    times.set_yscale("log")
    times.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    memory.set_ylim(0, LIMIT_MB * 1.1)
    add_common_legend(figure, 3 if wide else 2)
    return figure


def save(rows: list[Measured]) -> None:
    """Write the numbers and the figure to ``outputs/bench``."""
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    with atomic_write(OUTPUTS / "streaming.json") as file:
        file.write(json.dumps([asdict(row) for row in rows], indent=1).encode())
    save_widths(draw(rows), draw(rows, COLUMN_INCHES), OUTPUTS, "streaming")


def main() -> int:
    """Print the table, write the results, and return 1 if memory exceeds the limit, else 0."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("seconds", nargs="*", type=int, help=f"file lengths (default: {' '.join(map(str, SECONDS))})")
    parser.add_argument("--hour", action="store_true", help="also measure one hour")
    parser.add_argument(
        "--jobs", nargs="+", type=int, choices=LINES, default=list(LINES), help="numbers of processes (default: 1 2)"
    )
    parser.add_argument("--model", help="name or path of a model")
    arguments = parser.parse_args()
    lengths = sorted({*(arguments.seconds or SECONDS), *([HOUR] if arguments.hour else [])})
    model = ["--model", arguments.model] if arguments.model else []
    table = Table("seconds of audio", "", "jobs", "× real time", "× real time (CPU)", "peak MB")
    console = Console()
    rows = []
    with console.status("measuring"):
        for row in measurements(lengths, arguments.jobs, model):
            rows.append(row)
            save(rows)  # after each row, so an interrupted run keeps its results
            speeds = (f"{row.seconds / spent:.1f}" for spent in (row.wall_seconds, row.cpu_seconds))
            table.add_row(str(row.seconds), row.what, str(row.jobs), *speeds, f"{row.peak_mb:.0f}")
    console.print(table)
    print(f"figure: {OUTPUTS.relative_to(ROOT) / 'streaming.svg'} (also .pdf, .png, .json and for a column)")
    return int(max(row.peak_mb for row in rows) > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
