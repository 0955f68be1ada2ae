"""Memory of our own processes: allocator settings, avoided imports, and peak use."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

if sys.platform != "win32":
    import resource

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MIB = 1 << 20
_KEPT_BYTES = 256 << 20
_MAPPED_BYTES = 32 << 20
"""The largest value that glibc accepts."""


def keep_freed_memory() -> None:
    """Let glibc reuse freed memory instead of returning its pages to the system each time.

    A decoder's networks allocate and free the same few hundred kilobytes thousands of times, and getting the pages back
    took a third of the time. Peak memory does not change. Commands call this at their start; a library should not decide
    it for the program that uses it. Does nothing without glibc.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
            libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
            libc.mallopt(_M_ARENA_MAX, 1)  # otherwise each thread keeps what it freed for itself


def spare_linear_algebra() -> None:
    """Keep numba from importing SciPy's linear algebra, which takes a fifth of a second and no codec needs.

    Only for processes that do nothing but code, so that no other code needs it.
    """
    sys.modules.setdefault("scipy.linalg.cython_blas", cast(ModuleType, None))


def peak_memory_mib() -> float | None:
    """Return the peak resident memory in MiB of this process or of its largest child, whichever is larger.

    On Linux, ``ru_maxrss`` of a new process starts at its parent's memory, so the kernel's high-water mark of this
    process's address space is used instead. None if the system does not report it.
    """
    if sys.platform == "win32":
        return None
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = _high_water_mark_kib()
    if own is None:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, the others KiB
    return max(own, children) * scale / _MIB


def _high_water_mark_kib() -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return None
