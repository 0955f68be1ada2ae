"""A small model with three splits and random weights, in both contexts."""

from __future__ import annotations

import numpy as np
import pytest

from idf.config.schema import Config
from idf.models.bands.codec import BandCodec, codec_of
from idf.models.bands.model import BandModel, build_bands
from tests.models.small import bands_config, random_parameters


@pytest.fixture(scope="session", params=("none", "previous"))
def config(request: pytest.FixtureRequest) -> Config:
    return bands_config(request.param)


@pytest.fixture(scope="session")
def model(config: Config) -> BandModel:
    return build_bands(config)


@pytest.fixture(scope="session")
def parameters(model: BandModel) -> dict[str, np.ndarray]:
    return random_parameters(model)


@pytest.fixture(scope="session")
def codec(model: BandModel, parameters: dict[str, np.ndarray]) -> BandCodec:
    return codec_of(model, parameters)
