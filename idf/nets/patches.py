"""The frames around each frame, side by side: what nets without recurrence see of their surroundings."""

from __future__ import annotations

from idf.arithmetic import Arithmetic, Array


def patches(a: Arithmetic, x: Array, frames: int) -> Array:
    """``x`` (batch, time, channels) and ``frames`` frames on each side: (batch, time, (2 · frames + 1) · channels).

    Tap by tap, the earliest first, zeros outside.
    """
    time = a.shape(x)[1]
    padded = a.pad_time(x, frames, frames)
    return a.concat([padded[:, tap : tap + time] for tap in range(2 * frames + 1)], -1)
