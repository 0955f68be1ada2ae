"""The training loss compared with high-precision arithmetic and with the coder's distribution."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest
import tensorflow as tf

from idf.coding.mixture import IntegerMixture, ideal_bits
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import Mixture


def constant(logits: list[float], means: list[float], octaves: list[float], count: int) -> Mixture:
    return Mixture(*(tf.constant([row] * count, tf.float32) for row in (logits, means, octaves)))


def test_the_whole_range_has_mass_one() -> None:
    z = np.arange(-32768, 32768, dtype=np.float32)
    bits = mixture_bits(tf.constant(z), constant([0.0, 1.0], [-30000.0, 32760.5], [12.0, 3.0], len(z))).numpy()
    assert np.sum(2.0 ** -bits.astype(np.float64)) == pytest.approx(1.0, abs=1e-4)


def test_single_logistic_in_fifty_digits() -> None:
    getcontext().prec = 50
    scale, mean = Decimal(4), Decimal(1) / 4
    for z in (-40, 0, 1, 300):
        upper, lower = ((z + half - mean) / scale for half in (Decimal("0.5"), Decimal("-0.5")))
        mass = 1 / (1 + (-upper).exp()) - 1 / (1 + (-lower).exp())
        exact = float(-(mass.ln() / Decimal(2).ln()))
        got = mixture_bits(tf.constant([float(z)]), constant([0.0], [0.25], [2.0], 1)).numpy()[0]
        assert got == pytest.approx(exact, rel=1e-5)


def test_training_and_coding_have_the_same_distribution() -> None:
    """The float32 loss equals the coder's ideal bits for random parameters and symbols, including extremes."""
    rng = np.random.default_rng(0)
    n, m = 4000, 4
    integers = IntegerMixture(
        logits=rng.integers(-200, 200, (n, m)).astype(np.int32),
        means=rng.integers(-(2**22), 2**22, (n, m)).astype(np.int32),
        scales=rng.integers(0, 400, (n, m)).astype(np.int32),
    )
    offsets = np.exp2(integers.scales[:, 0] / 32) * rng.logistic(size=n)
    symbols = np.clip(np.round(integers.means[:, 0] / 256 + offsets), -32768, 32767).astype(np.int32)
    symbols[:10], symbols[10:20] = -32768, 32767
    floats = Mixture(
        *(
            tf.constant(x / unit, tf.float32)
            for x, unit in [(integers.logits, 64), (integers.means, 256), (integers.scales, 32)]
        )
    )
    ours = mixture_bits(tf.constant(symbols, tf.float32), floats).numpy()
    np.testing.assert_allclose(ours, ideal_bits(symbols, integers), rtol=2e-3, atol=2e-3)


def test_gradients_are_finite_in_the_far_tails() -> None:
    octaves = tf.Variable([[-6.0], [16.0], [-6.0]])
    with tf.GradientTape() as tape:
        bits = mixture_bits(tf.constant([32767.0, -32768.0, 0.0]), Mixture(tf.zeros((3, 1)), tf.zeros((3, 1)), octaves))
        loss = tf.reduce_sum(bits)
    assert np.all(np.isfinite(bits.numpy()))
    assert np.all(np.isfinite(tape.gradient(loss, octaves).numpy()))
