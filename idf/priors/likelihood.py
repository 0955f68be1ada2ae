"""The training loss: −log2 p of latents under a mixture of discretised logistics, in TensorFlow.

It is stable everywhere and has no branches: with a = (z + ½ − μ)/s and b = (z − ½ − μ)/s,
``log(σ(a) − σ(b)) = −softplus(−a) − softplus(b) + log(−expm1(b − a))``. The two extreme symbols
include the tails, as in the coder's integer CDF (:mod:`idf.coding.mixture`).
"""

from __future__ import annotations

import math

from idf.priors.mixture import Mixture
from idf.quiet_tensorflow import tf

_OPEN = 1e4
"""Argument of the logistic function that represents infinity in float32."""


def mixture_bits(latents: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    """Return −log2 p of latents.

    Args:
        latents: float32 (...), integers in [-32768, 32767].
        mixture: fields float32 (..., components).

    Returns:
        float32 (...), bits.
    """
    z = latents[..., None]
    inverse = tf.exp(mixture.octaves * -math.log(2.0))
    centred = z - mixture.means
    upper = tf.where(z >= 32767.0, _OPEN, (centred + 0.5) * inverse)
    lower = tf.where(z <= -32768.0, -_OPEN, (centred - 0.5) * inverse)
    # the width of an inner symbol is exactly 1/s; the difference of its edges would lose digits
    inner = tf.logical_and(z < 32767.0, z > -32768.0)
    width = tf.where(inner, inverse, _OPEN)
    log_mass = -tf.nn.softplus(-upper) - tf.nn.softplus(lower) + tf.math.log(-tf.math.expm1(-width))
    log_mass = tf.reduce_logsumexp(log_mass + tf.nn.log_softmax(mixture.logits), -1)
    return log_mass * (-1.0 / math.log(2.0))
