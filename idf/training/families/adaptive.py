"""The adaptive flow's network in TensorFlow: −log2 p of samples, given what the predictors made of their past.

The predictors do not depend on the network, so they run once over the training clips
(:mod:`idf.training.families.features_cache`) and training sees single samples in any order. The same network for coding,
compiled and strict, is :mod:`idf.models.adaptive.network`; both compute in float32 and differ by rounding only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from idf.config import Config
from idf.datasets.dataset import Dataset
from idf.models.adaptive.model import AdaptiveModel
from idf.models.adaptive.network import HIGHEST_OCTAVE, LOWEST_OCTAVE, MEAN_STEP
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture
from idf.training.families.interface import CodingScorer, Scorer, cache_folder
from idf.training.families.window import BATCH_SAMPLES, WindowBits
from idf.training.state import TrainingState

if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.adaptive.codec import AdaptiveCodec
    from idf.models.adaptive.model import Trace
    from idf.models.adaptive.state import Constants
if TYPE_CHECKING:
    import tensorflow as tf

    from idf.models.adaptive.model import AdaptiveModel


def adaptive_bits(
    model: AdaptiveModel,
    parameters: Mapping[str, tf.Tensor],
    rows: tf.Tensor,
    sharpness: tf.Tensor | float | None = None,
    coded: tf.Tensor | None = None,
) -> WindowBits:
    """−log2 p of samples.

    Args:
        parameters: trained arrays by name, float32.
        rows: float32 (batch, inputs + 2 + experts): :class:`~idf.models.adaptive.model.Trace`, inputs and targets.
        sharpness, coded: of window flows; ignored.
    """
    plan = model.settings.plan
    inputs, residual, level, deviations = tf.split(rows, [plan.inputs, 1, 1, plan.experts], -1)
    outputs = _network(model, parameters, inputs)
    logits, offsets, octaves, experts, _ = tf.split(
        outputs,
        [plan.components] * 3 + [plan.experts, plan.outputs - 3 * plan.components - plan.experts],
        -1,
    )
    weights = tf.nn.softmax(experts * NATS_PER_OCTAVE)  # powers of two
    expected = tf.reduce_sum(weights * deviations, -1, keepdims=True)
    octaves = tf.clip_by_value(octaves, LOWEST_OCTAVE, HIGHEST_OCTAVE) + piecewise_log2(level)
    bits = mixture_bits(residual[:, 0], Mixture(logits, (expected + offsets * MEAN_STEP) * level, octaves))
    nats = (octaves - FULL_SCALE_OCTAVES) * NATS_PER_OCTAVE
    return WindowBits(
        bits=bits,
        block_bits=tf.reduce_mean(bits)[None],
        log_scales=tf.stack([tf.reduce_mean(nats), tf.reduce_max(nats), tf.reduce_min(nats)])[None],
        names=("residual",),
        samples=1,
    )


def piecewise_log2(x: tf.Tensor) -> tf.Tensor:
    """Base-2 logarithm of a positive float32, linear between powers of two, as the coder takes it."""
    return tf.cast(tf.bitcast(x, tf.int32) - (127 << 23), tf.float32) * 2.0**-23


def _network(model: AdaptiveModel, p: Mapping[str, tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
    x = (inputs - model.input_mean) / model.input_deviation
    x = _activation(x @ p["first/weight"] + p["first/bias"])
    for number in range(model.settings.plan.layers):
        x += _activation(x @ p[f"layer{number}/weight"] + p[f"layer{number}/bias"])
    return x @ p["last/weight"] + p["last/bias"]


def _activation(x: tf.Tensor) -> tf.Tensor:
    """x above 0 and x / (1 - x) below, with a denominator that is never 0 on the side that is not taken."""
    return tf.maximum(x, 0.0) + tf.minimum(x, 0.0) / (1.0 + tf.abs(tf.minimum(x, 0.0)))


class AdaptiveFamily:
    """The adaptive flow: its network is trained on rows, one a sample."""

    def __init__(self) -> None:
        pass  # SELF

        self.bits: Callable[..., Any] = adaptive_bits

    def batches(self, config: Config, model: AdaptiveModel, dataset: Dataset, first_step: int) -> tf.data.Dataset:
        from idf.training.families.features_cache import row_batches, training_rows

        return row_batches(training_rows(config, model, dataset, cache_folder(config)), config, first_step)

    def start(
        self, config: Config, model: AdaptiveModel, dataset: Dataset
    ) -> tuple[AdaptiveModel, dict[str, np.ndarray]]:
        from idf.training.families.features_cache import training_rows

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


def _adaptive_scorer(codec: AdaptiveCodec) -> Callable[[np.ndarray], float]:
    from idf.models.adaptive.model import coding_model

    model, _ = coding_model(codec.constants, codec.weights)
    return _row_scorer(codec.constants, [codec.weights], model.traces)


def _row_scorer(
    constants: Constants, weights: Sequence[np.ndarray], traces: Callable[[np.ndarray], list[Trace]]
) -> Callable[[np.ndarray], float]:
    """Of what predictors make of clips, a table of rows for each of the networks with ``weights``."""
    import tensorflow as tf

    from idf.models.adaptive.model import coding_model

    pass  # SELF

    model, _ = coding_model(constants, weights[0])
    networks = [
        {name: tf.constant(value) for name, value in coding_model(constants, own)[1].items()} for own in weights
    ]
    # One trace does for all networks and all lengths of clips; TensorFlow warns of many.
    width = model.settings.plan.inputs + 2 + model.settings.plan.experts
    shapes = {name: tf.TensorSpec(value.shape, tf.float32) for name, value in networks[0].items()}

    @tf.function(input_signature=[shapes, tf.TensorSpec((None, width), tf.float32)])
    def bits(network: dict[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        return adaptive_bits(model, network, rows).bits

    def score(samples: np.ndarray) -> float:
        total = 0.0
        for network, trace in zip(networks, traces(samples), strict=True):
            rows = np.concatenate([trace.inputs, trace.targets], axis=1)
            for start in range(0, len(rows), BATCH_SAMPLES):
                found = bits(network, tf.constant(rows[start : start + BATCH_SAMPLES]))
                total += float(np.sum(found.numpy(), dtype=np.float64))
        return total

    return score
