"""Cutting a clip into the windows that are coded, and joining them again. Every sample is kept.

Not here: the random crops used in training (:mod:`idf.audio.batches`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Windows:
    """A clip as whole windows and a shorter last one."""

    full: npt.NDArray[np.int32]
    """int32 (n, window)."""
    tail: npt.NDArray[np.int32]
    """int32 (1, t), t a multiple of ``multiple`` and at most ``window``; (0, 0) when nothing is left."""
    samples: int
    """Samples of the clip, before the tail was padded."""


def cut_windows(samples: npt.NDArray[np.integer], window: int, multiple: int) -> Windows:
    """Cut a clip into windows; what is left over becomes a shorter window.

    The tail is padded by repeating its last sample up to the next multiple of ``multiple``, which
    costs at most ``multiple - 1`` coded samples a clip; padding to a whole window would cost up to
    ``window - 1``.

    Args:
        samples: integers (time,); may be empty.
        window: samples in a window.
        multiple: what a window's length must be a multiple of (the flow's squeeze); divides ``window``.

    Raises:
        ValueError: ``multiple`` does not divide ``window``, or the samples are not (time,).
    """
    if window < 1 or multiple < 1 or window % multiple:
        raise ValueError(f"window ({window}) must be a positive multiple of {multiple}")
    if samples.ndim != 1:
        raise ValueError(f"expected samples of shape (time,), got {samples.shape}")
    count = len(samples) // window
    full = samples[: count * window].reshape(count, window).astype(np.int32)
    rest = samples[count * window :].astype(np.int32)
    if len(rest) == 0:
        return Windows(full=full, tail=np.zeros((0, 0), np.int32), samples=len(samples))
    tail = np.pad(rest, (0, -len(rest) % multiple), mode="edge")
    return Windows(full=full, tail=tail[None], samples=len(samples))


def join_windows(windows: Windows) -> npt.NDArray[np.int32]:
    """The samples that :func:`cut_windows` was given: int32 (samples,)."""
    joined = np.concatenate([windows.full.reshape(-1), windows.tail.reshape(-1)])
    if len(joined) < windows.samples:
        raise ValueError(f"the windows hold {len(joined)} samples, not {windows.samples}")
    return joined[: windows.samples].astype(np.int32, copy=False)
