"""−log2 p of the rows of a window flow of subbands: the adaptive flow's network, one for each band."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from idf.config import Config
from idf.datasets.dataset import Dataset, spread
from idf.errors import DataError
from idf.models.bands.model import BandModel, of_band
from idf.training.families.adaptive import _row_scorer, adaptive_bits
from idf.training.families.interface import CodingScorer, Scorer, cache_folder
from idf.training.families.window import WindowBits
from idf.training.state import TrainingState

if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.bands.codec import BandCodec
if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.bands.model import BandModel


def band_bits(
    model: BandModel,
    parameters: Mapping[str, tf.Tensor],
    rows: tf.Tensor,
    sharpness: tf.Tensor | float | None = None,
    coded: tf.Tensor | None = None,
) -> WindowBits:
    """−log2 p of what stands for windows.

    Args:
        parameters: trained arrays by name, float32.
        rows: float32 (batch, N, inputs + 2 + experts), the bands one after the other along N
            (:func:`idf.training.families.features_cache.band_batches`).
        sharpness, coded: of other window flows; ignored.
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


_START_SAMPLES = 8_000_000
"""Of the training clips that the start of predictors is fitted to: averages, which more would not change."""


class BandFamily:
    """Window flows of subbands: a network for each band, trained on rows, one a sample."""

    def __init__(self) -> None:
        pass  # SELF

        self.bits: Callable[..., Any] = band_bits

    def batches(self, config: Config, model: BandModel, dataset: Dataset, first_step: int) -> tf.data.Dataset:
        from idf.training.families.features_cache import band_batches, band_rows

        return band_batches(band_rows(config, model, dataset, cache_folder(config)), model, config, first_step)

    def start(self, config: Config, model: BandModel, dataset: Dataset) -> tuple[BandModel, dict[str, np.ndarray]]:
        from idf.models.bands.initial_state import fitted
        from idf.training.families.features_cache import band_rows

        if not dataset.train:
            raise DataError(f"{dataset.name}: no training clips in the split {dataset.split!r}; give more clips")
        if config.training.start == "data":
            total = sum(clip.samples for clip in dataset.train)
            count = math.ceil(len(dataset.train) * min(1.0, _START_SAMPLES / total))
            clips = (dataset.read(clip).samples for clip in spread(dataset.train, count))
            model = fitted(model, clips, config.model.bands.start_samples)
        rows = band_rows(config, model, dataset, cache_folder(config))
        if empty := [name for name, table in zip(model.names, rows, strict=True) if not len(table.inputs)]:
            raise DataError(f"{dataset.name}: the training clips are too short for band {empty[0]}; give longer ones")
        mean, deviation = (np.stack(values) for values in zip(*(table.statistics() for table in rows), strict=True))
        return model.standardised(mean, deviation), model.initial_parameters(config.seed)

    def validator(self, config: Config, model: BandModel, state: TrainingState, dataset: Dataset) -> Scorer:
        from idf.models.bands.codec import codec_of

        return CodingScorer(functools.partial(codec_of, model), state, dataset)

    def draw(
        self,
        config: Config,
        model: BandModel,
        weights: Mapping[str, np.ndarray],
        samples: int,
        seed: int,
        sharpness: float | None,
    ) -> np.ndarray:
        from idf.models.bands.codec import codec_of

        return codec_of(model, weights).draw(samples, seed)


def _band_scorer(codec: BandCodec) -> Callable[[np.ndarray], float]:
    return _row_scorer(codec.model.settings, list(codec.weights), codec.model.traces)
