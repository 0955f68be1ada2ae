"""Training of window flows: initial values, batches and scoring."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from idf.config import Config
from idf.datasets.batches import training_batches
from idf.datasets.dataset import Clip, Dataset, spread
from idf.models.prediction.fit import fitted_start
from idf.models.window.codec import WindowCodec
from idf.models.window.model import WindowModel
from idf.models.window.sampling import draw
from idf.priors import ChannelwisePrior, TrackedPrior
from idf.priors.predictors import Task, fit_predictors
from idf.quiet_tensorflow import tf
from idf.training.families.interface import WindowBits, cache_folder
from idf.training.families.window_bits import training_bits

_START_SAMPLES = 8_000_000
"""Training samples to which the initial state of prediction is fitted; more would not change it."""
_PATCH_SAMPLES, _WHITENED_PATCH_SAMPLES = 20_000_000, 1_500_000
"""Training samples from which patches are drawn, without and with whitening, which takes 3 µs per sample."""


class WindowFamily:
    """Flows over independent windows of the samples or of their whitened residual."""

    def __init__(self, config: Config, model: WindowModel, dataset: Dataset) -> None:
        self.config, self.model, self._clips = config, model, dataset
        self._batch = config.training.batch_samples // config.model.window

    @property
    def dataset(self) -> Dataset:
        """The clips from which the model's windows are cut, whitened if the model whitens."""
        return replace(self._clips, change=self.model.whitening)

    def start(self) -> dict[str, np.ndarray]:
        step = self.model.prediction
        if step is not None and self.config.training.start == "data":
            print("fitting the initial state of prediction to the training clips", flush=True)
            clips = [self._clips.read(clip).samples for clip in _holding(self._clips.train, _START_SAMPLES)]
            start = fitted_start(clips, step.start, self.config.seed)
            self.model = self.model.with_prediction(step.with_start(start))
        return starting_parameters(self.config, self.model, self.dataset)

    def batches(self, first_step: int) -> tf.data.Dataset:
        config, step = self.config, self.model.prediction
        # Prediction within windows is applied after drawing them; other whitening is applied to whole clips.
        return training_batches(
            self.dataset if step is None else self._clips,
            window=config.model.window,
            batch=self._batch,
            seed=config.seed,
            first_step=first_step,
            steps=config.training.steps - first_step,
            cache=cache_folder(config),
            sign_flips=config.training.sign_flips,
            change=None if step is None else step.apply_to_windows,
        )

    def bits(self, parameters: Mapping[str, tf.Tensor], batch: tf.Tensor, sharpness: tf.Tensor | None) -> WindowBits:
        return training_bits(self.model, parameters, batch, sharpness)

    def scorer(self, weights: Mapping[str, tf.Variable]) -> Validator:
        return Validator(
            self.model,
            weights,
            self.dataset,
            window=self.config.model.window,
            batch=self._batch,
            compile=self.config.training.compile,
        )

    def draw(self, weights: Mapping[str, np.ndarray], samples: int, seed: int, sharpness: float | None) -> np.ndarray:
        return draw(self.model, weights, samples, seed, sharpness)


