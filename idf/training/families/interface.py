"""The interface between the training loop and the model families."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from idf.config import Config
from idf.datasets.dataset import Clip
from idf.models.interface import Model

if TYPE_CHECKING:
    import tensorflow as tf

    Loss: TypeAlias = Callable[[Mapping[str, tf.Variable], tf.Tensor, tf.Tensor | None], "WindowBits"]
    """Gives the bits of a batch for given parameters and sharpness: :meth:`Family.bits`."""


@dataclass(frozen=True)
class WindowBits:
    """Code lengths of a batch.

    Attributes:
        bits: float32 (batch,), total bits of each window.
        block_bits: float32 (blocks,), mean bits of each block per sample of the window; their sum is
            the bits per dimension.
        log_scales: float32 (blocks, 3), mean, maximum and minimum of the log-scales of each block's
            mixtures, nats on the [-1, 1) scale.
        names: of the blocks.
        samples: per window; float32 () or a plain number.
    """

    bits: tf.Tensor
    block_bits: tf.Tensor
    log_scales: tf.Tensor
    names: tuple[str, ...]
    samples: tf.Tensor | int


class Scorer(Protocol):
    """Scores the current weights on whole clips."""

    def bits_per_sample(self, clips: Sequence[Clip], sharpness: float | None, stop: Callable[[], bool]) -> float | None:
        """Return the bits per sample over all clips; None if ``stop()`` became true meanwhile.

        Args:
            sharpness: log-scale of the last block (nats, [-1, 1) scale); None if it is learned.
        """
        ...


class Family(Protocol):
    """A model in training, with its configuration and data.

    Attributes:
        model: with the initial values that :meth:`start` fitted.
    """

    @property
    def model(self) -> Model: ...

    def start(self) -> dict[str, np.ndarray]:
        """Fit initial values to the training clips and return the parameters of a new run, float32 by name.

        Raises:
            DataError: the training clips cannot be used.
        """
        ...

    def batches(self, first_step: int) -> tf.data.Dataset:
        """Return the batches of the steps starting at ``first_step``."""
        ...

    def bits(self, parameters: Mapping[str, tf.Tensor], batch: tf.Tensor, sharpness: tf.Tensor | None) -> WindowBits:
        """Return the loss: −log2 p of a batch.

        Args:
            parameters: trained arrays by name, float32.
            sharpness: log-scale of the last block (nats, [-1, 1) scale); None if it is learned.
        """
        ...

    def scorer(self, weights: Mapping[str, tf.Variable]) -> Scorer:
        """Return a scorer that reads ``weights`` at each call."""
        ...

    def draw(self, weights: Mapping[str, np.ndarray], samples: int, seed: int, sharpness: float | None) -> np.ndarray:
        """Return audio sampled from the model: int32 (samples,)."""
        ...


def cache_folder(config: Config) -> Path:
    """Return the folder of the data derived from the training clips."""
    return Path(config.data.cache) if config.data.cache else Path(config.outputs) / "cache"
