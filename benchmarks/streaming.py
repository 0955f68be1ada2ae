"""Time and memory of the command against the length of the file: both per second of sound must be flat.

    python -m benchmarks.streaming [MODEL] [SECONDS ...]      default: the default model, 10 60 600 3600

The bundled speech, repeated, at the rate it is meant for. Each row is a process of its own; memory is
its largest resident set. Compression is timed without its check, which is a decompression.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

RATE_HZ = 22050
SECONDS = (10, 60, 600, 3600)
LIMIT_MB = 600
"""Of resident memory for an hour, promised for both directions."""
DEMO = Path(__file__).parent.parent / "idf" / "data" / "demo"


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def measure(arguments: list[str]) -> Measured:
    """Run ``idf`` with these arguments."""
    command = [sys.executable, "-m", "idf", "-q", *arguments]
    begun = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Measured(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, kilobytes / 1024)


def main() -> int:
    """Print the table; returns 1 if memory is above what is promised."""
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or list(SECONDS)
    model = [["--model", argument] for argument in sys.argv[1:] if not argument.isdigit()] or [[]]
    voice = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in sorted(DEMO.glob("*.flac"))])
    table = Table("seconds of sound", "", "jobs", "× real time", "× real time (CPU)", "peak MB")
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seconds in numbers:
            wav, packed = folder / "long.wav", folder / "long.idf"
            soundfile.write(wav, np.resize(voice, seconds * RATE_HZ), RATE_HZ)
            for jobs in ("1", "2"):
                for what, arguments in (
                    ("compress", ["-f", "--no-verify", "-j", jobs, *model[0], str(wav), "-o", str(packed)]),
                    ("decompress", ["-d", "-f", "-j", jobs, *model[0], str(packed), "-o", str(folder / "back.wav")]),
                ):
                    row = measure(arguments)
                    speeds = (f"{seconds / spent:.1f}" for spent in (row.wall_seconds, row.cpu_seconds))
                    table.add_row(str(seconds), what, jobs, *speeds, f"{row.peak_mb:.0f}")
                    worst = max(worst, row.peak_mb)
    Console().print(table)
    return int(worst > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
