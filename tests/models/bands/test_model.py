"""Subband models: parts, impossible settings, and the initial state of predictors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from idf.config.model_checks import band_problems, model_problems
from idf.config.schema import BandsConfig, Config
from idf.models.bands.codec import codec_of
from idf.models.bands.features import FEATURES, PLACE_FEATURES, log2, lower_features, place_features
from idf.models.bands.initial_state import fitted
from idf.models.bands.model import BandModel, build_bands
from tests.models.small import bands_config, random_parameters
from tests.signals import speech, tone


def test_the_default_configuration_is_sound() -> None:
    assert model_problems(Config()) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("levels", -1, "levels=-1"),
        ("levels", 9, "levels=9"),
        ("levels", 8, "half_taps"),
        ("half_taps", [24, 16], "a number for each of levels=3"),
        ("half_taps", [24, 16, 40], "numbers from 1 to 32"),
        ("start_samples", 0.0, "start_samples"),
        ("hidden", 50, "multiple of 32"),
        ("experts", [[0, 200]], "stages=64"),
    ],
)
def test_impossible_settings_are_named(name: str, value: Any, message: str) -> None:
    config = Config()
    config.model.bands = BandsConfig(half_taps=[24, 16, 12])
    setattr(config.model.bands, name, value)
    assert any(message in problem and "model.bands" in problem for problem in band_problems(config))


def test_more_splits_than_a_window_has_samples_are_refused() -> None:
    config = bands_config(window=4)
    assert any("too many for model.window=4" in problem for problem in band_problems(config))


def test_whitening_is_for_other_layouts() -> None:
    config = Config()
    config.whitening.kind = "adaptive"
    assert any("layout=bands contains these predictors" in problem for problem in model_problems(config))


def test_context_is_for_subbands() -> None:
    config = Config(context="previous")
    config.layout.prior = "channelwise"
    assert any("choose layout=bands" in problem for problem in model_problems(config))
    adaptive = Config(context="previous")
    adaptive.model.family, adaptive.model.window = "adaptive", 1
    assert any("no windows" in problem for problem in model_problems(adaptive))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 64, 65])
def test_lengths_match_the_blocks(model: BandModel, length: int) -> None:
    blocks, lows = model.split(tone(length)[None])
    assert [block.shape[1] for block in blocks] == model.lengths(length)
    assert sum(model.lengths(length)) == length
    low = blocks[0]
    for number, block in enumerate(blocks[1:], 1):
        np.testing.assert_array_equal(low, lows[number - 1])
        low = model.merged(number, low, block)
    np.testing.assert_array_equal(low[0], tone(length))


@pytest.mark.parametrize("count", [1, 64, 200])
def test_traces_have_a_row_for_each_latent(model: BandModel, count: int) -> None:
    traces = model.traces(tone(count))
    assert [len(trace.inputs) for trace in traces] == model.row_counts(count)
    assert sum(model.row_counts(count)) == count
    assert all(np.isfinite(trace.inputs).all() and np.isfinite(trace.targets).all() for trace in traces)


def test_the_training_likelihood_equals_the_coded_bits(model: BandModel) -> None:
    import tensorflow as tf

    from idf.training.families.bands import band_bits

    samples = np.random.default_rng(2).integers(-60, 61, 640).astype(np.int32)
    # Samples must not surprise the untrained model too much, because the coder spends at most 28 bits on a symbol.
    model, parameters = fitted(model, [samples], 24.0), random_parameters(model, scale=0.01)
    rows = [np.concatenate([t.inputs, t.targets], 1) for t in model.traces(samples)]
    windows = np.concatenate([table.reshape(10, -1, table.shape[1]) for table in rows], 1)
    found = band_bits(model, parameters, tf.constant(windows))
    assert found.names == model.names
    bits = float(np.sum(found.bits.numpy(), dtype=np.float64))
    assert codec_of(model, parameters).bits(samples[:, None]) == pytest.approx(bits, rel=2e-3)
    assert float(np.sum(found.block_bits)) * 640 == pytest.approx(bits, rel=1e-5)


def test_constants_restore_a_model(config: Config, model: BandModel) -> None:
    whole = fitted(model, [tone(3000)], 24.0)
    again = build_bands(config, whole.constants)
    parameters = random_parameters(model)
    samples = tone(500, seed=3)[:, None]
    assert codec_of(again, parameters).encode(samples) == codec_of(whole, parameters).encode(samples)


def test_a_fitted_initial_state_predicts_better() -> None:
    model = build_bands(bands_config(levels=1))
    voice = speech(20_000, seed=1)
    fresh, begun = (m.traces(voice[10000:]) for m in (model, fitted(model, [voice[:10000]], 24.0)))
    for before, after in zip(fresh, begun, strict=True):
        assert np.mean(np.abs(after.targets[:, 0])) < 0.9 * np.mean(np.abs(before.targets[:, 0]))


def test_above_a_busier_signal_a_louder_band_is_expected(model: BandModel) -> None:
    quiet = tone(64, amplitude=100)[None]
    bands = [model.band(2, model.split(x)[1][1], (1, 16), 0) for x in (quiet, quiet * 50)]
    assert bands[1].scales[0] > 10 * bands[0].scales[0]
    assert np.all(bands[1].features[..., PLACE_FEATURES:] > bands[0].features[..., PLACE_FEATURES:])


def test_features_are_finite_for_every_signal() -> None:
    for x in (np.zeros((1, 9)), np.full((1, 1), -32768), np.where(np.arange(9) % 2, 32767, -32768)[None]):
        found = lower_features(x.astype(np.int32), x.shape[1])
        assert found.dtype == np.float32
        assert np.all((found >= 0) & (found < 5))
    place = place_features(0, 40000)
    assert place.shape[1] + found.shape[2] == FEATURES
    assert np.all(np.isfinite(place))
    np.testing.assert_array_equal(log2(np.array([1, 2, 3, 4], np.float32)), [0, 1, 1.5, 2])
