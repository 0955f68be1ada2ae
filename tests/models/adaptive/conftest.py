"""A small adaptive model with random weights."""

from __future__ import annotations

import numpy as np
import pytest

from idf.models.adaptive.codec import AdaptiveCodec, codec_of
from idf.models.adaptive.model import AdaptiveModel, build_adaptive
from tests.models.small import adaptive_config, random_parameters


@pytest.fixture(scope="session")
def model() -> AdaptiveModel:
    return build_adaptive(adaptive_config())


@pytest.fixture(scope="session")
def parameters(model: AdaptiveModel) -> dict[str, np.ndarray]:
    return random_parameters(model)


@pytest.fixture(scope="session")
def codec(model: AdaptiveModel, parameters: dict[str, np.ndarray]) -> AdaptiveCodec:
    return codec_of(model, parameters)
