"""Training of the subband flow: a network like that of the adaptive flow for each band."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from idf.config import Config
from idf.datasets.dataset import Dataset, spread
from idf.errors import DataError
from idf.models.bands.codec import BandCodec, codec_of
from idf.models.bands.initial_state import fitted
from idf.models.bands.model import BandModel, of_band
from idf.quiet_tensorflow import tf
from idf.training.families.adaptive import adaptive_bits, row_scorer
from idf.training.families.features_cache import Rows, band_batches, band_rows
from idf.training.families.interface import WindowBits, cache_folder
from idf.training.families.sequential import SequentialFamily

_START_SAMPLES = 8_000_000
"""Training samples to which the predictors' initial state is fitted; more would not change these averages."""


class BandFamily(SequentialFamily):
    """Window flows over subbands, with a network for each band, trained on rows, one per sample."""

    def __init__(self, config: Config, model: BandModel, dataset: Dataset) -> None:
        self.config, self.model, self.dataset = config, model, dataset

    def start(self) -> dict[str, np.ndarray]:
        config, dataset = self.config, self.dataset
        if not dataset.train:
            raise DataError(f"{dataset.name}: no training clips in the split {dataset.split!r}; add clips to it")
        if config.training.start == "data":
            total = sum(clip.samples for clip in dataset.train)
            count = math.ceil(len(dataset.train) * min(1.0, _START_SAMPLES / total))
            clips = (dataset.read(clip).samples for clip in spread(dataset.train, count))
            self.model = fitted(self.model, clips, config.model.bands.start_samples)
        rows = self._rows()
        if empty := [name for name, table in zip(self.model.names, rows, strict=True) if not len(table.codes)]:
            raise DataError(f"{dataset.name}: the training clips are too short for band {empty[0]}; use longer clips")
        mean, deviation = (np.stack(values) for values in zip(*(table.statistics() for table in rows), strict=True))
        self.model = self.model.standardised(mean, deviation)
        return self.model.initial_parameters(config.seed)

    def batches(self, first_step: int) -> tf.data.Dataset:
        return band_batches(self._rows(), self.model, self.config, first_step)

    def bits(self, parameters: Mapping[str, tf.Tensor], batch: tf.Tensor, sharpness: tf.Tensor | None) -> WindowBits:
        return band_bits(self.model, parameters, batch)

    def codec(self, weights: Mapping[str, np.ndarray]) -> BandCodec:
        return codec_of(self.model, weights)

    def _rows(self) -> list[Rows]:
        return band_rows(self.config, self.model, self.dataset, cache_folder(self.config))


def band_bits(
    model: BandModel,
    parameters: Mapping[str, tf.Tensor],
    rows: tf.Tensor,
) -> WindowBits:
    """Return −log2 p of windows made of independent rows.

    Args:
        parameters: trained arrays by name, float32.
        rows: float32 (batch, N, inputs + 2 + experts), the bands one after the other along N
            (:func:`idf.training.families.features_cache.band_batches`).
    """
    bits, log_scales = [], []
    batch, width = rows.shape[0], rows.shape[2]
    for band, part in enumerate(tf.split(rows, model.lengths(model.window), 1)):
        found = adaptive_bits(model.network(band), of_band(parameters, band), tf.reshape(part, (-1, width)))
        bits.append(tf.reduce_sum(tf.reshape(found.bits, (batch, -1)), 1))
        log_scales.append(found.log_scales)
    total = tf.stack(bits)
    return WindowBits(
        bits=tf.reduce_sum(total, 0),
        block_bits=tf.reduce_mean(total, 1) / model.window,
        log_scales=tf.concat(log_scales, 0),
        names=model.names,
        samples=model.window,
    )


def band_score(codec: BandCodec) -> Callable[[np.ndarray], float]:
    """Return a function that gives the total bits of a clip, int32 (n,), under the model of ``codec``."""
    return row_scorer(codec.model.settings, list(codec.weights), codec.model.traces)
