"""Bits per sample measured as in the original: on random windows of the training clips.

This says nothing about other audio. It exists for comparison with the original's published figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idf.coding.codec import ChunkCodec
from idf.datasets.dataset import Clip, Dataset, spread

MOST_CLIPS = 1000
SEED = 0


def training_windows(dataset: Dataset, window: int) -> np.ndarray:
    """Return one random window of each long enough training clip, int32 (n, window), n ≤ :data:`MOST_CLIPS`."""
    rng = np.random.default_rng((SEED, window))
    clips: Sequence[Clip] = [clip for clip in dataset.train if clip.samples >= window]
    drawn = [np.zeros((0, window), np.int32)]
    for clip in spread(clips, MOST_CLIPS):
        first = int(rng.integers(0, clip.samples - window + 1))
        drawn.append(dataset.read(clip).samples[None, first : first + window].astype(np.int32))
    return np.concatenate(drawn)


def training_windows_bits(codec: ChunkCodec, dataset: Dataset, window: int) -> float | None:
    """Return the bits/sample of :func:`training_windows`, coded as one message, the coder's initial state included.

    Args:
        codec: of a flow over independent windows.
        dataset: provides the training clips.
        window: the codec's window length in samples.

    Returns:
        None if no training clip is as long as a window.
    """
    windows = training_windows(dataset, window)
    if not len(windows):
        return None
    return 8 * len(codec.encode(windows.reshape(-1, 1))) / windows.size
