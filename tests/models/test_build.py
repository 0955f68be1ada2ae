"""Whole models: every layout is exactly invertible and has the same likelihood in both arithmetics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from idf.arithmetic.exact import Exact
from idf.config.schema import (
    PERMUTATIONS,
    Config,
    LayoutConfig,
    ModelConfig,
    PermutationConfig,
    SharpnessConfig,
    WidthConfig,
)
from idf.errors import ConfigError
from idf.models.build import build_model
from idf.models.window.model import WindowModel
from idf.models.window.sampling import draw
from idf.priors.likelihood import mixture_bits
from idf.priors.mixture import Mixture
from idf.training.families.window import training_bits
from tests.models.small import FLOW, WIDTH

A = Exact()
TINY = replace(WIDTH, components=2)
ORIGINAL = LayoutConfig(
    name="original",
    channels=16,
    prior="wavenet",
    steps_per_factor=4,
    factor_channels=4,
    split_fraction=0.25,
    level_equivariant=False,
    linear_skip=False,
    scales=1,
)
SMALL_ORIGINAL = replace(ORIGINAL, channels=4, factor_channels=2, steps_per_factor=1, split_fraction=0.5)
LAYOUTS = {
    "flow": FLOW,
    "flow, one scale": replace(FLOW, channels=8, scales=1),
    "flow, predicting couplings": replace(FLOW, coupling="predict"),
    "flow, two split couplings": replace(FLOW, coupling="split", split_fraction=0.75, steps_per_factor=2),
    "channelwise": LayoutConfig(channels=4, scales=2),
    "channelwise, one scale": LayoutConfig(channels=8, scales=1),
    "original": SMALL_ORIGINAL,
    "original, equivariant": replace(SMALL_ORIGINAL, level_equivariant=True, linear_skip=True),
    "original, one channel at a time": replace(SMALL_ORIGINAL, factor_channels=1),
}


def config(layout: LayoutConfig, kind: str = "learned") -> Config:
    return Config(model=ModelConfig("test", window=64), layout=layout, width=TINY, sharpness=SharpnessConfig(kind=kind))


def parameters(model: WindowModel) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        name: v + rng.normal(size=v.shape).astype(np.float32) * 0.05 for name, v in model.initial_parameters(0).items()
    }


def signals(length: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(length)
    return np.stack(
        [
            np.zeros(length),
            np.full(length, -32768),
            np.where(t % 10 < 5, -32768, 32767),
            rng.integers(-32768, 32768, length),
            np.round(np.cumsum(rng.normal(size=length)) * 200),
        ]
    ).astype(np.int32)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("length", [64, 32])
def test_inverse_undoes_forward_and_asks_for_the_same_distributions(layout: LayoutConfig, length: int) -> None:
    model = build_model(config(layout))
    p = model.quantise(A, parameters(model))
    x = signals(length).astype(np.float64)
    blocks = list(model.blocks(A, p, x, -5.0))
    assert sum(block.latents[0].size for block in blocks) == length
    waiting = iter(reversed(blocks))

    def pop(mixture: Mixture) -> np.ndarray:
        block = next(waiting)
        for field in ("logits", "means", "octaves"):
            assert np.array_equal(getattr(mixture, field), getattr(block.mixture, field)), block.name
        return block.latents

    assert np.array_equal(model.windows(A, p, pop, np.zeros_like(x), -5.0), x)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_training_reports_the_likelihood_of_what_is_coded(layout: LayoutConfig) -> None:
    model = build_model(config(layout, "constant"))
    values, x = parameters(model), signals(64)
    ours = training_bits(model, {n: tf.constant(v) for n, v in values.items()}, tf.constant(x), -5.0)
    blocks = list(model.blocks(A, model.quantise(A, values), x.astype(np.float64), -5.0))
    assert ours.names == tuple(block.name for block in blocks)
    exact = np.zeros(len(x))
    for block in blocks:
        floats = Mixture(*(tf.constant(getattr(block.mixture, f), tf.float32) for f in ("logits", "means", "octaves")))
        exact += mixture_bits(tf.constant(block.latents, tf.float32), floats).numpy().sum((1, 2))
    np.testing.assert_allclose(ours.bits.numpy(), exact, rtol=0.01)
    assert ours.block_bits.numpy().sum() * 64 == pytest.approx(ours.bits.numpy().mean(), rel=1e-4)
    assert ours.log_scales.shape == (len(blocks), 3)
    mean, high, low = ours.log_scales.numpy().T
    assert np.all(low <= mean + 1e-5)
    assert np.all(mean <= high + 1e-5)
    assert high[-1] == pytest.approx(-5.0, abs=0.02)


@pytest.mark.parametrize("layout", ["channelwise", "flow", "flow, two split couplings"])
def test_every_parameter_has_a_gradient(layout: str) -> None:
    model = build_model(config(LAYOUTS[layout]))
    variables = {name: tf.Variable(v) for name, v in parameters(model).items()}
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(training_bits(model, variables, tf.constant(signals(64)), None).bits)
    gradients = dict(zip(variables, tape.gradient(loss, list(variables.values())), strict=True))
    assert all(gradient is not None and np.any(gradient) for gradient in gradients.values()), gradients.keys()


def test_the_original_has_as_many_parameters_as_published() -> None:
    width = WidthConfig(name="original", components=10, wavenet_layers=8, wavenet_channels=256, wavenet_kernel=3)
    whole = Config(layout=ORIGINAL, width=width, sharpness=SharpnessConfig(kind="step"))
    model = build_model(whole)
    assert sum(int(np.prod(spec.shape)) for spec in model.specs.values()) == 78_741_984
    assert len(model.constants) == 16


def test_permutations_are_stored_not_drawn_again() -> None:
    drawn = build_model(config(SMALL_ORIGINAL)).constants
    turned = {name: order[::-1].copy() for name, order in drawn.items()}
    again = build_model(config(SMALL_ORIGINAL), turned)
    assert all(np.array_equal(again.constants[name], turned[name]) for name in drawn)
    assert np.array_equal(again.hierarchy.steps[0][0].order, turned["permutation/0"])


@pytest.mark.parametrize("kind", PERMUTATIONS)
@pytest.mark.parametrize(("layout", "count"), [(SMALL_ORIGINAL, 2), (FLOW, 3)], ids=["original", "flow"])
def test_permutation_kinds(layout: LayoutConfig, count: int, kind: str) -> None:
    whole = config(layout)
    whole.permutation = PermutationConfig(kind=kind, seed=7)
    assert len(build_model(whole).constants) == count


def test_permutations_determine_the_order_in_which_channels_leave() -> None:
    def leaving(kind: str) -> list[int]:
        whole = config(replace(FLOW, channels=8, scales=1))
        whole.permutation = PermutationConfig(kind=kind, seed=7)
        return [int(channel[0]) for _, channel in build_model(whole).hierarchy.channel_orders()]

    assert leaving("identity") == [7, 6, 5, 4, 3, 2, 1]
    assert leaving("reverse") == [0, 7, 1, 6, 2, 5, 3]
    assert leaving("bit_reversal") == [7, 3, 5, 1, 6, 2, 4]
    assert len({tuple(leaving(kind)) for kind in PERMUTATIONS}) == len(PERMUTATIONS)


def test_the_couplings_of_the_flow_move_samples() -> None:
    """Untrained couplings are the identity; trained ones change the latents."""
    model = build_model(config(FLOW))
    x = signals(64).astype(np.float64)
    start = model.quantise(A, model.initial_parameters(0))
    still = [block.latents for block in model.blocks(A, start, x, -5.0)]
    order = [int(leaving[0]) for _, leaving in model.hierarchy.channel_orders()]
    assert all(np.array_equal(z[..., 0], x.reshape(5, 16, 4)[..., c]) for z, c in zip(still, order, strict=False))
    moved = [block.latents for block in model.blocks(A, model.quantise(A, parameters(model)), x, -5.0)]
    assert any(not np.array_equal(one, other) for one, other in zip(still, moved, strict=True))


def test_parameters_start_the_same_for_the_same_seed_only() -> None:
    model = build_model(config(LAYOUTS["channelwise"]))
    first, again, other = (model.initial_parameters(seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("samples", [0, 1, 15, 16, 63, 64, 65, 200])
@pytest.mark.parametrize("layout", ["channelwise", "original", "flow"])
def test_cut_keeps_every_sample(layout: str, samples: int) -> None:
    model = build_model(config(LAYOUTS[layout]))
    x = np.arange(samples, dtype=np.int32) + 1
    parts = model.cut(x)
    joined = np.concatenate([np.zeros(0, np.int32), *(part.windows.reshape(-1) for part in parts)])
    coded = np.concatenate([np.zeros(0, bool), *(part.coded.reshape(-1) for part in parts)])
    assert np.array_equal(joined[:samples], x)
    assert coded[:samples].all()
    assert len(joined) - samples < model.multiple
    assert coded[samples:].all() == (layout != "channelwise" or len(joined) == samples)


def test_padding_that_is_not_coded_costs_nothing() -> None:
    model = build_model(config(LAYOUTS["channelwise"]))
    values = {n: tf.constant(v) for n, v in parameters(model).items()}
    (part,) = model.cut(np.arange(33, dtype=np.int32))
    counted = training_bits(model, values, tf.constant(part.windows), None, tf.constant(part.coded, tf.float32))
    everything = training_bits(model, values, tf.constant(part.windows), None)
    assert 0 < counted.bits.numpy()[0] < everything.bits.numpy()[0]


@pytest.mark.parametrize("layout", ["channelwise", "original", "flow"])
def test_samples_are_drawn_from_the_model(layout: str) -> None:
    model = build_model(config(LAYOUTS[layout], "constant"))
    values = parameters(model)
    drawn = draw(model, values, 150, seed=3, log_scale=-6.0)
    assert drawn.shape == (150,)
    assert drawn.dtype == np.int32
    assert len(np.unique(drawn)) > 20
    assert np.array_equal(drawn, draw(model, values, 150, seed=3, log_scale=-6.0))
    assert not np.array_equal(drawn, draw(model, values, 150, seed=4, log_scale=-6.0))


def test_all_problems_at_once() -> None:
    wrong = config(
        LayoutConfig(channels=6, prior="channelwise", factor_channels=4, steps_per_factor=2, linear_skip=False)
    )
    with pytest.raises(ConfigError) as caught:
        build_model(wrong)
    text = "\n".join(caught.value.problems)
    for part in ("must divide", "must be divisible", "one channel at a time", "leaves samples in place", "linear_skip"):
        assert part in text
