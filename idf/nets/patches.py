"""Patches: the frames around each frame, side by side, as the input of nets without recurrence."""

from __future__ import annotations

from idf.arithmetic import Arithmetic, Array


def patches(a: Arithmetic, x: Array, frames: int) -> Array:
    """Return each frame of ``x`` (batch, time, channels) with ``frames`` frames on each side.

    The result is (batch, time, (2 · frames + 1) · channels), the earliest frame first, with zeros outside.
    """
    time = a.shape(x)[1]
    padded = a.pad_time(x, frames, frames)
    return a.concat([padded[:, tap : tap + time] for tap in range(2 * frames + 1)], -1)
