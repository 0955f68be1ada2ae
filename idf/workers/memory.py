"""What the processes we own load and keep in memory, and how much of it they have needed."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

if sys.platform != "win32":
    import resource

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MIB = 1 << 20
_KEPT_BYTES = 256 << 20
_MAPPED_BYTES = 32 << 20
"""The most that glibc accepts."""


def keep_freed_memory() -> None:
    """Let glibc keep freed arrays for the next ones instead of giving their pages back each time.

    The nets of a decoder allocate and free the same few hundred kilobytes thousands of times; getting
    the pages anew took a third of its time. Peak memory does not change. For commands, at their start;
    a library does not decide this for the program that it is part of. Elsewhere than on glibc it does nothing.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
            libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def spare_linear_algebra() -> None:
    """Keep numba from loading SciPy's linear algebra, a fifth of a second that no codec has a use for.

    Only for processes that do nothing but code, where no other code can want it.
    """
    sys.modules.setdefault("scipy.linalg.cython_blas", cast(ModuleType, None))


def peak_memory_mib() -> float | None:
    """The largest resident memory, in MiB, of this process or of a child it ran, whichever was larger.

    On Linux ``ru_maxrss`` of a new process starts at its parent's memory, so the kernel's own high-water
    mark of this process's address space is read instead. None where the system does not tell.
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
