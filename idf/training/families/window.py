"""The number that training lowers: −log2 p of windows under a model, block by block, differentiable.

The same flows and priors that code (:mod:`idf.models.build`) run here in float32 with straight-through
rounding; only the way through a channelwise prior differs: all its nets in one product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from idf.arithmetic import Parameters
from idf.arithmetic.differentiable import Differentiable
from idf.config import Config
from idf.datasets.batches import training_batches
from idf.datasets.dataset import Clip, Dataset, spread
from idf.flows.squeeze import squeeze, unsqueeze
from idf.models.window.hierarchy import Block, Hierarchy
from idf.models.window.model import WindowModel
from idf.priors import ChannelwisePrior
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture
from idf.priors.predictors import fit_predictors
from idf.training.families.interface import Scorer, cache_folder
from idf.training.state import TrainingState

if TYPE_CHECKING:
    import tensorflow as tf
if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.prediction.whitening import WindowWhitening
    from idf.models.window.codec import WindowCodec
if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.window.model import WindowModel

_ARITHMETIC = Differentiable()


@dataclass(frozen=True)
class WindowBits:
    """Code lengths of a batch.

    Attributes:
        bits: float32 (batch,), total bits of each window.
        block_bits: float32 (blocks,), mean bits of each block for one sample of the window, so that
            they add up to the bits per sample.
        log_scales: float32 (blocks, 3), mean, maximum and minimum of the log-scales of each block's
            mixtures, nats on the [-1, 1) scale.
        names: of the blocks.
        samples: of each window; float32 () or a plain number.
    """

    bits: tf.Tensor
    block_bits: tf.Tensor
    log_scales: tf.Tensor
    names: tuple[str, ...]
    samples: tf.Tensor | int


def training_bits(
    model: WindowModel,
    parameters: Mapping[str, tf.Tensor],
    windows: tf.Tensor,
    sharpness: tf.Tensor | float | None,
    coded: tf.Tensor | None = None,
) -> WindowBits:
    """−log2 p of ``windows``.

    Args:
        parameters: trained arrays by name, float32, not yet on their grids.
        windows: int32 (batch, N), N a multiple of ``model.multiple``.
        sharpness: log-scale of the last block (nats, [-1, 1) scale); None where it is learned.
        coded: float32 (batch, N), 0 where a sample pads the end of a clip, else 1. A flow that leaves
            samples in place does not code padding (:mod:`idf.models.window.codec`); others do, and
            ignore this.
    """
    p = model.quantise(_ARITHMETIC, parameters)
    x = tf.cast(windows, tf.float32)
    log_scale = tf.constant(0.0) if sharpness is None else sharpness
    weights = None
    if coded is not None and not model.hierarchy.moves_samples:
        weights = model.hierarchy.split(_ARITHMETIC, coded)
    samples = tf.cast(tf.shape(x)[1], tf.float32)
    bits, log_scales, names = [], [], []
    for stack in _stacks(model.hierarchy, p, x, log_scale):
        latent_bits = mixture_bits(stack.latents, stack.mixture)
        if weights is not None:
            latent_bits *= tf.stack([next(weights) for _ in stack.names])
        bits.append(tf.reduce_sum(latent_bits, [2, 3]))
        nats = (stack.mixture.octaves - FULL_SCALE_OCTAVES) * NATS_PER_OCTAVE
        axes = [1, 2, 3, 4]
        log_scales.append(
            tf.stack([tf.reduce_mean(nats, axes), tf.reduce_max(nats, axes), tf.reduce_min(nats, axes)], -1)
        )
        names += stack.names
    block_bits = tf.concat(bits, 0)
    return WindowBits(
        bits=tf.reduce_sum(block_bits, 0),
        block_bits=tf.reduce_mean(block_bits, 1) / samples,
        log_scales=tf.concat(log_scales, 0),
        names=tuple(names),
        samples=samples,
    )


@dataclass(frozen=True)
class _Stack:
    """Blocks of one shape, scored in one go: latents (blocks, batch, time, channels), mixtures with one axis more."""

    names: list[str]
    latents: tf.Tensor
    mixture: Mixture


def _stacks(
    hierarchy: Hierarchy, p: Parameters, x: tf.Tensor, log_scale: tf.Tensor, prefix: str = ""
) -> Iterator[_Stack]:
    """The blocks of :meth:`Hierarchy.forward`, those of a channelwise prior together."""
    if not isinstance(hierarchy.prior, ChannelwisePrior):
        for block in hierarchy.forward(_ARITHMETIC, p, x, log_scale):
            yield _single(block)
        return
    h = squeeze(_ARITHMETIC, x, hierarchy.channels)
    batch, time, channels = _ARITHMETIC.shape(h)
    by_channel = hierarchy.prior.all_mixtures(_ARITHMETIC, p, h)

    def in_order_of_leaving(field: tf.Tensor) -> tf.Tensor:
        return tf.reshape(field[::-1], (channels - 1, batch, time, 1, field.shape[-1]))

    mixture = Mixture(*map(in_order_of_leaving, (by_channel.logits, by_channel.means, by_channel.octaves)))
    latents = tf.transpose(h, (2, 0, 1))[:0:-1, ..., None]
    yield _Stack([f"{prefix}z{block}" for block in range(1, channels)], latents, mixture)
    if isinstance(hierarchy.rest, Hierarchy):
        yield from _stacks(hierarchy.rest, p, unsqueeze(_ARITHMETIC, h[..., :1]), log_scale, f"{prefix}rest/")
    else:
        for block in hierarchy.rest_blocks(_ARITHMETIC, p, h[..., :1], log_scale):
            yield _single(block)


def _single(block: Block) -> _Stack:
    mixture = block.mixture
    fields = (field[None] for field in (mixture.logits, mixture.means, mixture.octaves))
    return _Stack([block.name], block.latents[None], Mixture(*fields))


class WindowFamily:
    """Flows over independent windows, of the samples or of what whitening leaves of them."""

    def __init__(self) -> None:
        pass  # SELF

        self.bits: Callable[..., Any] = training_bits

    def batches(self, config: Config, model: Any, dataset: Dataset, first_step: int) -> tf.data.Dataset:
        # Windows that are predicted each by itself are drawn first; others are cut from clips whitened whole.
        step = _prediction(model)
        return training_batches(
            _whitened(dataset, model) if step is None else dataset,
            window=config.model.window,
            batch=config.training.batch_samples // config.model.window,
            seed=config.seed,
            first_step=first_step,
            steps=config.training.steps - first_step,
            cache=cache_folder(config),
            short_clips=config.data.short_clips,
            sign_flips=config.training.sign_flips,
            change=None if step is None else step.apply_to_windows,
        )

    def start(self, config: Config, model: Any, dataset: Dataset) -> tuple[Any, dict[str, np.ndarray]]:
        step = _prediction(model)
        if step is not None and config.training.start == "data":
            model = model.with_prediction(_fitted(step, dataset, config.seed))
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
        from idf.models.window.model import draw

        return draw(model, weights, samples, seed, sharpness)


def _prediction(model: WindowModel) -> WindowWhitening | None:
    """The step that a model applies inside each window; None where it has none."""
    from idf.models.prediction.whitening import WindowWhitening

    return model.whitening if isinstance(model.whitening, WindowWhitening) else None


_START_SAMPLES = 8_000_000
"""Of the training clips that the start of prediction is fitted to; more would not change it."""


def _fitted(step: WindowWhitening, dataset: Dataset, seed: int) -> WindowWhitening:
    """The step with a start fitted to the training clips."""
    from idf.models.prediction.fit import fitted_start

    total = sum(clip.samples for clip in dataset.train)
    count = math.ceil(len(dataset.train) * min(1.0, _START_SAMPLES / max(total, 1)))
    clips = [dataset.read(clip).samples for clip in spread(dataset.train, count)]
    return step.with_start(fitted_start(clips, step.start, seed))


def _whitened(dataset: Dataset, model: WindowModel) -> Dataset:
    """The clips as the model's windows are cut from them."""
    return replace(dataset, change=model.whitening)


