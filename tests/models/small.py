"""Tiny models of every family with random weights, which predict poorly but must code exactly.

Everything goes through the dispatchers (:mod:`idf.models.build`, :mod:`idf.models.load`), so a new family needs only
one line in :data:`CONFIGS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from idf.config.schema import (
    AdaptiveConfig,
    BandsConfig,
    Config,
    LayoutConfig,
    ModelConfig,
    SharpnessConfig,
    TurboConfig,
    WhiteningConfig,
    WidthConfig,
)
from idf.models.build import build_model
from idf.models.load import save_model
from idf.models.window.model import WindowModel

WINDOW = 64
WIDTH = WidthConfig(
    name="tiny",
    components=3,
    hidden=8,
    blocks=1,
    context_frames=1,
    experts=3,
    coupling_hidden=8,
    wavenet_layers=2,
    wavenet_channels=8,
    wavenet_kernel=3,
)
CHANNELWISE = LayoutConfig(channels=4, scales=2)
ONE_SCALE = LayoutConfig(channels=8, scales=1)
EQUIVARIANT = LayoutConfig(
    name="original", channels=8, prior="wavenet", steps_per_factor=1, factor_channels=2, split_fraction=0.5, scales=1
)
ORIGINAL = LayoutConfig(
    name="original",
    channels=8,
    prior="wavenet",
    steps_per_factor=1,
    factor_channels=2,
    split_fraction=0.5,
    level_equivariant=False,
    linear_skip=False,
    scales=1,
)
FLOW = LayoutConfig(name="flow", channels=4, prior="tracked", steps_per_factor=1, coupling="update", scales=2)
FLOW_ONE_SCALE = LayoutConfig(name="flow", channels=8, prior="tracked", steps_per_factor=1, coupling="update", scales=1)
_PREDICTORS: dict[str, Any] = {
    "stages": 8,
    "experts": [[1, 4], [3, 8], [6, 8]],
    "cascades": [1],
    "filter_orders": [32, 16],
    "filter_rates": [0.005, 0.004],
    "past": 4,
    "hidden": 32,
    "layers": 1,
    "components": 2,
}


def window_config(layout: LayoutConfig, *, sharpness: str = "constant", whitening: str = "none") -> Config:
    """Return a window flow with windows of 64 samples."""
    return Config(
        model=ModelConfig("test", window=WINDOW),
        layout=layout,
        width=WIDTH,
        sharpness=SharpnessConfig(kind=sharpness),
        whitening=WhiteningConfig(kind=whitening),
    )


def predicted_config(layout: LayoutConfig = CHANNELWISE) -> Config:
    """Return a window flow after prediction within windows, with four classes."""
    config = window_config(layout)
    return replace(config, whitening=WhiteningConfig(kind="window", cascades=[], classes=4, order=6))


def adaptive_config() -> Config:
    """Return an adaptive flow with 8 stages and 4 experts."""
    adaptive = AdaptiveConfig(**_PREDICTORS)
    return Config(model=ModelConfig(name="adaptive", family="adaptive", window=1, adaptive=adaptive))


def bands_config(context: str = "none", *, window: int = WINDOW, levels: int = 3) -> Config:
    """Return a subband flow with windows of 64 samples, 8 stages and 4 experts."""
    bands = BandsConfig(levels=levels, half_taps=[6, 4, 2], **_PREDICTORS)
    return Config(model=ModelConfig(name="tiny", window=window, bands=bands), context=context)


def turbo_config() -> Config:
    """Return a turbo flow with short filters."""
    turbo = TurboConfig(near_order=8, joint_order=8, joint_every=16, filter_orders=[32, 16], filter_rates=[0.1, 0.1])
    return Config(model=ModelConfig(name="turbo", family="turbo", window=1, turbo=turbo))


CONFIGS: dict[str, Callable[[], Config]] = {
    "window channelwise": lambda: window_config(CHANNELWISE),
    "window channelwise, one scale": lambda: window_config(ONE_SCALE),
    "window channelwise, learned sharpness": lambda: window_config(CHANNELWISE, sharpness="learned"),
    "window flow": lambda: window_config(FLOW),
    "window flow, one scale, learned sharpness": lambda: window_config(FLOW_ONE_SCALE, sharpness="learned"),
    "window original": lambda: window_config(ORIGINAL),
    "window original, equivariant": lambda: window_config(EQUIVARIANT),
    "window whitened": lambda: window_config(CHANNELWISE, whitening="adaptive"),
    "window predicted": predicted_config,
    "window flow, predicted": lambda: predicted_config(FLOW),
    "window flow, no couplings": lambda: window_config(replace(FLOW, coupling="none")),
    "bands": bands_config,
    "bands previous": lambda: bands_config("previous"),
    "bands, no split": lambda: bands_config(levels=0),
    "bands, one split": lambda: bands_config(levels=1),
    "adaptive": adaptive_config,
    "turbo": turbo_config,
}
"""Configurations of every family and layout."""
FAMILIES = ("window channelwise", "bands", "adaptive", "turbo")
"""One of each family."""


def random_parameters(model: Any, *, scale: float | None = None, seed: int = 7) -> dict[str, np.ndarray]:
    """Return parameters, float32, with which every output depends on every input.

    Args:
        scale: standard deviation of the noise, by default 0.03 in all layers of window flows and 0.1 in the last
            layers of the others.
    """
    window = isinstance(model, WindowModel)
    scale = (0.03 if window else 0.1) if scale is None else scale
    rng = np.random.default_rng(seed)
    return {
        name: value + rng.normal(size=value.shape).astype(np.float32) * (scale if window or "last/" in name else 0)
        for name, value in model.initial_parameters(3).items()
    }


def save_small(
    path: Path,
    config: Config,
    *,
    log_scale: float = -5.0,
    provenance: Mapping[str, Any] | None = None,
    parameters: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] = lambda values: values,
) -> Path:
    """Write the model file of a configuration with random parameters.

    Args:
        parameters: transforms the parameters before they are saved.
    """
    model = build_model(config)
    sharpness = None if config.sharpness.kind == "learned" else log_scale
    save_model(path, config, model, parameters(random_parameters(model)), sharpness, provenance or {"run": "test"})
    return path


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, np.ndarray]], None]) -> Path:
    """Change a model file in place, as an attacker might.

    Args:
        change: modifies the header and the arrays by name.
    """
    with np.load(path) as file:
        arrays = {name: file[name].copy() for name in file.files}
    header = json.loads(arrays.pop("header").tobytes())
    change(header, arrays)
    with path.open("wb") as target:
        np.savez(target, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    return path
