"""The adaptive flow's network in TensorFlow: −log2 p of samples, given what the predictors made of their past.

The predictors do not depend on the network, so they run once over the training clips
(:mod:`idf.training.rows`) and training sees single samples in any order. The same network for coding,
compiled and strict, is :mod:`idf.models.adaptive.network`; both compute in float32 and differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from idf.models.adaptive.model import AdaptiveModel
from idf.models.adaptive.network import HIGHEST_OCTAVE, LOWEST_OCTAVE, MEAN_STEP
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture
from idf.training.likelihood import WindowBits


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
