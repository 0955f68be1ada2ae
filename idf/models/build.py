"""From configuration to model: the one place where flows and priors are put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from idf.config.model_checks import model_problems
from idf.config.schema import Config
from idf.errors import ConfigError
from idf.models.window.model import WindowModel, build_window_model

if TYPE_CHECKING:
    from idf.models.adaptive.model import AdaptiveModel
    from idf.models.bands.model import BandModel


def build_model(
    config: Config, constants: Mapping[str, np.ndarray] | None = None
) -> WindowModel | AdaptiveModel | BandModel:
    """Build the model that ``config`` describes.

    Args:
        constants: the stored arrays of an earlier model with this configuration; drawn if None.

    Raises:
        ConfigError: a combination that cannot be built; every problem at once.
    """
    problems = model_problems(config)
    if problems:
        raise ConfigError(problems)
    if config.model.family == "adaptive":
        from idf.models.adaptive.model import build_adaptive  # deferred: loads the compiler

        return build_adaptive(config, constants)
    if config.layout.prior == "bands":
        from idf.models.bands.model import build_bands  # deferred likewise

        return build_bands(config, constants)
    return build_window_model(config, constants)
