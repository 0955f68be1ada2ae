"""Training: loss, step, loop, checkpoints, trackers, and the folder that a run leaves behind.

Importing this does not load TensorFlow; the functions that train do. ``train.py`` shows how the parts
fit together; reading a run afterwards needs :class:`Run` and :func:`read_history` only.
"""

from __future__ import annotations

from idf.training.checkpoints import Checkpoint, CheckpointFolder, load_checkpoint
from idf.training.history import read_history
from idf.training.run import EXIT_STATUS, Run

__all__ = ["EXIT_STATUS", "Checkpoint", "CheckpointFolder", "Run", "load_checkpoint", "read_history"]
