"""Models as coders of samples, whatever their family: loaded from their file, and saved to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from idf.config.schema import ADAPTIVE, BANDS, WINDOW, Config, family_name
from idf.errors import ConfigError, RunError
from idf.models.file import read_model_file

if TYPE_CHECKING:
    from idf.models.adaptive.codec import AdaptiveCodec
    from idf.models.bands.codec import BandCodec
    from idf.models.window.codec import WindowCodec

    Codec: TypeAlias = WindowCodec | AdaptiveCodec | BandCodec


def load_codec(path: Path | str, coder: str = "rans") -> Codec:
    """The codec of a model file.

    Args:
        coder: ``rans`` or ``craystack``; adaptive flows and those of subbands know only the first.

    Raises:
        RunError: the file is missing, damaged, or of another version.
        ConfigError: a coder that the model cannot use.
    """
    # Deferred: each family loads only what it needs.
    file = read_model_file(path)
    config = file.header.get("config")
    model = config.get("model") if isinstance(config, dict) else None
    if not isinstance(model, dict):
        raise RunError(f"{path} does not say what model it holds; export it again from its run")
    layout = config.get("layout") if isinstance(config, dict) else None
    adaptive = model.get("family", WINDOW) == ADAPTIVE
    bands = not adaptive and isinstance(layout, dict) and layout.get("prior") == BANDS
    if adaptive or bands:
        if coder != "rans":
            raise ConfigError([f"coder={coder}: flows that predict sample by sample code with rans only"])
        if adaptive:
            from idf.models.adaptive.codec import adaptive_codec

            return adaptive_codec(path, file)
        from idf.models.bands.codec import bands_codec

        return bands_codec(path, file)
    from idf.models.window.codec import window_codec

    return window_codec(path, file, coder)


def save_model(
    path: Path | str,
    config: Config,
    model: Any,
    parameters: Mapping[str, np.ndarray],
    log_scale: float | None,
    provenance: Mapping[str, Any],
) -> None:
    """Write the one file that coding needs.

    Args:
        model: what :func:`idf.models.build.build_model` built from ``config``.
        parameters: trained values, float32.
        log_scale: a window flow's last block's sharpness (nats, [-1, 1) scale); None where it is learned.
        provenance: strings and numbers to keep with the model.

    Raises:
        RunError: a parameter is not finite.
    """
    family = family_name(config)
    if family == BANDS:
        from idf.models.bands.codec import save_bands

        save_bands(path, config, model, parameters, provenance)
        return
    if family == ADAPTIVE:
        from idf.models.adaptive.codec import save_adaptive

        save_adaptive(path, config, model, parameters, provenance)
        return
    from idf.models.window.codec import save_window_model

    save_window_model(path, config, model, parameters, log_scale, provenance)


def load_again(path: Path, coder: str, fingerprint: bytes) -> Codec:
    """The same codec in another process."""
    codec = load_codec(path, coder)
    if codec.fingerprint != fingerprint:
        raise RunError(f"{path} was replaced by another model while it was in use; start again")
    return codec
