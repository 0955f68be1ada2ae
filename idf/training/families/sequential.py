"""Training of flows that predict sample by sample: their coding loop also scores clips and samples audio."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from idf.datasets.dataset import Clip, Dataset
from idf.models.adaptive.sequential import SequentialCoder

if TYPE_CHECKING:
    import tensorflow as tf


class SequentialFamily(ABC):
    """A :class:`~idf.training.families.interface.Family` without its start, batches and loss.

    Attributes:
        dataset: training and validation data.
    """

    dataset: Dataset

    @abstractmethod
    def codec(self, weights: Mapping[str, np.ndarray]) -> SequentialCoder:
        """Return a codec of the model with the given weights. It has no file and no fingerprint."""

    def scorer(self, weights: Mapping[str, tf.Variable]) -> CodingScorer:
        """See :class:`~idf.training.families.interface.Family`."""
        return CodingScorer(self.codec, weights, self.dataset)

    def draw(self, weights: Mapping[str, np.ndarray], samples: int, seed: int, sharpness: float | None) -> np.ndarray:
        """See :class:`~idf.training.families.interface.Family`."""
        return self.codec(weights).draw(samples, seed)


class CodingScorer:
    """Counts the bits of clips with the loop that codes them.

    Args:
        codec_of: builds a codec from weights.
        weights: read at each call.
    """

    def __init__(
        self,
        codec_of: Callable[[Mapping[str, np.ndarray]], SequentialCoder],
        weights: Mapping[str, tf.Variable],
        dataset: Dataset,
    ) -> None:
        self._codec_of, self._weights, self._dataset = codec_of, weights, dataset

    def bits_per_sample(self, clips: Sequence[Clip], sharpness: float | None, stop: Callable[[], bool]) -> float | None:
        """See :class:`~idf.training.families.interface.Scorer`."""
        weights = {name: value.numpy() for name, value in self._weights.items()}
        if not all(np.isfinite(value).all() for value in weights.values()):
            return math.inf  # the next step's loss reports it
        codec = self._codec_of(weights)
        bits, samples = 0.0, 0
        for clip in clips:
            if stop():
                return None
            signal = self._dataset.read(clip).frames
            bits += codec.bits(signal)
            samples += signal.size
        return bits / samples
