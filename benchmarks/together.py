"""Speed of coding two blocks at once in one process, compared with one after the other.

    python -m benchmarks.together                     the presets default and best
    python -m benchmarks.together fast --seconds 10

The blocks are two excerpts of the bundled speech of equal length. Rates are the best of several runs, in samples per CPU
second on one core, without start-up. Messages are compared: they do not depend on what else is coded.
"""

from __future__ import annotations

from idf.evaluation.machine import use_one_core

if __name__ == "__main__":
    use_one_core()  # before NumPy is imported: it reads the number of threads once

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

import idf
from idf.coding.codec import JointCodec
from idf.errors import DataError, RunError, run_main
from idf.models import registry

DEMO = Path(idf.__file__).parent / "data" / "demo"
RATE_HZ = 8000
REPEATS = 5


@dataclass(frozen=True)
class Rates:
    """Samples per CPU second, one block at a time and two at once.

    Attributes:
        model: name of the model.
        encode_single, encode_joint, decode_single, decode_joint: the rates.
    """

    model: str
    encode_single: float
    encode_joint: float
    decode_single: float
    decode_joint: float


def measure(model: str, runs: list[np.ndarray]) -> Rates:
    """Measure a model on two runs of samples, int32 (n, 1).

    Raises:
        RunError: there is no such model, or it does not code two blocks at once.
    """
    codec = registry.load_model(model)
    if not hasattr(codec, "encode_together"):
        raise RunError(f"model {model} codes one block at a time; choose fast, default or best")
    joint: JointCodec = codec
    messages = joint.encode_together(runs)
    coded = [(data, *samples.shape) for data, samples in zip(messages, runs, strict=True)]
    if messages != [joint.encode(samples) for samples in runs]:
        raise SystemExit("messages depend on what else is coded: this is a bug in idf")
    for samples, found in zip(runs, joint.decode_together(coded), strict=True):
        if not np.array_equal(found, samples):  # type: ignore[arg-type]
            raise SystemExit("decoding did not invert encoding: this is a bug in idf")
    calls: list[Callable[[], object]] = [
        lambda: [joint.encode(samples) for samples in runs],
        lambda: joint.encode_together(runs),
        lambda: [joint.decode(*each) for each in coded],
        lambda: joint.decode_together(coded),
    ]
    return Rates(model, *(sum(map(len, runs)) / seconds for seconds in best_seconds(calls)))


def best_seconds(calls: list[Callable[[], object]]) -> list[float]:
    """Return the shortest CPU time of each call over several rounds, each of which makes all calls."""
    best = [float("inf")] * len(calls)
    for _ in range(REPEATS):
        for number, call in enumerate(calls):
            start = time.process_time()
            call()
            best[number] = min(best[number], time.process_time() - start)
    return best


def excerpts(seconds: float) -> list[np.ndarray]:
    """Return two excerpts of the bundled speech, int32 (n, 1), from different places.

    Raises:
        DataError: there is not so much speech.
    """
    speech = np.concatenate([soundfile.read(clip, dtype="int16")[0] for clip in sorted(DEMO.glob("*.flac"))])
    count = round(seconds * RATE_HZ)
    if not 0 < 2 * count <= len(speech):
        raise DataError(f"--seconds {seconds:g}: must be above 0 and at most {len(speech) // 2 / RATE_HZ:g}")
    return [speech[start : start + count, None].astype(np.int32) for start in (0, count)]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["default", "best"], help="names of adaptive models")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of an excerpt (default 3)")
    arguments = parser.parse_args()
    runs = excerpts(arguments.seconds)
    table = Table(title="thousand samples per CPU second")
    for title in ("model", "direction", "one at a time", "two at once", "ratio"):
        table.add_column(title, justify="left" if title in ("model", "direction") else "right")
    for model in arguments.models:
        rates = measure(model, runs)
        for direction, single, joint in (
            ("encode", rates.encode_single, rates.encode_joint),
            ("decode", rates.decode_single, rates.decode_joint),
        ):
            table.add_row(model, direction, f"{single / 1e3:.0f}", f"{joint / 1e3:.0f}", f"{joint / single:.2f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_main(main))
