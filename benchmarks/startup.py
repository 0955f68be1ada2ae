"""Start-up time of the command: cold, as after an installation, and warm.

    python -m benchmarks.startup
    python -m benchmarks.startup --model fast --runs 9

Each command runs in fresh processes on five seconds of the bundled speech, first with an empty cache of compiled
loops, then several times with the filled cache. The fastest warm run counts, because other work on the machine can
only add time. CPU time covers all processes. Needs the codec only, not ``[train]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

import idf

DEMO = Path(idf.__file__).parent / "data" / "demo"
SECONDS = 5.0
_PROGRAM = "import sys; from idf.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Timing:
    """Times of one command, in seconds.

    Attributes:
        command: what was run.
        cold: elapsed time of the first run.
        wall: elapsed time of the fastest warm run.
        cpu: least user and system time of a warm run.
    """

    command: str
    cold: float
    wall: float
    cpu: float


def measure(folder: Path, model: str, runs: int) -> list[Timing]:
    """Time all commands.

    Args:
        folder: an empty folder for files and the cache.
        model: name or path of the model.
        runs: number of warm runs, at least 1.
    """
    write_clip(folder / "clip.wav")
    compress = ["compress", "--quiet", "--force", "--model", model, "clip.wav"]
    commands = {
        "compress, checked": compress,
        "compress --no-verify": [*compress, "--no-verify"],
        "decompress": ["decompress", "--quiet", "--force", "clip.idf", "-o", "back.wav"],
        "info": ["info", "clip.idf"],
        "--help": ["--help"],
        "--version": ["--version"],
    }
    found = []
    for name, arguments in commands.items():
        cold, _ = _run(arguments, folder)
        warm = [_run(arguments, folder) for _ in range(runs)]
        found.append(Timing(name, cold, min(wall for wall, _ in warm), min(cpu for _, cpu in warm)))
    return found


def write_clip(path: Path) -> None:
    """Write five seconds of the bundled speech."""
    parts, left = [], None
    for clip in sorted(DEMO.glob("*.flac")):
        samples, rate_hz = soundfile.read(clip, dtype="int16")
        left = int(SECONDS * rate_hz) - sum(map(len, parts))
        if left <= 0:
            break
        parts.append(samples[:left])
    soundfile.write(path, np.concatenate(parts), rate_hz)


def _run(arguments: list[str], folder: Path) -> tuple[float, float]:
    variables = {**os.environ, "IDF_CACHE": str(folder / "cache")}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL
    )
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Measure, print the table and return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="default", help="name or path of a model (default: default)")
    parser.add_argument("--runs", type=int, default=5, help="warm runs of each command (default: 5)")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    table = Table(title=f"{SECONDS:g} s of speech, model {options.model}; times in seconds")
    for heading in ("command", "first time", "warm", "warm, CPU"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for timing in measure(Path(folder), options.model, options.runs):
            table.add_row(timing.command, f"{timing.cold:.2f}", f"{timing.wall:.3f}", f"{timing.cpu:.3f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