class Validator:
    """Scores the current weights on clips.

    Full windows of all clips go through one compiled function in batches of equal shape. Shorter last windows use an
    uncompiled function, because each length would need its own compilation.

    Args:
        weights: read at each call.
        dataset: source of the audio.
        window: samples in a full window.
        batch: windows per call.
        compile: use XLA.
    """

    def __init__(
        self,
        model: WindowModel,
        weights: Mapping[str, tf.Variable],
        dataset: Dataset,
        *,
        window: int,
        batch: int,
        compile: bool,
    ) -> None:
        self._model, self._dataset, self._window, self._batch = model, dataset, window, batch

        def bits(windows: tf.Tensor, sharpness: tf.Tensor | None, coded: tf.Tensor) -> tf.Tensor:
            return training_bits(model, weights, windows, sharpness, coded).bits

        self._uncompiled_bits: Callable[..., tf.Tensor] = bits
        self._bits: Callable[..., tf.Tensor] = tf.function(bits, jit_compile=compile, autograph=False)

    def bits_per_sample(self, clips: Sequence[Clip], sharpness: float | None, stop: Callable[[], bool]) -> float | None:
        """Return the bits per sample over all clips; coded padding adds bits but no samples.

        Args:
            sharpness: log-scale of the last block; None if it is learned.

        Returns:
            The bits per sample; None if ``stop()`` became true meanwhile.
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
        """Return the bits of up to ``batch`` windows, padded to a full batch with silence that does not count."""
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
        given = None if sharpness is None else tf.constant(sharpness, tf.float32)
        found = bits(tf.constant(windows, tf.int32), given, tf.constant(coded)).numpy()
        return float(np.sum(found[:count], dtype=np.float64))


BATCH_SAMPLES = 16384
"""Samples per evaluation of the nets, for which the widest nets need about 1 GB."""


def window_score(codec: WindowCodec) -> Callable[[np.ndarray], float]:
    """Return a function that gives the total bits of a clip, int32 (n,), including coded padding."""
    model = codec.model
    parameters = {name: tf.constant(value, tf.float32) for name, value in codec.parameters.items()}
    sharpness = tf.constant(codec.log_scale, tf.float32)
    batch = max(1, BATCH_SAMPLES // model.window)

    def eager(windows: tf.Tensor, coded: tf.Tensor) -> tf.Tensor:
        return training_bits(model, parameters, windows, sharpness, coded).bits

    whole = tf.function(eager, reduce_retracing=True)

    def score(samples: np.ndarray) -> float:
        total = 0.0
        for part in model.cut(model.residual(samples[:, None])[:, 0]):
            # Last windows have a different length in each clip; compiling each would take longer than it saves.
            bits = whole if part.windows.shape[1] == model.window else eager
            for start in range(0, len(part.windows), batch):
                rows = slice(start, start + batch)
                windows = tf.constant(part.windows[rows], tf.int32)
                found = bits(windows, tf.constant(part.coded[rows].astype(np.float32)))
                total += float(np.sum(found.numpy(), dtype=np.float64))
        return total

    return score


PATCHES = 30_000
"""Patches of samples to which predictors are fitted (35 MB, a few seconds); more did not help."""


def starting_parameters(config: Config, model: WindowModel, dataset: Dataset) -> dict[str, np.ndarray]:
    """Return ``model.initial_parameters``, with the prior's linear predictors fitted if ``training.start`` is ``data``.

    Only the outermost scale is fitted, because samples of the inner scales are too far apart to predict each other.
    Couplings start as the identity, so the latents are samples.
    """
    parameters = model.initial_parameters(config.seed)
    prior = model.hierarchy.prior
    if config.training.start == "data" and isinstance(prior, ChannelwisePrior | TrackedPrior):
        width = prior.width
        patches = draw_patches(dataset, (2 * width.context_frames + 1) * prior.channels, PATCHES, config.seed)
        if len(patches):
            orders = reversed(model.hierarchy.channel_orders())
            tasks = [Task(known, int(leaving[0])) for known, leaving in orders]
            start = fit_predictors(patches, tasks, width.context_frames, width.experts, config.seed)
            for name, fitted in (("linear", start.linear), ("experts", start.experts)):
                if (name := f"{prior.name}/{name}") in parameters:
                    parameters[name] = fitted
    return parameters


def _holding(clips: Sequence[Clip], samples: int) -> list[Clip]:
    """Return clips evenly spread over ``clips`` with about ``samples`` samples in total, or all if they have fewer."""
    total = sum(clip.samples for clip in clips)
    return spread(clips, math.ceil(len(clips) * min(1.0, samples / max(total, 1))))


def draw_patches(dataset: Dataset, length: int, count: int, seed: int) -> np.ndarray:
    """Return about ``count`` patches of ``length`` consecutive training samples: float64 (n, length).

    The number of patches from a clip is proportional to its length; clips shorter than a patch give none. The result
    depends only on the clips and the seed.
    """
    usable = [clip for clip in dataset.train if clip.samples >= length]
    usable = _holding(usable, _PATCH_SAMPLES if dataset.change is None else _WHITENED_PATCH_SAMPLES)
    total = sum(clip.samples for clip in usable)
    rng = np.random.default_rng((seed, length))
    drawn = [np.zeros((0, length))]
    for clip in usable:
        samples = dataset.read(clip).samples
        starts = rng.integers(0, len(samples) - length + 1, max(1, round(count * clip.samples / total)))
        drawn.append(np.lib.stride_tricks.sliding_window_view(samples, length)[starts].astype(np.float64))
    return np.concatenate(drawn)
