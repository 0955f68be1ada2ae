"""What training does differently for the families of models."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from idf.config import Config
from idf.config.schema import ADAPTIVE, BANDS, family_name
from idf.datasets.batches import training_batches
from idf.datasets.dataset import Clip, Dataset, spread
from idf.errors import DataError
from idf.training.state import TrainingState
from idf.training.validation import Validator

if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.adaptive.model import AdaptiveModel
    from idf.models.bands.model import BandModel
    from idf.models.window.model import WindowModel


_START_SAMPLES = 8_000_000
"""Of the training clips that the start of predictors is fitted to: averages, which more would not change."""


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


class WindowFamily:
    """Flows over independent windows, of the samples or of what whitening leaves of them."""

    def __init__(self) -> None:
        from idf.training.likelihood import training_bits

        self.bits: Callable[..., Any] = training_bits

    def batches(self, config: Config, model: Any, dataset: Dataset, first_step: int) -> tf.data.Dataset:
        return training_batches(
            _whitened(dataset, model),
            window=config.model.window,
            batch=config.training.batch_samples // config.model.window,
            seed=config.seed,
            first_step=first_step,
            steps=config.training.steps - first_step,
            cache=cache_folder(config),
            short_clips=config.data.short_clips,
            sign_flips=config.training.sign_flips,
        )

    def start(self, config: Config, model: Any, dataset: Dataset) -> tuple[Any, dict[str, np.ndarray]]:
        from idf.training.start import starting_parameters

        return model, starting_parameters(config, model, _whitened(dataset, model))

    def validator(self, config: Config, model: Any, state: TrainingState, dataset: Dataset) -> Scorer:
        return Validator(
            model,
            self.bits,
            state,
            _whitened(dataset, model),
            window=config.model.window,
            batch=config.training.batch_samples // config.model.window,
            compile=config.training.compile,
        )

    def draw(
        self,
        config: Config,
        model: Any,
        weights: Mapping[str, np.ndarray],
        samples: int,
        seed: int,
        sharpness: float | None,
    ) -> np.ndarray:
        from idf.training.drawn import draw

        return draw(model, weights, samples, seed, sharpness)


def _whitened(dataset: Dataset, model: WindowModel) -> Dataset:
    """The clips as the model's windows are cut from them."""
    return replace(dataset, change=model.whitening)


class AdaptiveFamily:
    """The adaptive flow: its network is trained on rows, one a sample."""

    def __init__(self) -> None:
        from idf.training.adaptive import adaptive_bits

        self.bits: Callable[..., Any] = adaptive_bits

    def batches(self, config: Config, model: AdaptiveModel, dataset: Dataset, first_step: int) -> tf.data.Dataset:
        from idf.training.rows import row_batches, training_rows

        return row_batches(training_rows(config, model, dataset, cache_folder(config)), config, first_step)

    def start(
        self, config: Config, model: AdaptiveModel, dataset: Dataset
    ) -> tuple[AdaptiveModel, dict[str, np.ndarray]]:
        from idf.training.rows import training_rows

        mean, deviation = training_rows(config, model, dataset, cache_folder(config)).statistics()
        return model.standardised(mean, deviation), model.initial_parameters(config.seed)

    def validator(self, config: Config, model: AdaptiveModel, state: TrainingState, dataset: Dataset) -> Scorer:
        from idf.models.adaptive.codec import codec_of

        return CodingScorer(functools.partial(codec_of, model), state, dataset)

    def draw(
        self,
        config: Config,
        model: AdaptiveModel,
        weights: Mapping[str, np.ndarray],
        samples: int,
        seed: int,
        sharpness: float | None,
    ) -> np.ndarray:
        from idf.models.adaptive.codec import codec_of

        return codec_of(model, weights).draw(samples, seed)


class BandFamily:
    """Window flows of subbands: a network for each band, trained on rows, one a sample."""

    def __init__(self) -> None:
        from idf.training.bands import band_bits

        self.bits: Callable[..., Any] = band_bits

    def batches(self, config: Config, model: BandModel, dataset: Dataset, first_step: int) -> tf.data.Dataset:
        from idf.training.rows import band_batches, band_rows

        return band_batches(band_rows(config, model, dataset, cache_folder(config)), model, config, first_step)

    def start(self, config: Config, model: BandModel, dataset: Dataset) -> tuple[BandModel, dict[str, np.ndarray]]:
        from idf.models.bands.initial_state import fitted
        from idf.training.rows import band_rows

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


def family_of(config: Config) -> Family:
    """The family of a configuration's model."""
    family = family_name(config)
    if family == ADAPTIVE:
        return AdaptiveFamily()
    return BandFamily() if family == BANDS else WindowFamily()
