"""A small model of three splits with random weights: what it predicts is poor, what it codes must come back."""

from __future__ import annotations

import numpy as np
import pytest

from idf.config.schema import BandsConfig, Config, ModelConfig
from idf.models.bands.codec import BandCodec, codec_of
from idf.models.bands.model import BandModel, build_bands

CONTEXTS = ("none", "previous")


def small_config(context: str = "none", *, window: int = 64, levels: int = 3) -> Config:
    """Windows of 64 samples, 8 stages, 4 experts."""
    bands = BandsConfig(
        levels=levels,
        half_taps=[6, 4, 2],
        stages=8,
        experts=[[1, 4], [3, 8], [6, 8]],
        cascades=[1],
        filter_orders=[32, 16],
        filter_rates=[0.005, 0.004],
        past=4,
        hidden=32,
        layers=1,
        components=2,
    )
    return Config(model=ModelConfig(name="tiny", window=window, bands=bands), context=context)


def random_parameters(model: BandModel, seed: int = 7, scale: float = 0.1) -> dict[str, np.ndarray]:
    """Random in the last layers too, so that every output depends on every input."""
    rng = np.random.default_rng(seed)
    return {
        name: value + rng.normal(size=value.shape).astype(np.float32) * (scale if "/last/" in name else 0)
        for name, value in model.initial_parameters(3).items()
    }


@pytest.fixture(scope="session", params=CONTEXTS)
def config(request: pytest.FixtureRequest) -> Config:
    return small_config(request.param)


@pytest.fixture(scope="session")
def model(config: Config) -> BandModel:
    return build_bands(config)


@pytest.fixture(scope="session")
def parameters(model: BandModel) -> dict[str, np.ndarray]:
    return random_parameters(model)


@pytest.fixture(scope="session")
def codec(model: BandModel, parameters: dict[str, np.ndarray]) -> BandCodec:
    return codec_of(model, parameters)
