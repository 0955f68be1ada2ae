"""Window flows with whitening: training, validation and sampling use the same residuals as coding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from idf.config import Config
from idf.datasets.dataset import open_dataset
from idf.models.build import build_model
from idf.models.load import load_codec
from idf.models.prediction.whitening import WindowWhitening
from idf.models.window.model import WindowModel
from idf.training.coding_check import export_model
from idf.training.families.load import model_nll_bits
from idf.training.families.window import WindowFamily


@pytest.fixture(params=["adaptive", "window"])
def config(tiny: Callable[..., Config], request: pytest.FixtureRequest) -> Config:
    fewer = ["whitening.classes=4"] if request.param == "window" else []
    return tiny(f"whitening={request.param}", "training.sign_flips=false", *fewer)


@pytest.fixture
def model(config: Config) -> WindowModel:
    built = build_model(config)
    assert isinstance(built, WindowModel)
    return built


@pytest.mark.parametrize("config", ["adaptive"], indirect=True)
def test_training_windows_are_cut_from_whitened_clips(config: Config, model: WindowModel) -> None:
    dataset = open_dataset(config.data)
    residuals = [model.residual(dataset.read(clip).samples[:, None])[:, 0] for clip in dataset.train]
    known = {
        window.tobytes() for clip in residuals for window in np.lib.stride_tricks.sliding_window_view(clip, 64).copy()
    }
    batches = list(WindowFamily(config, model, dataset).batches(0).as_numpy_iterator())
    assert len(batches) == 8
    assert all(window.tobytes() in known for batch in batches for window in batch)


def test_each_training_window_is_predicted_independently(tiny: Callable[..., Config]) -> None:
    config = tiny("whitening=window", "whitening.classes=4", "whitening.order=8", "training.sign_flips=false")
    dataset = open_dataset(config.data)
    built = build_model(config)
    assert isinstance(built, WindowModel)
    family = WindowFamily(config, built, dataset)
    family.start()
    model = family.model
    assert not np.array_equal(model.constants["whitening/means"], built.constants["whitening/means"])
    step = model.whitening
    assert isinstance(step, WindowWhitening)
    samples = {
        window.tobytes()
        for clip in dataset.train
        for window in np.lib.stride_tricks.sliding_window_view(dataset.read(clip).samples, 64).copy()
    }
    batches = list(family.batches(0).as_numpy_iterator())
    assert len(batches) == 8
    for batch in batches:
        windows = np.stack([step.inverse(row[:, None])[:, 0] for row in batch])
        assert all(window.tobytes() in samples for window in windows)
        assert not any(window.tobytes() in samples for window in batch)


def test_a_random_start_is_not_fitted(tiny: Callable[..., Config]) -> None:
    config = tiny("whitening=window", "training.start=random")
    built = build_model(config)
    assert isinstance(built, WindowModel)
    family = WindowFamily(config, built, open_dataset(config.data))
    family.start()
    assert family.model is built


def test_the_start_is_fitted_to_residuals(config: Config, model: WindowModel) -> None:
    dataset = open_dataset(config.data)
    whitened = WindowFamily(config, model, dataset).start()
    plain = WindowFamily(config, replace(model, whitening=None), dataset).start()
    name = f"{model.hierarchy.prior.name}/linear"  # type: ignore[attr-defined]
    assert not np.allclose(whitened[name], plain[name], atol=0.1)


def test_validation_matches_file_sizes(config: Config, model: WindowModel, tmp_path: Path) -> None:
    dataset, weights = open_dataset(config.data), model.initial_parameters(0)
    export_model(tmp_path / "m.idfm", model, weights, None, config, {})
    clips = [dataset.read(clip).samples for clip in dataset.validation]
    bits = sum(model_nll_bits(tmp_path / "m.idfm", clips))
    constants = {name: tf.constant(value) for name, value in weights.items()}
    scorer = WindowFamily(config, model, dataset).scorer(constants)
    found = scorer.bits_per_sample(dataset.validation, None, lambda: False)
    samples = sum(map(len, clips))
    assert found == pytest.approx(bits / samples, rel=1e-3)
    codec = load_codec(tmp_path / "m.idfm")
    size = 8 * sum(len(codec.encode(clip[:, None])) for clip in clips)
    assert size == pytest.approx(bits, rel=0.005, abs=100)


def test_samples_are_drawn_by_inverting_drawn_residuals(config: Config, model: WindowModel) -> None:
    weights, dataset = model.initial_parameters(0), open_dataset(config.data)
    drawn = WindowFamily(config, model, dataset).draw(weights, 500, 3, None)
    residual = WindowFamily(config, replace(model, whitening=None), dataset).draw(weights, 500, 3, None)
    assert drawn.dtype == np.int32
    np.testing.assert_array_equal(model.residual(drawn[:, None])[:, 0], residual)
