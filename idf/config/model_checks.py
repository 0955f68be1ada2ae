"""Checks of a model's sizes and combinations, made before anything is built.

:mod:`idf.config.checks` checks training and data, and reports all problems together.
"""

from __future__ import annotations

from collections.abc import Iterator

from idf.config.schema import (
    LANES,
    MAX_HALF_TAPS,
    AdaptiveConfig,
    Config,
    PredictorsConfig,
    WhiteningConfig,
    family_name,
    seen_channels,
)

MAX_STAGES, MAX_ORDER, MAX_EXPERTS, MAX_HIDDEN, MAX_LAYERS, MAX_COMPONENTS, MAX_PAST = 1024, 4096, 128, 1024, 16, 32, 64
"""Limits of adaptive flows, far above those of any useful configuration; larger model files are rejected."""
MAX_JOINT = 256
"""Limit of the joint expert's order per channel; larger model files are rejected."""
MAX_REGRESSED, MAX_EVERY, MAX_FILTERS = 64, 1024, 6
"""Limits of turbo flows; larger model files are rejected."""
WHITENINGS = ("none", "adaptive", "window")
MAX_CLASSES, MAX_CLASS_ORDER, MAX_START_SAMPLES = 1024, 128, 1_000_000
"""Limits of prediction within windows; larger model files are rejected."""
MAX_LEVELS = 8
"""Limit of the number of subband splits."""


def model_problems(config: Config) -> list[str]:
    """Return the problems of the model that ``config`` describes, a sentence each."""
    match family_name(config):
        case "adaptive":
            return list(adaptive_problems(config))
        case "turbo":
            return list(turbo_problems(config))
        case "bands":
            return list(band_problems(config))
    return list(window_problems(config))


def adaptive_problems(config: Config) -> Iterator[str]:
    """Yield the problems of a configuration's adaptive flow."""
    yield from predictor_problems(config.model.adaptive, "model.adaptive")
    yield from width_problems(config.model.adaptive, "model.adaptive")
    yield from _sequential_coder(config)
    if config.whitening.kind != "none":
        yield (
            f"whitening={config.whitening.kind}: the adaptive flow contains these predictors; "
            "whitening needs windows (model=small, medium or large)"
        )
    if config.context != "none":
        yield f"context={config.context}: the adaptive flow has no windows; context needs model=small, medium or large"


def turbo_problems(config: Config) -> Iterator[str]:
    """Yield the problems of a configuration's turbo flow."""
    group, turbo = "model.turbo", config.model.turbo
    for name in ("near", "joint"):
        order, every = getattr(turbo, f"{name}_order"), getattr(turbo, f"{name}_every")
        forgetting = getattr(turbo, f"{name}_forgetting")
        if not 8 <= order <= MAX_REGRESSED or order % 8:
            yield f"{group}.{name}_order={order}: must be a multiple of 8 up to {MAX_REGRESSED}"
        if not 1 <= every <= MAX_EVERY:
            yield f"{group}.{name}_every={every}: must be from 1 to {MAX_EVERY}"
        if not 0.9 <= forgetting < 1:
            yield f"{group}.{name}_forgetting={forgetting}: must be at least 0.9 and below 1"
    orders, rates = turbo.filter_orders, turbo.filter_rates
    if not 1 <= len(orders) <= MAX_FILTERS or any(order < 16 or order % 16 or order > MAX_ORDER for order in orders):
        yield f"{group}.filter_orders={orders}: must be 1 to {MAX_FILTERS} multiples of 16 up to {MAX_ORDER}"
    if len(orders) != len(rates) or any(not 0 < rate < 1 for rate in rates):
        yield f"{group}.filter_rates={rates}: must be one number between 0 and 1 for each of filter_orders"
    levels = turbo.level_rates
    if not 2 <= len(levels) <= MAX_FILTERS or any(not 0 < rate < 1 for rate in levels):
        yield f"{group}.level_rates={levels}: must be 2 to {MAX_FILTERS} numbers between 0 and 1"
    for name in ("error_rate", "scale_rate"):
        if not 0 < getattr(turbo, name) < 1:
            yield f"{group}.{name}={getattr(turbo, name)}: must be between 0 and 1"
    yield from _sequential_coder(config)


def band_problems(config: Config) -> Iterator[str]:
    """Yield the problems of a configuration's subband flow."""
    yield from _band_sizes(config)
    yield from _sequential_coder(config)
    yield from whitening_problems(config.whitening)
    if config.whitening.kind in ("adaptive", "window"):
        yield (
            f"whitening={config.whitening.kind}: layout=bands contains these predictors; "
            "whitening needs layout=flow, channelwise or original"
        )


