"""The cost of resetting the adaptive flow in every block: bits per sample against block length.

python -m benchmarks.restarts                                  the default model, the bundled speech
python -m benchmarks.restarts --model best --data FOLDER …     another model, and .wav and .flac files in folders

All recordings, which must share one rate, are joined to one signal, so a block may be longer than any of them. Bits
are those of the coder's messages. Short blocks cost bits because their predictors start untrained. Long blocks cost
robustness and access time: a damaged byte can destroy a block, and reading one moment means decoding its block.

The results are also written to ``outputs/bench``: ``restarts.json``, ``restarts.svg``, ``.pdf`` and ``.png``, and
``restarts-column.svg`` and ``.pdf`` for a column.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from idf.errors import ConfigError, DataError, run_main
from idf.files import atomic_write
from idf.models.adaptive.codec import CHUNK_SAMPLES, AdaptiveCodec
from idf.models.load import load_codec
from idf.models.registry import find_model
from idf.plotting import (
    BLUE,
    COLUMN_INCHES,
    GREY,
    TEXT_POINTS,
    WIDTH_INCHES,
    add_common_legend,
    label_figure,
    new_figure,
    save_widths,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTHS = tuple(1 << power for power in range(12, 21))
ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "idf" / "data" / "demo"
OUTPUTS = ROOT / "outputs" / "bench"
MOST_SAMPLES = 1 << 22


@dataclass(frozen=True)
class Measured:
    """One block length.

    Attributes:
        block: length in samples.
        blocks: number of blocks in the signal.
        bits_per_sample: of all messages.
    """

    block: int
    blocks: int
    bits_per_sample: float


def joined(places: list[Path], most: int) -> tuple[np.ndarray, int]:
    """Return the first channels of all recordings in files and folders, joined in the order of their names.

    Returns:
        int32 (time, 1), at most ``most`` samples, and the rate in hertz.

    Raises:
        DataError: there are no recordings, one cannot be read, or their rates differ.
    """
    files = [file for place in places for file in (sorted(_recordings(place)) if place.is_dir() else [place])]
    if not files:
        raise DataError(
            f"{', '.join(map(str, places))}: no .wav or .flac files; give files, or folders that contain some"
        )
    parts, rates, total = [], {}, 0
    for file in files:
        if total >= most:
            break
        try:
            samples, rate_hz = soundfile.read(file, dtype="int16", always_2d=True)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{file}: cannot be read ({error})") from error
        rates.setdefault(rate_hz, file)
        parts.append(samples[:, :1].astype(np.int32))
        total += len(samples)
    if len(rates) > 1:
        listed = ", ".join(f"{file} has {rate} Hz" for rate, file in rates.items())
        raise DataError(f"different rates: {listed}; give recordings of one rate")
    return np.concatenate(parts)[:most], next(iter(rates))


def _recordings(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac")]


def measure(codec: AdaptiveCodec, samples: np.ndarray, block: int) -> Measured:
    """Code the signal in blocks of ``block`` samples."""
    starts = range(0, len(samples), block)
    size = sum(len(codec.encode(samples[start : start + block])) for start in starts)
    return Measured(block, len(starts), 8 * size / len(samples))


def start_bytes(row: Measured, longest: Measured, samples: int) -> float:
    """Return the cost of one reset in bytes: the difference to the longest blocks per additional block."""
    more = row.blocks - longest.blocks
    return (row.bits_per_sample - longest.bits_per_sample) * samples / 8 / more if more else 0.0


def draw(rows: list[Measured], rate_hz: int, title: str, width: float = WIDTH_INCHES) -> Figure:
    """Return bits per sample against block length.

    Args:
        rows: at least one.
        rate_hz: samples per second.
        title: which model and signal.
        width: of the figure, in inches.
    """
    figure, axes = new_figure(width, 3.2 if width >= WIDTH_INCHES else 2.8)
    axes.plot([row.block for row in rows], [row.bits_per_sample for row in rows], color=BLUE, marker="o", markersize=4)
    axes.axvline(CHUNK_SAMPLES, color=GREY, linestyle=":", label=f"the codec's blocks: {CHUNK_SAMPLES:,} samples")
    axes.set_xscale("log", base=2)
    ticks = [row.block for row in rows][:: 1 if width >= WIDTH_INCHES else 2]
    axes.set_xticks(ticks, [f"{block / rate_hz:.2g} s" for block in ticks])
    axes.minorticks_off()
    axes.set_xlabel("block length")
    axes.set_ylabel("bits per sample")
    add_common_legend(figure, 1)
    label_figure(figure, "Bits per sample against block length")
    axes.set_title(title, fontsize=TEXT_POINTS, loc="left", color=GREY)
    return figure


def main() -> int:
    """Print the table, write the results and return 0."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--model", help="name or path of an adaptive model (default: default)")
    parser.add_argument(
        "--data",
        nargs="+",
        type=Path,
        default=[DEMO],
        help="files and folders, of one rate (default: the bundled speech)",
    )
    parser.add_argument(
        "--samples", type=int, default=MOST_SAMPLES, help=f"most samples to use (default: {MOST_SAMPLES:,})"
    )
    parser.add_argument(
        "--lengths", nargs="+", type=int, default=LENGTHS, help="block lengths in samples (default: 2^12 … 2^20)"
    )
    arguments = parser.parse_args()
    if min(arguments.lengths) < 1 or arguments.samples < 1:
        raise ConfigError(["--lengths and --samples must be at least 1"])
    path = find_model(arguments.model)
    codec = load_codec(path)
    if not isinstance(codec, AdaptiveCodec):
        raise ConfigError([f"--model {path}: not an adaptive model; choose one, such as default"])
    samples, rate_hz = joined(arguments.data, arguments.samples)
    title = f"{path.stem}: {len(samples):,} samples at {rate_hz:,} Hz"
    console = Console()
    rows = []
    with console.status("coding"):
        for block in sorted(set(arguments.lengths)):
            rows.append(measure(codec, samples, block))
    table = Table("block, samples", "seconds", "blocks", "bits/sample", "over the last row", "bytes/reset", title=title)
    for row in rows:
        table.add_row(
            f"{row.block:,}",
            f"{row.block / rate_hz:.2f}",
            str(row.blocks),
            f"{row.bits_per_sample:.4f}",
            f"{100 * (row.bits_per_sample / rows[-1].bits_per_sample - 1):+.3f} %",
            f"{start_bytes(row, rows[-1], len(samples)):.0f}",
        )
    console.print(table)
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    save_widths(draw(rows, rate_hz, title), draw(rows, rate_hz, title, COLUMN_INCHES), OUTPUTS, "restarts")
    with atomic_write(OUTPUTS / "restarts.json") as file:
        file.write(json.dumps([asdict(row) for row in rows], indent=1).encode())
    print(f"figure: {OUTPUTS.relative_to(ROOT) / 'restarts.svg'} (also .pdf, .png, .json and for a column)")
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
