"""From configuration to model: the one place where flows and priors are put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from idf.config.schema import Config, WidthConfig
from idf.errors import ConfigError
from idf.models.window.model import WindowModel, _seen, build_window_model

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


def model_problems(config: Config) -> list[str]:
    """What keeps ``config`` from describing a model, a sentence each."""
    if config.model.family == "adaptive":
        from idf.models.adaptive.model import adaptive_problems  # deferred: loads the compiler

        problems = list(adaptive_problems(config.model.adaptive))
        if config.whitening.kind != "none":
            problems.append(
                f"whitening={config.whitening.kind}: the adaptive flow has these predictors inside; "
                "whitening is for window flows (model=small, medium or large)"
            )
        if config.context != "none":
            problems.append(
                f"context={config.context}: the adaptive flow has no windows; context is for model=small, medium or large"
            )
        return problems
    layout, window = config.layout, config.model.window
    if layout.prior == "bands":
        from idf.models.bands.model import band_problems  # deferred: loads the compiler

        problems = [*band_problems(config), *_without_effect(config)]
        if config.whitening.kind != "none":
            from idf.models.adaptive.whitening import whitening_problems

            problems += whitening_problems(config.whitening)
        if config.whitening.kind == "adaptive":
            problems.append(
                f"whitening={config.whitening.kind}: layout=bands has these predictors inside; "
                "whitening is for layout=channelwise or original"
            )
        return problems
    problems = []
    if config.context != "none":
        problems.append(
            f"context={config.context}: windows of layout={layout.name} are independent; take layout=bands, "
            "or whitening=adaptive"
        )
    if config.whitening.kind != "none":
        from idf.models.adaptive.whitening import whitening_problems  # deferred: loads the compiler

        problems += whitening_problems(config.whitening)
    if layout.channels < 2:
        return [*problems, f"layout.channels={layout.channels}: at least 2 channels are needed"]
    if layout.prior not in ("channelwise", "wavenet"):
        problems.append(f"layout.prior={layout.prior}: known are bands, channelwise and wavenet")
    if (
        layout.factor_channels < 1
        or layout.channels % layout.factor_channels
        or layout.factor_channels >= layout.channels
    ):
        problems.append(
            f"layout.factor_channels={layout.factor_channels} must divide layout.channels={layout.channels} and be smaller"
        )
    scales = layout.scales if layout.prior == "channelwise" else 1
    if scales < 1:
        problems.append(f"layout.scales={layout.scales}: at least 1")
    elif window % layout.channels**scales:
        what = f"layout.channels={layout.channels}" + (f" to the power layout.scales={scales}" if scales > 1 else "")
        problems.append(f"model.window={window} is not divisible by {what}")
    if layout.prior == "channelwise":
        if layout.factor_channels != 1:
            problems.append(
                f"layout.prior=channelwise factors one channel at a time, not layout.factor_channels={layout.factor_channels}"
            )
        if layout.steps_per_factor:
            problems.append(
                f"layout.prior=channelwise leaves samples in place: layout.steps_per_factor={layout.steps_per_factor} needs layout.prior=wavenet"
            )
        if not layout.level_equivariant or not layout.linear_skip:
            problems.append(
                "layout.prior=channelwise is always level-equivariant with a linear skip; layout.prior=wavenet can do without"
            )
    elif layout.steps_per_factor:
        fewest = layout.factor_channels
        seen = _seen(fewest, layout.split_fraction)
        if not 0 < layout.split_fraction < 1:
            problems.append(f"layout.split_fraction={layout.split_fraction} must lie between 0 and 1")
        elif fewest > 1 and not 0 < seen < fewest:
            problems.append(
                f"layout.split_fraction={layout.split_fraction} leaves nothing to shift among {fewest} channels"
            )
    return problems


def _without_effect(config: Config) -> Iterator[str]:
    """Settings that ``layout=bands`` would pass over in silence."""
    if config.sharpness.kind in ("constant", "step", "linear", "cosine"):
        yield (
            f"sharpness={config.sharpness.kind}: layout=bands has no last block whose sharpness is set; "
            "leave sharpness as it is, or take layout=channelwise or original"
        )
    if config.permutation.kind in ("reverse", "rotate", "identity"):
        yield (
            f"permutation={config.permutation.kind}: layout=bands has no channels to permute; "
            "leave permutation as it is, or take layout=original"
        )
    if config.width != WidthConfig():
        yield (
            f"width={config.width.name}: width and its settings are of layout=channelwise and original; "
            "the networks of layout=bands are set by model.bands.hidden, layers and components"
        )