BATCH_SAMPLES = 16384
"""Samples that go through the nets at a time; the widest nets then need about 1 GB."""


def _window_scorer(codec: WindowCodec) -> Callable[[np.ndarray], float]:
    import tensorflow as tf

    pass  # SELF

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
            # Shorter windows have as many lengths as there are clips; compiling each would cost more than it saves.
            bits = whole if part.windows.shape[1] == model.window else eager
            for start in range(0, len(part.windows), batch):
                rows = slice(start, start + batch)
                windows = tf.constant(part.windows[rows], tf.int32)
                found = bits(windows, tf.constant(part.coded[rows].astype(np.float32)))
                total += float(np.sum(found.numpy(), dtype=np.float64))
        return total

    return score


PATCHES = 30_000
"""Runs of samples that predictors are fitted to: 35 MB, a few seconds, and more did not help."""


def starting_parameters(config: Config, model: WindowModel, dataset: Dataset) -> dict[str, np.ndarray]:
    """``model.initial_parameters``, with the channelwise prior's predictors fitted if ``training.start`` is ``data``.

    Only the outermost scale is fitted: further down, samples lie too far apart to predict each other.
    """
    parameters = model.initial_parameters(config.seed)
    prior = model.hierarchy.prior
    if config.training.start == "data" and isinstance(prior, ChannelwisePrior):
        width = prior.width
        patches = draw_patches(dataset, (2 * width.context_frames + 1) * prior.channels, PATCHES, config.seed)
        if len(patches):
            start = fit_predictors(patches, prior.channels, width.context_frames, width.experts, config.seed)
            parameters[f"{prior.name}/linear"] = start.linear
            if width.experts:
                parameters[f"{prior.name}/experts"] = start.experts
    return parameters


def draw_patches(dataset: Dataset, length: int, count: int, seed: int) -> np.ndarray:
    """About ``count`` runs of ``length`` samples from the training clips: float64 (n, length).

    Long clips give more; clips shorter than a run give none. The same for the same clips and seed.
    """
    usable = [clip for clip in dataset.train if clip.samples >= length]
    total = sum(clip.samples for clip in usable)
    rng = np.random.default_rng((seed, length))
    # of a large collection a few hundred clips say enough; reading all of it would take minutes
    if len(usable) > 400:
        usable = [usable[i] for i in sorted(rng.choice(len(usable), 400, replace=False))]
        total = sum(clip.samples for clip in usable)
    drawn = [np.zeros((0, length))]
    for clip in usable:
        samples = dataset.read(clip).samples
        starts = rng.integers(0, len(samples) - length + 1, max(1, round(count * clip.samples / total)))
        drawn.append(np.lib.stride_tricks.sliding_window_view(samples, length)[starts].astype(np.float64))
    return np.concatenate(drawn)


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
