"""Training of the adaptive flow: −log2 p of samples given the predictors' outputs.

The predictors do not depend on the network. They run once over the training clips
(:mod:`idf.training.families.features_cache`), and training draws single samples in any order. For coding,
:mod:`idf.models.adaptive.network` computes the same network in a compiled loop, mostly in 16-bit integers. The two
differ only by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from idf.config import Config
from idf.datasets.dataset import Dataset
from idf.models.adaptive.codec import AdaptiveCodec, codec_of
from idf.models.adaptive.model import AdaptiveModel, Trace, coding_model
from idf.models.adaptive.network import HIGHEST_OCTAVE, LOWEST_OCTAVE, MEAN_STEP
from idf.models.adaptive.state import Constants
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture
from idf.quiet_tensorflow import tf
from idf.training.families.features_cache import Rows, row_batches, training_rows
from idf.training.families.interface import WindowBits, cache_folder
from idf.training.families.sequential import SequentialFamily

_SCORED_ROWS = 16384
"""Rows per evaluation of the network."""


class AdaptiveFamily(SequentialFamily):
    """The adaptive flow, whose network is trained on rows, one per sample."""

    def __init__(self, config: Config, model: AdaptiveModel, dataset: Dataset) -> None:
        self.config, self.model, self.dataset = config, model, dataset

    def start(self) -> dict[str, np.ndarray]:
        mean, deviation = self._rows().statistics()
        self.model = self.model.standardised(mean, deviation)
        return self.model.initial_parameters(self.config.seed)

    def batches(self, first_step: int) -> tf.data.Dataset:
        return row_batches(self._rows(), self.config, first_step)

    def bits(self, parameters: Mapping[str, tf.Tensor], batch: tf.Tensor, sharpness: tf.Tensor | None) -> WindowBits:
        return adaptive_bits(self.model, parameters, batch)

    def codec(self, weights: Mapping[str, np.ndarray]) -> AdaptiveCodec:
        return codec_of(self.model, weights)

    def _rows(self) -> Rows:
        return training_rows(self.config, self.model, self.dataset, cache_folder(self.config))


def adaptive_bits(
    model: AdaptiveModel,
    parameters: Mapping[str, tf.Tensor],
    rows: tf.Tensor,
) -> WindowBits:
    """Return −log2 p of samples.

    Args:
        parameters: trained arrays by name, float32.
        rows: float32 (batch, inputs + 2 + experts), the inputs and targets of
            :class:`~idf.models.adaptive.model.Trace`.
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
    """Return the coder's base-2 logarithm of a positive float32, which is linear between powers of two."""
    return tf.cast(tf.bitcast(x, tf.int32) - (127 << 23), tf.float32) * 2.0**-23


def _network(model: AdaptiveModel, p: Mapping[str, tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
    x = (inputs - model.input_mean) / model.input_deviation
    x = _activation(x @ p["first/weight"] + p["first/bias"])
    for number in range(model.settings.plan.layers):
        x += _activation(x @ p[f"layer{number}/weight"] + p[f"layer{number}/bias"])
    return x @ p["last/weight"] + p["last/bias"]


def _activation(x: tf.Tensor) -> tf.Tensor:
    """Return x above 0 and x / (1 - x) below, without a zero denominator (and its gradient) above."""
    return tf.maximum(x, 0.0) + tf.minimum(x, 0.0) / (1.0 + tf.abs(tf.minimum(x, 0.0)))


def adaptive_score(codec: AdaptiveCodec) -> Callable[[np.ndarray], float]:
    """Return a function that gives the total bits of a clip, int32 (n,), under the model of ``codec``."""
    model, _ = coding_model(codec.constants, codec.weights)
    return row_scorer(codec.constants, [codec.weights], model.traces)


def row_scorer(
    constants: Constants, weights: Sequence[np.ndarray], traces: Callable[[np.ndarray], list[Trace]]
) -> Callable[[np.ndarray], float]:
    """Return a function that gives the total bits of a clip.

    Args:
        weights: of each network.
        traces: runs the predictors over a clip and returns a table of rows for each network.
    """
    model, _ = coding_model(constants, weights[0])
    networks = [
        {name: tf.constant(value) for name, value in coding_model(constants, own)[1].items()} for own in weights
    ]
    # A single traced function for all networks and clip lengths; TensorFlow warns about many.
    width = model.settings.plan.inputs + 2 + model.settings.plan.experts
    shapes = {name: tf.TensorSpec(value.shape, tf.float32) for name, value in networks[0].items()}

    @tf.function(input_signature=[shapes, tf.TensorSpec((None, width), tf.float32)])
    def bits(network: dict[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        return adaptive_bits(model, network, rows).bits

    def score(samples: np.ndarray) -> float:
        total = 0.0
        for network, trace in zip(networks, traces(samples), strict=True):
            rows = np.concatenate([trace.inputs, trace.targets], axis=1)
            for start in range(0, len(rows), _SCORED_ROWS):
                found = bits(network, tf.constant(rows[start : start + _SCORED_ROWS]))
                total += float(np.sum(found.numpy(), dtype=np.float64))
        return total

    return score
