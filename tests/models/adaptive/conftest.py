"""A small adaptive model with random weights: what it predicts is poor, what it codes must come back all the same."""

from __future__ import annotations

import numpy as np
import pytest

from idf.config.schema import AdaptiveConfig, Config, ModelConfig
from idf.models.adaptive.codec import AdaptiveCodec, codec_of
from idf.models.adaptive.model import AdaptiveModel, build_adaptive


def small_config() -> Config:
    """An adaptive model of 8 stages and 4 experts."""
    adaptive = AdaptiveConfig(
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
    return Config(model=ModelConfig(name="adaptive", family="adaptive", window=1, adaptive=adaptive))


@pytest.fixture(scope="session")
def config() -> Config:
    return small_config()


@pytest.fixture(scope="session")
def model(config: Config) -> AdaptiveModel:
    return build_adaptive(config)


@pytest.fixture(scope="session")
def parameters(model: AdaptiveModel) -> dict[str, np.ndarray]:
    """Random in the last layer too, so that every output depends on every input."""
    rng = np.random.default_rng(7)
    return {
        name: value + rng.normal(size=value.shape).astype(np.float32) * (0.1 if name.startswith("last") else 0)
        for name, value in model.initial_parameters(3).items()
    }


@pytest.fixture(scope="session")
def codec(model: AdaptiveModel, parameters: dict[str, np.ndarray]) -> AdaptiveCodec:
    return codec_of(model, parameters)