def _sequential_coder(config: Config) -> Iterator[str]:
    """Yield the problem of a coder that flows with their own coding loops cannot use."""
    if config.coder == "craystack":
        yield (
            "coder=craystack: flows that predict sample by sample support only rans; "
            "choose coder=rans, or layout=channelwise or original"
        )


def window_problems(config: Config) -> Iterator[str]:
    """Yield the problems of a window flow: squeeze, steps, factor-out and prior."""
    layout, window = config.layout, config.model.window
    if config.context != "none":
        yield (
            f"context={config.context}: windows of layout={layout.name} are independent; choose layout=bands "
            "or whitening=adaptive"
        )
    yield from whitening_problems(config.whitening)
    if layout.channels < 2:
        yield f"layout.channels={layout.channels}: must be at least 2"
        return
    if layout.prior not in ("channelwise", "tracked", "wavenet"):
        yield (f"layout.prior={layout.prior}: choose one of bands, channelwise, tracked, wavenet")
    if (
        layout.factor_channels < 1
        or layout.channels % layout.factor_channels
        or layout.factor_channels >= layout.channels
    ):
        yield (
            f"layout.factor_channels={layout.factor_channels}: must divide layout.channels={layout.channels} and be smaller"
        )
    scales = layout.scales if layout.prior in ("channelwise", "tracked") else 1
    if scales < 1:
        yield (f"layout.scales={layout.scales}: must be at least 1")
    elif window % layout.channels**scales:
        what = f"layout.channels={layout.channels}" + (f" to the power layout.scales={scales}" if scales > 1 else "")
        yield (f"model.window={window}: must be divisible by {what}")
    if layout.prior == "channelwise":
        if layout.factor_channels != 1:
            yield (
                f"layout.factor_channels={layout.factor_channels}: must be 1, because layout.prior=channelwise factors out one channel at a time"
            )
        if layout.steps_per_factor:
            yield (
                f"layout.steps_per_factor={layout.steps_per_factor}: must be 0 with layout.prior=channelwise, which leaves samples in place; layout=flow and original have steps"
            )
        if not layout.level_equivariant or not layout.linear_skip:
            yield (
                "layout.level_equivariant and layout.linear_skip: must be true with layout.prior=channelwise; only layout.prior=wavenet can do without them"
            )
    elif layout.prior == "tracked":
        yield from _tracked_problems(config)
    elif layout.steps_per_factor:
        fewest = layout.factor_channels
        seen = seen_channels(layout, fewest)
        if layout.coupling != "split":
            yield f"layout.coupling={layout.coupling}: WaveNet couplings support only split; choose layout.prior=tracked"
        if not 0 < layout.split_fraction < 1:
            yield (f"layout.split_fraction={layout.split_fraction}: must be between 0 and 1")
        elif fewest > 1 and not 0 < seen < fewest:
            yield (
                f"layout.split_fraction={layout.split_fraction}: leaves none of {fewest} channels to shift; lower it"
            )


def _tracked_problems(config: Config) -> Iterator[str]:
    """Yield the problems of ``layout=flow``."""
    layout = config.layout
    if layout.factor_channels != 1:
        yield (
            f"layout.factor_channels={layout.factor_channels}: must be 1, because layout.prior=tracked factors out "
            "one channel at a time"
        )
    if layout.steps_per_factor < 1:
        yield (
            f"layout.steps_per_factor={layout.steps_per_factor}: must be at least 1 with layout.prior=tracked; "
            "layout=channelwise has no steps"
        )
    if not layout.level_equivariant or not layout.linear_skip:
        yield (
            "layout.level_equivariant and layout.linear_skip: must be true with layout.prior=tracked; "
            "only layout.prior=wavenet can do without them"
        )
    if layout.coupling == "split" and not 0 < layout.split_fraction < 1:
        yield f"layout.split_fraction={layout.split_fraction}: must be between 0 and 1"


