"""Loading of codecs from model files and saving of models, whatever their family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from idf.config.schema import WINDOW, Config, family_name
from idf.errors import ConfigError
from idf.models.file import read_model_file
from idf.models.interface import Codec, Model
from idf.models.saved import stored_config

# Imports are deferred, so that each family loads only what it needs.


def load_codec(path: Path | str, coder: str = "rans") -> Codec:
    """Return the codec of a model file.

    Args:
        coder: ``rans``, or ``craystack`` for window flows other than subband flows.

    Raises:
        RunError: the file is missing, damaged, or from another version.
        ConfigError: the model cannot use this coder.
    """
    file = read_model_file(path)
    config = stored_config(path, file)
    family = family_name(config)
    if coder != "rans" and family != WINDOW:
        raise ConfigError([f"coder={coder}: flows that predict sample by sample support only rans"])
    match family:
        case "adaptive":
            from idf.models.adaptive.codec import open_adaptive

            return open_adaptive(path, file, config)
        case "turbo":
            from idf.models.turbo.codec import open_turbo

            return open_turbo(path, file, config)
        case "bands":
            from idf.models.bands.codec import open_bands

            return open_bands(path, file, config)
    from idf.models.window.codec import open_window

    return open_window(path, file, config, coder)


def save_model(
    path: Path | str,
    config: Config,
    model: Model,
    parameters: Mapping[str, np.ndarray],
    log_scale: float | None,
    provenance: Mapping[str, Any],
) -> None:
    """Write the model file, the only file that coding needs.

    Args:
        model: built from ``config`` by :func:`idf.models.build.build_model`.
        parameters: trained values, float32.
        log_scale: sharpness of a window flow's last block (nats, [-1, 1) scale); None if it is learned.
        provenance: strings and numbers to store with the model.

    Raises:
        RunError: a parameter is not finite.
        OutputError: the file cannot be written.
    """
    match family_name(config):
        case "adaptive":
            from idf.models.adaptive.codec import AdaptiveModel, save_adaptive

            save_adaptive(path, config, cast(AdaptiveModel, model), parameters, provenance)
        case "turbo":
            from idf.models.turbo.codec import TurboModel, save_turbo

            save_turbo(path, config, cast(TurboModel, model), parameters, provenance)
        case "bands":
            from idf.models.bands.codec import BandModel, save_bands

            save_bands(path, config, cast(BandModel, model), parameters, provenance)
        case _:
            from idf.models.window.codec import WindowModel, save_window

            save_window(path, config, cast(WindowModel, model), parameters, log_scale, provenance)
