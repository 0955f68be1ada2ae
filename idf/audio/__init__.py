"""Audio in and out: PCM files, data sets and their splits, windows, training batches.

What is exported here is the interface; the modules behind it are private to this folder. Importing it
does not load TensorFlow: only building shards and batches does.
"""

from __future__ import annotations

from idf.audio.batches import select_clips, training_batches
from idf.audio.datasets import Clip, Dataset, open_dataset
from idf.audio.pcm import Pcm, read_pcm16, write_wav16
from idf.models.window.model import Windows, cut_windows, join_windows

__all__ = [
    "Clip",
    "Dataset",
    "Pcm",
    "Windows",
    "cut_windows",
    "join_windows",
    "open_dataset",
    "read_pcm16",
    "select_clips",
    "training_batches",
    "write_wav16",
]
