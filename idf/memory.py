"""How the processes we own treat freed memory."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
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
