"""The machine that a measurement runs on: its processor's name, and confinement to one core."""

from __future__ import annotations

import os
from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def cpu_name() -> str | None:
    """Return the processor's name, or None if the system does not report it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return None


def use_one_core() -> None:
    """Confine this process and its children to one thread on one core.

    Libraries read the number of threads at import, so call this first. On systems that cannot pin a process to
    a core, libraries still use one thread.
    """
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
