"""A fresh process that encodes or decodes all clips with one codec and reports time and memory.

:mod:`idf.evaluation.measurement` starts ``python -m idf.evaluation.measure_worker JOB.json`` once to encode and
once to decode, so the decoder has nothing but the files. The process writes one JSON line per clip to standard
output, then a line with the peak memory.

Timed are the CPU seconds (user and system, all threads and child processes) of ``encode`` or ``decode``
alone. Imports, loading the model and reading the clip are not timed. The shortest clip is processed once before
the clock starts, so just-in-time compilation is not timed either. A codec that is a command pays for starting,
reading the WAV file and writing the result each time, as its users do.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, Any

import numpy as np

from idf.errors import run_main
from idf.evaluation.codecs.interface import ClipFile, FileCodec, from_json
from idf.files import output_errors
from idf.workers.memory import keep_freed_memory, peak_memory_mib

if sys.platform != "win32":
    import resource


def main(job_file: Path, output: IO[str]) -> None:
    """Run the job in ``job_file`` and write its results to ``output`` as JSON lines."""
    keep_freed_memory()  # as the idf command does
    job: dict[str, Any] = json.loads(job_file.read_text())
    codec = from_json(job["codec"])
    step = {"encode": _encode, "decode": _decode}[job["action"]]
    codec.prepare()
    items = job["items"]
    step(codec, min(items, key=lambda item: item["samples"]), ".warm-up")
    for item in items:
        cpu, wall = step(codec, item, "")
        print(json.dumps({"cpu_seconds": cpu, "wall_seconds": wall}), file=output, flush=True)
    print(json.dumps({"peak_memory_mib": peak_memory_mib()}), file=output, flush=True)


def _encode(codec: FileCodec, item: dict[str, Any], mark: str) -> tuple[float, float]:
    clip = ClipFile(Path(item["wav"]), np.load(item["pcm"]).astype(np.int32), item["rate_hz"])
    target = Path(item["file"] + mark + codec.suffix)
    cpu, wall = cpu_seconds(), time.perf_counter()
    with output_errors(target):
        codec.encode(clip, target)
    spent = cpu_seconds() - cpu, time.perf_counter() - wall
    if mark:
        target.unlink()
    return spent


def _decode(codec: FileCodec, item: dict[str, Any], mark: str) -> tuple[float, float]:
    cpu, wall = cpu_seconds(), time.perf_counter()
    samples = codec.decode(Path(item["file"] + codec.suffix))
    spent = cpu_seconds() - cpu, time.perf_counter() - wall
    if not mark:
        with output_errors(Path(item["decoded"])):
            np.save(item["decoded"], samples)
    return spent


def cpu_seconds() -> float:
    """Return the user and system seconds of this process: all its threads and its finished children."""
    own = time.process_time()
    if sys.platform == "win32":
        times = os.times()
        return own + times.children_user + times.children_system
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    # Libraries may print: reserve standard output for the results and send everything else to standard error.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run_main(lambda: main(Path(sys.argv[1]), results)))
