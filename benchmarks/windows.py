"""Time and memory of the window models against window length, 2^8 … 2^14, and file length, 10 s … 10 min.

    python -m benchmarks.windows                    about 15 minutes on one core
    python -m benchmarks.windows --seconds 10 60    shorter files only

The audio is the bundled speech, repeated, at 22,050 Hz. Each row is one command on one core, start-up included;
memory is the peak resident set. Compression is timed without verification. Windows between those of the shipped
models use the weights of the next smaller one, which affects neither time nor memory.

The results are also written to ``outputs/bench``: ``windows.json``, ``windows.svg``, ``.pdf`` and ``.png``, and
``windows-column.svg`` and ``.pdf`` for a column.
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

from benchmarks.streaming import LOOKS, OUTPUTS, ROOT, Measured, compile_loops, measure, write_speech
from idf.files import atomic_write
from idf.models.file import read_model_file, write_model_file
from idf.models.registry import find_model
from idf.plotting import COLUMN_INCHES, DPI, GREY, WIDTH_INCHES, add_common_legend, save_widths, style_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHIPPED = {256: "bands-small", 1024: "bands-medium", 16384: "bands-large"}
WINDOWS = tuple(1 << power for power in range(8, 15))
SECONDS = (10, 60, 600)
WINDOW_SECONDS = 60
"""Length of the file on which every window is measured."""


@dataclass(frozen=True)
class Row:
    """One command with a window in samples; see :class:`benchmarks.streaming.Measured`."""

    window: int
    measured: Measured


def model_of(window: int, folder: Path) -> Path:
    """Return a model file with windows of ``window`` samples: a shipped one, or one written to ``folder``."""
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
    """Yield rows for every shipped model at every length, and for the other windows at one length."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_loops([str(model_of(windows[0], folder))])
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


def draw(rows: list[Row], width: float = WIDTH_INCHES) -> Figure:
    """Return four panels: speed and memory against window, time and memory against length.

    Args:
        rows: at least one.
        width: of the figure, in inches; the panels of a narrow one are stacked.
    """
    from matplotlib.figure import Figure

    wide = width >= WIDTH_INCHES
    figure = Figure(figsize=(width, 5.6 if wide else 9.0), dpi=DPI, layout="constrained")
    speed, memory, times, resident = figure.subplots(*((2, 2) if wide else (4, 1))).flat
    styles = {256: ":", 1024: "--", 16384: "-"}
    lengths = sorted({row.measured.seconds for row in rows})
    compared = WINDOW_SECONDS if WINDOW_SECONDS in lengths else lengths[-1]
    for what, (colour, marker) in LOOKS.items():
        of_window = [row for row in rows if (row.measured.what, row.measured.seconds) == (what, compared)]
        of_window.sort(key=lambda row: row.window)
        at = [row.window for row in of_window]
        plain = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.2}
        speed.plot(at, [row.measured.seconds / row.measured.cpu_seconds for row in of_window], **plain)
        memory.plot(at, [row.measured.peak_mb for row in of_window], **plain)
        for window, name in SHIPPED.items():
            chosen = [row.measured for row in rows if row.window == window and row.measured.what == what]
            chosen.sort(key=lambda row: row.seconds)
            at = [row.seconds for row in chosen]
            style = plain | {"linestyle": styles[window], "label": f"{name}, {what}"}
            times.plot(at, [row.cpu_seconds for row in chosen], **style)
            resident.plot(at, [row.peak_mb for row in chosen], **style)
    speed.axhline(5, color=GREY, linestyle="-.")
    times.plot(lengths, [seconds / 5 for seconds in lengths], color=GREY, linestyle="-.", label="5 × real time")
    titles = {
        speed: "speed, × real time",
        memory: "peak memory, MB",
        times: "CPU time, s",
        resident: "peak memory, MB",
    }
    for axes, title in titles.items():
        style_axes(axes)
        axes.set_ylabel(title)
        axes.set_xscale("log", base=2 if axes in (speed, memory) else 10)
        axes.set_xlabel(
            f"window, samples ({compared} s file)" if axes in (speed, memory) else "length of the recording, s"
        )
        if axes is times:
            axes.set_yscale("log")
        elif axes is speed:
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(0, 1.8 * max(row.measured.peak_mb for row in rows))
    add_common_legend(figure, 3 if wide else 1)
    return figure


def save(rows: list[Row]) -> None:
    """Write the numbers and the figure to ``outputs/bench``."""
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    with atomic_write(OUTPUTS / "windows.json") as file:
        file.write(json.dumps([{"window": row.window, **asdict(row.measured)} for row in rows], indent=1).encode())
    save_widths(draw(rows), draw(rows, COLUMN_INCHES), OUTPUTS, "windows")


def main() -> int:
    """Print the table, write the numbers and the figure, and return 0."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--seconds",
        nargs="+",
        type=int,
        default=list(SECONDS),
        help=f"file lengths in seconds (default: {' '.join(map(str, SECONDS))})",
    )
    parser.add_argument(
        "--windows",
        nargs="+",
        type=int,
        choices=WINDOWS,
        default=list(WINDOWS),
        help="window lengths in samples (default: all)",
    )
    arguments = parser.parse_args()
    table = Table("window", "seconds of audio", "", "× real time", "× real time (CPU)", "peak MB")
    console, rows = Console(), []
    with console.status("measuring"):
        for row in measurements(sorted(arguments.seconds), arguments.windows):
            rows.append(row)
            taken = row.measured
            speeds = (f"{taken.seconds / spent:.1f}" for spent in (taken.wall_seconds, taken.cpu_seconds))
            table.add_row(str(row.window), str(taken.seconds), taken.what, *speeds, f"{taken.peak_mb:.0f}")
    save(rows)
    console.print(table)
    print(f"figure: {OUTPUTS.relative_to(ROOT) / 'windows.svg'} (also .pdf, .png, .json and for a column)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
