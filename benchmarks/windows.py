"""Time and memory of the window models as the window grows, 2^8 … 2^14, and as the file grows, 10 s … 10 min.

    python -m benchmarks.windows                    both; about 15 minutes on one core
    python -m benchmarks.windows --seconds 10 60    shorter files only

The bundled speech, repeated, at 22,050 Hz. Each row is a command of its own, on one core, with its start;
memory is the largest resident set. Compression is timed without its check, which is a decompression. Windows
between those of the shipped models use the weights of the next smaller one: that changes neither time nor memory.

Beside the table, ``outputs/bench/windows.svg``, ``.png`` and ``.json`` are written.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.streaming import COLOURS, OUTPUTS, ROOT, Measured, measure, write_speech
from idf.files import atomic_write
from idf.models.file import read_model_file, write_model_file
from idf.models.registry import find_model
from idf.plotting import GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHIPPED = {256: "bands-small", 1024: "bands-medium", 16384: "bands-large"}
WINDOWS = tuple(1 << power for power in range(8, 15))
SECONDS = (10, 60, 600)
WINDOW_SECONDS = 60
"""Of the file that every window is measured on."""


@dataclass(frozen=True)
class Row:
    """One command: see :class:`benchmarks.streaming.Measured`."""

    window: int
    measured: Measured


def model_of(window: int, folder: Path) -> Path:
    """A model file with windows of that many samples: a shipped one, or one that is made in ``folder``."""
    name = SHIPPED[max(known for known in SHIPPED if known <= window)]
    path = find_model(name)
    if SHIPPED.get(window) == name:
        return path
    file = read_model_file(path)
    file.header["config"]["model"]["window"] = window
    made = folder / f"window-{window}.idfm"
    write_model_file(made, file.header["config"], file.arrays, file.header["provenance"])
    return made


def measurements(seconds: list[int], windows: list[int]) -> Iterator[Row]:
    """Every shipped model at every length, then the other windows at one length."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for length in seconds:
            write_speech(folder / "long.wav", length)
            for window in windows:
                if window in SHIPPED or length == WINDOW_SECONDS:
                    yield from _both(folder, model_of(window, folder), window, length)


def _both(folder: Path, model: Path, window: int, seconds: int) -> Iterator[Row]:
    wav, packed, back = (str(folder / file) for file in ("long.wav", "long.idf", "back.wav"))
    with_model = ["--model", str(model)]
    yield Row(window, measure(seconds, "compress", 1, ["--no-verify", *with_model, wav, "-o", packed]))
    yield Row(window, measure(seconds, "decompress", 1, ["-d", *with_model, packed, "-o", back]))


def draw(rows: list[Row]) -> Figure:
    """Four panels: speed and memory against window, time and memory against length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    (speed, memory), (times, resident) = figure.subplots(2, 2)
    styles = {256: ":", 1024: "--", 16384: "-"}
    for what, colour in COLOURS.items():
        of_window = [row for row in rows if (row.measured.what, row.measured.seconds) == (what, WINDOW_SECONDS)]
        of_window.sort(key=lambda row: row.window)
        at = [row.window for row in of_window]
        plain = {"color": colour, "marker": "o", "markersize": 4}
        speed.plot(at, [row.measured.seconds / row.measured.cpu_seconds for row in of_window], label=what, **plain)
        memory.plot(at, [row.measured.peak_mb for row in of_window], label=what, **plain)
        for window, name in SHIPPED.items():
            chosen = [row.measured for row in rows if row.window == window and row.measured.what == what]
            chosen.sort(key=lambda row: row.seconds)
            lengths = [row.seconds for row in chosen]
            style = plain | {"linestyle": styles[window], "label": f"{name}, {what}"}
            times.plot(lengths, [row.cpu_seconds for row in chosen], **style)
            resident.plot(lengths, [row.peak_mb for row in chosen], **style)
    speed.axhline(5, color=GREY, linestyle=":", label="5 × real time")
    lengths = sorted({row.measured.seconds for row in rows})
    times.plot(lengths, [seconds / 5 for seconds in lengths], color=GREY, linestyle=":", label="5 × real time")
    titles = {
        speed: f"seconds of sound a CPU second ({WINDOW_SECONDS} s file)",
        memory: f"largest resident memory, MB ({WINDOW_SECONDS} s file)",
        times: "CPU seconds",
        resident: "largest resident memory, MB",
    }
    for axes, title in titles.items():
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xscale("log", base=2 if axes in (speed, memory) else 10)
        axes.set_xlabel("window, samples" if axes in (speed, memory) else "length of the recording, seconds")
        axes.grid(alpha=0.3)
        if axes is times:
            axes.set_yscale("log")
        elif axes is speed:
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(0, 1.8 * max(row.measured.peak_mb for row in rows))
        axes.legend(fontsize=7)
    return figure


def save(rows: list[Row]) -> None:
    """Write numbers and plot under ``outputs/bench``."""
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    with atomic_write(OUTPUTS / "windows.json") as file:
        file.write(json.dumps([{"window": row.window, **asdict(row.measured)} for row in rows], indent=1).encode())
    figure = draw(rows)
    for kind in ("svg", "png"):
        with atomic_write(OUTPUTS / f"windows.{kind}") as file:
            figure.savefig(file, format=kind, dpi=160)


def main() -> int:
    """Print the table, write numbers and plot."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seconds", nargs="+", type=int, default=list(SECONDS), help="lengths of files")
    parser.add_argument("--windows", nargs="+", type=int, choices=WINDOWS, default=list(WINDOWS), help="in samples")
    arguments = parser.parse_args()
    table = Table("window", "seconds of sound", "", "× real time", "× real time (CPU)", "peak MB")
    console, rows = Console(), []
    with console.status("measuring"):
        for row in measurements(sorted(arguments.seconds), arguments.windows):
            rows.append(row)
            taken = row.measured
            speeds = (f"{taken.seconds / spent:.1f}" for spent in (taken.wall_seconds, taken.cpu_seconds))
            table.add_row(str(row.window), str(taken.seconds), taken.what, *speeds, f"{taken.peak_mb:.0f}")
    save(rows)
    console.print(table)
    print(f"plot: {OUTPUTS.relative_to(ROOT) / 'windows.svg'} (and .png, .json)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
