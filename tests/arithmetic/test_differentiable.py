"""The arithmetic of training agrees with that of coding, and gradients pass through its rounding."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from idf.arithmetic import gate, normal, unit
from idf.arithmetic.differentiable import Differentiable
from idf.arithmetic.exact import Exact

A, E = Differentiable(), Exact()


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32) * 3


def test_both_arithmetics_agree(values: np.ndarray) -> None:
    x = tf.constant(values)
    for ours, exact in [
        (A.grid(x, 4, 5.0), E.grid(values.astype(np.float64), 4, 5.0)),
        (unit(A, x), unit(E, values.astype(np.float64))),
        (gate(A, x, x * 2), gate(E, values.astype(np.float64), values.astype(np.float64) * 2)),
        (A.wrap16(tf.round(x * 30000)), E.wrap16(np.round(values * np.float32(30000)).astype(np.float64))),
        (A.pad_time(x, 1, 2), E.pad_time(values, 1, 2)),
        (A.take_channels(x, np.array([5, 0, 1, 2, 3, 4])), E.take_channels(values, np.array([5, 0, 1, 2, 3, 4]))),
        (
            A.level_value(A.level_index(x * x * 1000)),
            E.level_value(E.level_index(values.astype(np.float64) ** 2 * 1000)),
        ),
        (A.box_sum(x, 2), E.box_sum(values.astype(np.float64), 2)),
        (A.least(x, -1), E.least(values, -1)),
        (A.log2(A.absolute(x) + 0.5), E.log2(np.abs(values.astype(np.float64)) + 0.5)),
        (A.exp2(A.absolute(x) * -1.0), E.exp2(-np.abs(values.astype(np.float64)))),
        (
            A.scan(lambda total, here: total * 0.5 + here["x"], x[0], {"x": x}),
            E.scan(lambda total, here: total * 0.5 + here["x"], values[0], {"x": values}),
        ),
    ]:
        np.testing.assert_allclose(ours.numpy(), exact, atol=2**-9, rtol=1e-5)


def test_one_input_for_a_stack_of_nets_is_a_broadcast_product(values: np.ndarray) -> None:
    x, w = values.reshape(12, 6), np.arange(5 * 6 * 2, dtype=np.float32).reshape(5, 6, 2)
    np.testing.assert_allclose(A.matmul(tf.constant(x), tf.constant(w)).numpy(), E.matmul(x, w), rtol=1e-4, atol=1e-3)


def test_gradients_pass_straight_through_rounding_and_wrapping(values: np.ndarray) -> None:
    x = tf.constant(values)
    spec = normal((3, 4, 6), 1.0)
    for function in (lambda v: A.grid(v, 2, 100.0), A.wrap16, lambda v: A.quantise(spec, v)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(function(x))
        assert np.array_equal(tape.gradient(y, x).numpy(), np.ones_like(values))


def test_gradients_vanish_beyond_the_limit() -> None:
    x = tf.constant([-9.0, 0.1, 9.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(A.grid(x, 4, 1.0))
    assert tape.gradient(y, x).numpy().tolist() == [0.0, 1.0, 0.0]
