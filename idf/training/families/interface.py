"""What the training loop asks of a family of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from idf.config import Config
from idf.datasets.dataset import Clip, Dataset
from idf.training.state import TrainingState

if TYPE_CHECKING:
    import tensorflow as tf


class Scorer(Protocol):
    """Scores the current weights on whole clips."""

    def bits_per_sample(
        self, clips: Sequence[Clip], sharpness: float | None, stop: Callable[[], bool]
    ) -> float | None: ...


class Family(Protocol):
    """What the loop and the session ask of a family.

    Attributes:
        bits: the loss, ``(model, parameters, batch, sharpness) -> WindowBits``.
    """

    bits: Callable[..., Any]

    def batches(self, config: Config, model: Any, dataset: Dataset, first_step: int) -> tf.data.Dataset:
        """What the steps from ``first_step`` on see."""

    def start(self, config: Config, model: Any, dataset: Dataset) -> tuple[Any, dict[str, np.ndarray]]:
        """The model of a fresh run, and the parameters it starts from."""

    def validator(self, config: Config, model: Any, state: TrainingState, dataset: Dataset) -> Scorer: ...

    def draw(
        self,
        config: Config,
        model: Any,
        weights: Mapping[str, np.ndarray],
        samples: int,
        seed: int,
        sharpness: float | None,
    ) -> np.ndarray:
        """Audio drawn from the model: int32 (samples,)."""


class CodingScorer:
    """Counts the bits of clips with the very loop that codes them.

    Args:
        codec_of: makes a codec with a method ``bits`` of parameters.
    """

    def __init__(self, codec_of: Callable[..., Any], state: TrainingState, dataset: Dataset) -> None:
        self._codec_of, self._state, self._dataset = codec_of, state, dataset

    def bits_per_sample(self, clips: Sequence[Clip], sharpness: float | None, stop: Callable[[], bool]) -> float | None:
        codec = self._codec_of({name: value.numpy() for name, value in self._state.weights.items()})
        bits, samples = 0.0, 0
        for clip in clips:
            if stop():
                return None
            signal = self._dataset.read(clip).samples[:, None]
            bits += codec.bits(signal)
            samples += len(signal)
        return bits / samples


def cache_folder(config: Config) -> Path:
    """Where what is derived from the training clips is kept."""
    return Path(config.data.cache) if config.data.cache else Path(config.outputs) / "cache"
