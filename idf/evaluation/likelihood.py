"""−log2 p of clips under a run's model, by the very function that training descends.

It sees the same windows and the same weights as the coder but works in TensorFlow's float32, where the
coder uses exact integers. Files that are larger than this by more than a trifle say that the two have
drifted apart; so the evaluation prints both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.coding.window_codec import load_codec

if TYPE_CHECKING:
    import tensorflow as tf

BATCH_SAMPLES = 16384
"""Samples that go through the nets at a time; the widest nets then need about 1 GB."""


def model_nll_bits(
    model_file: Path, clips: Iterable[np.ndarray], advance: Callable[[int], None] = lambda samples: None
) -> list[float]:
    """Score clips.

    Args:
        model_file: a run's ``model.idfm``.
        clips: int32 ``(time,)`` each, 16-bit values.
        advance: told the number of samples after each clip.

    Returns:
        bits of each clip. Padding of the last window counts where it is coded too.

    Raises:
        RunError: the model file cannot be used.
    """
    import tensorflow as tf

    from idf.training.likelihood import training_bits

    codec = load_codec(model_file)
    model = codec.model
    parameters = {name: tf.constant(value, tf.float32) for name, value in codec.parameters.items()}
    sharpness = tf.constant(codec.log_scale, tf.float32)
    batch = max(1, BATCH_SAMPLES // model.window)

    def eager(windows: tf.Tensor, coded: tf.Tensor) -> tf.Tensor:
        return training_bits(model, parameters, windows, sharpness, coded).bits

    whole = tf.function(eager, reduce_retracing=True)
    totals = []
    for samples in clips:
        total = 0.0
        for part in model.cut(samples):
            # Shorter windows have as many lengths as there are clips; compiling each would cost more than it saves.
            bits = whole if part.windows.shape[1] == model.window else eager
            for start in range(0, len(part.windows), batch):
                rows = slice(start, start + batch)
                windows = tf.constant(part.windows[rows], tf.int32)
                found = bits(windows, tf.constant(part.coded[rows].astype(np.float32)))
                total += float(np.sum(found.numpy(), dtype=np.float64))
        totals.append(total)
        advance(len(samples))
    return totals
