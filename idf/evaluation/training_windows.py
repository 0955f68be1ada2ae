"""Bits per sample measured as the original measured them: on random windows of the training clips.

Nothing is learned from this about other audio; it is here to stand beside the original's published figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idf.coding.codec import ChunkCodec
from idf.datasets.dataset import Clip, Dataset, spread

MOST_CLIPS = 1000
SEED = 0


def training_windows(dataset: Dataset, window: int) -> np.ndarray:
    """One random window of every training clip that has one, of at most :data:`MOST_CLIPS`: int32 (n, window)."""
    rng = np.random.default_rng((SEED, window))
    clips: Sequence[Clip] = [clip for clip in dataset.train if clip.samples >= window]
    drawn = [np.zeros((0, window), np.int32)]
    for clip in spread(clips, MOST_CLIPS):
        first = int(rng.integers(0, clip.samples - window + 1))
        drawn.append(dataset.read(clip).samples[None, first : first + window].astype(np.int32))
    return np.concatenate(drawn)


def training_windows_bits(codec: ChunkCodec, dataset: Dataset, window: int) -> float | None:
    """Bits/sample of :func:`training_windows`, really coded into one message, the coder's first state included.

    Args:
        codec: of a flow over independent windows.
        dataset: whose training clips.
        window: samples of the codec's windows.

    Returns:
        None where no training clip is as long as a window.
    """
    windows = training_windows(dataset, window)
    if not len(windows):
        return None
    return 8 * len(codec.encode(windows.reshape(-1, 1))) / windows.size