def predictor_problems(config: PredictorsConfig, group: str) -> Iterator[str]:
    """Yield the problems of the predictors in the settings ``group``, a sentence each."""
    lanes = len(config.forgetting)
    if lanes != LANES or not all(0.9 <= factor < 1 for factor in config.forgetting):
        yield f"{group}.forgetting={config.forgetting}: must be {LANES} numbers of at least 0.9 and below 1"
    if not 1 <= config.stages <= MAX_STAGES:
        yield f"{group}.stages={config.stages}: must be from 1 to {MAX_STAGES}"
    experts = config.experts
    if not 1 <= len(experts) <= MAX_EXPERTS or len(config.cascades) > MAX_EXPERTS:
        yield f"{group}.experts: must list 1 to {MAX_EXPERTS} experts; there are {len(experts)}"
    for expert in experts:
        if len(expert) != 2 or not 0 <= expert[0] < LANES or not 1 <= expert[1] <= config.stages:
            yield (f"{group}.experts: {expert} must be [lattice 0 to {LANES - 1}, order 1 to stages={config.stages}]")
    joint = config.joint_orders
    if len(joint) != 2 or not (joint == [0, 0] or all(1 <= order <= MAX_JOINT for order in joint)):
        yield f"{group}.joint_orders={joint}: must be two numbers from 1 to {MAX_JOINT}, or [0, 0] for none"
    if not 0.9 <= config.joint_forgetting < 1:
        yield f"{group}.joint_forgetting={config.joint_forgetting}: must be at least 0.9 and below 1"
    if not all(0.9 <= forgetting < 1 for forgetting in config.stacks):
        yield f"{group}.stacks={config.stacks}: each must be at least 0.9 and below 1"
    sources = len(experts) + (joint != [0, 0])
    for source in config.cascades:
        if not 0 <= source < sources:
            yield f"{group}.cascades: there is no expert {source}; experts are numbered 0 to {sources - 1}"
    orders, rates = config.filter_orders, config.filter_rates
    if not orders or any(order < 16 or order % 16 or order > MAX_ORDER for order in orders):
        yield f"{group}.filter_orders={orders}: must be multiples of 16 up to {MAX_ORDER}"
    if len(orders) != len(rates) or any(not 0 < rate < 1 for rate in rates):
        yield f"{group}.filter_rates={rates}: must be one number between 0 and 1 for each of filter_orders"
    if not 0 < config.floor <= 1:
        yield f"{group}.floor={config.floor}: must be above 0 and at most 1"


def width_problems(config: AdaptiveConfig, group: str) -> Iterator[str]:
    """Yield the problems of the network's sizes in the settings ``group``, a sentence each."""
    for name, least, most in (
        ("hidden", 32, MAX_HIDDEN),
        ("layers", 0, MAX_LAYERS),
        ("components", 1, MAX_COMPONENTS),
        ("past", 1, MAX_PAST),
    ):
        value = getattr(config, name)
        if not least <= value <= most:
            yield f"{group}.{name}={value}: must be from {least} to {most}"
    if not 0 <= config.online_rate < 1:
        yield f"{group}.online_rate={config.online_rate}: must be at least 0 and below 1"
    if config.hidden % 32:
        yield f"{group}.hidden={config.hidden}: must be a multiple of 32, such as {max(round(config.hidden / 32), 1) * 32}"


def whitening_problems(config: WhiteningConfig) -> Iterator[str]:
    """Yield the problems of the step before a window flow, a sentence each."""
    if config.kind not in WHITENINGS:
        yield f"whitening.kind={config.kind}: choose one of {', '.join(WHITENINGS)}"
    if config.kind not in ("adaptive", "window"):
        return
    yield from predictor_problems(config, "whitening")
    if config.kind == "adaptive":
        return
    if config.cascades:
        yield f"whitening.cascades={config.cascades}: whitening=window has no cascades; set whitening.cascades=[]"
    for name, most in (("classes", MAX_CLASSES), ("order", MAX_CLASS_ORDER)):
        if not 1 <= getattr(config, name) <= most:
            yield f"whitening.{name}={getattr(config, name)}: must be from 1 to {most}"
    if not 0 < config.start_samples <= MAX_START_SAMPLES:
        yield f"whitening.start_samples={config.start_samples}: must be above 0 and at most {MAX_START_SAMPLES}"


def _band_sizes(config: Config) -> Iterator[str]:
    settings = config.model.bands
    group = "model.bands"
    yield from predictor_problems(settings, group)
    yield from width_problems(settings, group)
    if not 0 <= settings.levels <= MAX_LEVELS:
        yield f"{group}.levels={settings.levels}: must be from 0 to {MAX_LEVELS}"
    elif len(settings.half_taps) < settings.levels:
        yield f"{group}.half_taps={settings.half_taps}: must have a number for each of levels={settings.levels}"
    elif config.model.window >> settings.levels < 1:
        yield f"{group}.levels={settings.levels}: too many for model.window={config.model.window}; lower it"
    if any(not 1 <= count <= MAX_HALF_TAPS for count in settings.half_taps):
        yield f"{group}.half_taps={settings.half_taps}: must be numbers from 1 to {MAX_HALF_TAPS}"
    if settings.start_samples <= 0:
        yield f"{group}.start_samples={settings.start_samples}: must be above 0"
