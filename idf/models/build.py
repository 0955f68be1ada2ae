"""Construction of the model that a configuration describes, whatever its family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from idf.config.model_checks import model_problems
from idf.config.schema import Config, family_name
from idf.errors import ConfigError
from idf.models.interface import Model


def build_model(config: Config, constants: Mapping[str, np.ndarray] | None = None) -> Model:
    """Build the model that ``config`` describes.

    Args:
        constants: the stored arrays of an earlier model with this configuration; drawn if None.

    Raises:
        ConfigError: the model cannot be built; the error lists every problem.
    """
    if problems := model_problems(config):
        raise ConfigError(problems)
    # Deferred: the adaptive families load the compiler.
    match family_name(config):
        case "adaptive":
            from idf.models.adaptive.model import build_adaptive

            return build_adaptive(config, constants)
        case "turbo":
            from idf.models.turbo.model import build_turbo

            return build_turbo(config)
        case "bands":
            from idf.models.bands.model import build_bands

            return build_bands(config, constants)
    from idf.models.window.model import build_window

    return build_window(config, constants)
