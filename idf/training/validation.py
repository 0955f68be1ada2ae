"""Bits a sample on whole validation clips, by the same likelihood that training descends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from idf.datasets.dataset import Clip, Dataset
from idf.training.state import TrainingState

if TYPE_CHECKING:
    import tensorflow as tf


class Validator:
    """Scores the current weights on clips.

    Windows of full length, of all clips, go through one compiled function in batches of one shape;
    shorter last windows go through an uncompiled one, since each length would compile anew.

    Args:
        model, training_bits: as in :mod:`idf.training.step`.
        state: whose :attr:`~TrainingState.weights` are scored.
        dataset: where the audio comes from.
        window: samples of a full window.
        batch: windows at a time.
        compile: use XLA.
    """

    def __init__(
        self,
        model: Any,
        training_bits: Callable[..., Any],
        state: TrainingState,
        dataset: Dataset,
        *,
        window: int,
        batch: int,
        compile: bool,
    ) -> None:
        import tensorflow as tf

        self._model, self._dataset, self._window, self._batch = model, dataset, window, batch

        def bits(windows: tf.Tensor, sharpness: tf.Tensor | None, coded: tf.Tensor) -> tf.Tensor:
            return training_bits(model, state.weights, windows, sharpness, coded).bits

        self._uncompiled_bits: Callable[..., tf.Tensor] = bits
        self._bits: Callable[..., tf.Tensor] = tf.function(bits, jit_compile=compile, autograph=False)

    def bits_per_sample(self, clips: Sequence[Clip], sharpness: float | None, stop: Callable[[], bool]) -> float | None:
        """Total bits of all clips over their samples; padding that is coded costs bits and counts no samples.

        Args:
            sharpness: log-scale of the last block, None when it is learned.

        Returns:
            None when ``stop()`` became true on the way.
        """
        total, samples = 0.0, 0
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        for clip in clips:
            signal = self._dataset.read(clip).samples
            samples += len(signal)
            for part in self._model.cut(signal):
                coded = part.coded.astype(np.float32)
                if part.windows.shape[1] == self._window:
                    waiting += zip(part.windows, coded, strict=True)
                else:
                    total += self._total(self._uncompiled_bits, part.windows, sharpness, coded)
            while len(waiting) >= self._batch:
                if stop():
                    return None
                total += self._batch_total(waiting[: self._batch], sharpness)
                waiting = waiting[self._batch :]
        if waiting:
            total += self._batch_total(waiting, sharpness)
        return total / samples

    def _batch_total(self, rows: list[tuple[np.ndarray, np.ndarray]], sharpness: float | None) -> float:
        """Bits of up to ``batch`` windows; what is missing to the shape is filled with silence and not counted."""
        windows = np.zeros((self._batch, self._window), np.int32)
        coded = np.ones((self._batch, self._window), np.float32)
        for index, (window, mask) in enumerate(rows):
            windows[index], coded[index] = window, mask
        return self._total(self._bits, windows, sharpness, coded, len(rows))

    def _total(
        self,
        bits: Callable[..., tf.Tensor],
        windows: np.ndarray,
        sharpness: float | None,
        coded: np.ndarray,
        count: int | None = None,
    ) -> float:
        import tensorflow as tf

        given = None if sharpness is None else tf.constant(sharpness, tf.float32)
        found = bits(tf.constant(windows, tf.int32), given, tf.constant(coded)).numpy()
        return float(np.sum(found[:count], dtype=np.float64))
