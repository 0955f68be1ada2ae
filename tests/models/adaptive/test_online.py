"""Online learning of the last layer: its gradient compared with finite differences, and its effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest

from idf.models.adaptive.codec import AdaptiveCodec, codec_of
from idf.models.adaptive.loops import LOOPS, make_streams
from idf.models.adaptive.model import AdaptiveModel, build_adaptive
from idf.models.adaptive.network import HIGHEST_OCTAVE, LOWEST_OCTAVE, MEAN_STEP, integer_weights, mixture
from idf.models.adaptive.online import _slopes
from idf.models.adaptive.state import first_state
from idf.models.adaptive.steps import CENTRE, LEVEL, make_scratch
from tests.models.small import adaptive_config, random_parameters

X = 45


@numba.njit
def slopes_of(x, constants, weights, state, scratch):
    mixture(0, constants, weights, state, scratch)
    return _slopes(0, x, constants, state, scratch)


def nats(outputs: np.ndarray, plan: Any, state: Any) -> float:
    """Return −ln p of X under the mixture of densities with these ``outputs``, in float64."""
    n, level, predictions = plan.components, state.now[0, LEVEL], state.predictions[0]
    logits, offsets, octaves = outputs[:n], outputs[n : 2 * n], outputs[2 * n : 3 * n]
    experts = 2.0 ** outputs[3 * n : 3 * n + plan.experts]
    mean = (experts / experts.sum()) @ predictions + offsets * float(MEAN_STEP) * level
    bits = np.float32(level).view(np.int32)
    scale = 2.0 ** (np.clip(octaves, LOWEST_OCTAVE, HIGHEST_OCTAVE) + (bits - (127 << 23)) * 2.0**-23)
    shares = np.exp(logits) / np.exp(logits).sum()
    z = (X - mean) / scale
    return float(-np.log((shares / (4 * scale * np.cosh(z / 2) ** 2)).sum()))


def test_slopes_are_the_gradient_of_the_likelihood() -> None:
    model = build_adaptive(adaptive_config())
    constants = model.settings
    weights = integer_weights(constants.plan, model.coding_weights(random_parameters(model)))
    plan, rng = constants.plan, np.random.default_rng(2)
    state, scratch = first_state(constants, 1, weights.last), make_scratch(constants.plan)
    state.now[0, LEVEL] = 50.0
    state.now[0, CENTRE] = 30.0
    state.predictions[0] = rng.normal(30, 40, plan.experts)
    scratch.inputs[:] = rng.normal(size=plan.inputs)
    assert slopes_of(X, constants, weights, state, scratch)
    outputs, found = scratch.outputs.astype(np.float64), state.online.outputs[0]
    for k in range(3 * plan.components + plan.experts):
        step = np.where(np.arange(len(outputs)) == k, 1e-4, 0.0)
        slope = (nats(outputs + step, plan, state) - nats(outputs - step, plan, state)) / 2e-4
        # outputs are rounded to the coder's integers before use
        assert found[k] == pytest.approx(slope, abs=0.02), k


@pytest.fixture(scope="module")
def model() -> AdaptiveModel:
    return build_adaptive(adaptive_config())


def codec_with(model: AdaptiveModel, rate: float) -> AdaptiveCodec:
    plan = model.settings.plan._replace(online=rate > 0)
    settings = model.settings._replace(plan=plan, online_rate=np.float32(rate))
    return codec_of(replace(model, settings=settings), random_parameters(model))


def test_a_badly_fitting_network_improves(model: AdaptiveModel) -> None:
    rng = np.random.default_rng(3)
    samples = np.cumsum(rng.normal(0, 60, (6000, 1)), axis=0).clip(-30000, 30000).astype(np.int32)
    still, learning = codec_with(model, 0), codec_with(model, 0.01)
    assert learning.bits(samples) < still.bits(samples) - 0.05 * len(samples)
    assert np.array_equal(learning.decode(learning.encode(samples), len(samples), 1), samples)


def test_weights_stay_near_their_trained_values(model: AdaptiveModel) -> None:
    codec = codec_with(model, 0.9)
    samples = np.random.default_rng(4).integers(-32768, 32768, (3000, 2)).astype(np.int32)
    constants, weights, tables, state, scratch = codec._loop_arguments([2], [None])
    starts, freqs = np.empty(samples.size, np.int64), np.empty(samples.size, np.int64)
    streams = make_streams([samples.shape])
    streams.samples[:] = samples.ravel()
    LOOPS.intervals(streams, constants, weights, tables, state, scratch, starts, freqs)
    moved = np.abs(state.online.weights - state.online.trained)
    assert 0.1 < moved.max() <= 0.5 + 1e-6
    assert freqs.min() > 0
