"""Which models a configuration can describe: sizes and combinations, checked before anything is built.

What concerns training and data is in :mod:`idf.config.checks`, which reports all of it together.
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
"""Sizes of adaptive flows beyond which a model file is refused: no configuration comes near them."""
MAX_JOINT = 256
"""Samples of a channel that the joint expert sees, beyond which a model file is refused."""
WHITENINGS = ("none", "adaptive", "window")
MAX_CLASSES, MAX_CLASS_ORDER, MAX_START_SAMPLES = 1024, 128, 1_000_000
"""Sizes of prediction inside windows beyond which a model file is refused."""
MAX_LEVELS = 8
"""Splits of a window into subbands."""


def model_problems(config: Config) -> list[str]:
    """Return what keeps ``config`` from describing a model, a sentence each."""
    match family_name(config):
        case "adaptive":
            return list(adaptive_problems(config))
        case "bands":
            return list(band_problems(config))
    return list(window_problems(config))


def adaptive_problems(config: Config) -> Iterator[str]:
    """What is wrong with the adaptive flow of a configuration."""
    yield from predictor_problems(config.model.adaptive, "model.adaptive")
    yield from width_problems(config.model.adaptive, "model.adaptive")
    yield from _sequential_coder(config)
    if config.whitening.kind != "none":
        yield (
            f"whitening={config.whitening.kind}: the adaptive flow has these predictors inside; "
            "whitening is for window flows (model=small, medium or large)"
        )
    if config.context != "none":
        yield f"context={config.context}: the adaptive flow has no windows; context is for model=small, medium or large"


def band_problems(config: Config) -> Iterator[str]:
    """What is wrong with the subband flow of a configuration."""
    yield from _band_sizes(config)
    yield from _sequential_coder(config)
    yield from whitening_problems(config.whitening)
    if config.whitening.kind in ("adaptive", "window"):
        yield (
            f"whitening={config.whitening.kind}: layout=bands has these predictors inside; "
            "whitening is for layout=flow, channelwise or original"
        )


def _sequential_coder(config: Config) -> Iterator[str]:
    """Flows that predict sample by sample code inside their own loops."""
    if config.coder == "craystack":
        yield (
            "coder=craystack: flows that predict sample by sample code with rans only; "
            "take coder=rans, or layout=channelwise or original"
        )


def window_problems(config: Config) -> Iterator[str]:
    """What is wrong with a flow over windows: squeeze, steps, factor-out, prior."""
    layout, window = config.layout, config.model.window
    if config.context != "none":
        yield (
            f"context={config.context}: windows of layout={layout.name} are independent; take layout=bands, "
            "or whitening=adaptive"
        )
    yield from whitening_problems(config.whitening)
    if layout.channels < 2:
        yield f"layout.channels={layout.channels}: at least 2 channels are needed"
        return
    if layout.prior not in ("channelwise", "tracked", "wavenet"):
        yield (f"layout.prior={layout.prior}: known are bands, channelwise, tracked and wavenet")
    if (
        layout.factor_channels < 1
        or layout.channels % layout.factor_channels
        or layout.factor_channels >= layout.channels
    ):
        yield (
            f"layout.factor_channels={layout.factor_channels} must divide layout.channels={layout.channels} and be smaller"
        )
    scales = layout.scales if layout.prior in ("channelwise", "tracked") else 1
    if scales < 1:
        yield (f"layout.scales={layout.scales}: at least 1")
    elif window % layout.channels**scales:
        what = f"layout.channels={layout.channels}" + (f" to the power layout.scales={scales}" if scales > 1 else "")
        yield (f"model.window={window} is not divisible by {what}")
    if layout.prior == "channelwise":
        if layout.factor_channels != 1:
            yield (
                f"layout.prior=channelwise factors one channel at a time, not layout.factor_channels={layout.factor_channels}"
            )
        if layout.steps_per_factor:
            yield (
                f"layout.prior=channelwise leaves samples in place: layout.steps_per_factor={layout.steps_per_factor} needs layout.prior=wavenet"
            )
        if not layout.level_equivariant or not layout.linear_skip:
            yield (
                "layout.prior=channelwise is always level-equivariant with a linear skip; layout.prior=wavenet can do without"
            )
    elif layout.prior == "tracked":
        yield from _tracked_problems(config)
    elif layout.steps_per_factor:
        fewest = layout.factor_channels
        seen = seen_channels(layout, fewest)
        if layout.coupling != "split":
            yield f"layout.coupling={layout.coupling}: WaveNet couplings know only split; take layout.prior=tracked"
        if not 0 < layout.split_fraction < 1:
            yield (f"layout.split_fraction={layout.split_fraction} must lie between 0 and 1")
        elif fewest > 1 and not 0 < seen < fewest:
            yield (f"layout.split_fraction={layout.split_fraction} leaves nothing to shift among {fewest} channels")


def _tracked_problems(config: Config) -> Iterator[str]:
    """What is wrong with the flow of ``layout=flow``."""
    layout = config.layout
    if layout.factor_channels != 1:
        yield (
            f"layout.prior=tracked factors one channel at a time, not layout.factor_channels={layout.factor_channels}"
        )
    if layout.steps_per_factor < 1:
        yield (
            f"layout.steps_per_factor={layout.steps_per_factor}: layout.prior=tracked takes at least one step of "
            "permutation and coupling before each factor-out; layout=channelwise does without"
        )
    if not layout.level_equivariant or not layout.linear_skip:
        yield (
            "layout.prior=tracked is always level-equivariant with a linear skip; layout.prior=wavenet can do without"
        )
    if layout.coupling == "split" and not 0 < layout.split_fraction < 1:
        yield f"layout.split_fraction={layout.split_fraction} must lie between 0 and 1"


def predictor_problems(config: PredictorsConfig, group: str) -> Iterator[str]:
    """What is wrong with the predictors of the settings ``group``, a sentence each."""
    lanes = len(config.forgetting)
    if lanes != LANES or not all(0.9 <= factor < 1 for factor in config.forgetting):
        yield f"{group}.forgetting={config.forgetting}: {LANES} numbers from 0.9 to below 1"
    if not 1 <= config.stages <= MAX_STAGES:
        yield f"{group}.stages={config.stages}: it must lie between 1 and {MAX_STAGES}"
    experts = config.experts
    if not 1 <= len(experts) <= MAX_EXPERTS or len(config.cascades) > MAX_EXPERTS:
        yield f"{group}.experts: {len(experts)} of them; give 1 to {MAX_EXPERTS}"
    for expert in experts:
        if len(expert) != 2 or not 0 <= expert[0] < LANES or not 1 <= expert[1] <= config.stages:
            yield (f"{group}.experts: {expert} is not [lattice 0 to {LANES - 1}, order 1 to stages={config.stages}]")
    joint = config.joint_orders
    if len(joint) != 2 or not (joint == [0, 0] or all(1 <= order <= MAX_JOINT for order in joint)):
        yield f"{group}.joint_orders={joint}: two numbers from 1 to {MAX_JOINT}, or [0, 0] for none"
    if not 0.9 <= config.joint_forgetting < 1:
        yield f"{group}.joint_forgetting={config.joint_forgetting}: from 0.9 to below 1"
    if not all(0.9 <= forgetting < 1 for forgetting in config.stacks):
        yield f"{group}.stacks={config.stacks}: each must lie between 0.9 and below 1"
    sources = len(experts) + (joint != [0, 0])
    for source in config.cascades:
        if not 0 <= source < sources:
            yield f"{group}.cascades: there is no expert {source}; they are numbered 0 to {sources - 1}"
    orders, rates = config.filter_orders, config.filter_rates
    if not orders or any(order < 16 or order % 16 or order > MAX_ORDER for order in orders):
        yield f"{group}.filter_orders={orders}: multiples of 16 up to {MAX_ORDER}"
    if len(orders) != len(rates) or any(not 0 < rate < 1 for rate in rates):
        yield f"{group}.filter_rates={rates}: one for each of filter_orders, between 0 and 1"
    if not 0 < config.floor <= 1:
        yield f"{group}.floor={config.floor}: above 0, at most 1"


def width_problems(config: AdaptiveConfig, group: str) -> Iterator[str]:
    """What is wrong with the network's sizes in the settings ``group``, a sentence each."""
    for name, least, most in (
        ("hidden", 32, MAX_HIDDEN),
        ("layers", 0, MAX_LAYERS),
        ("components", 1, MAX_COMPONENTS),
        ("past", 1, MAX_PAST),
    ):
        value = getattr(config, name)
        if not least <= value <= most:
            yield f"{group}.{name}={value}: it must lie between {least} and {most}"
    if not 0 <= config.online_rate < 1:
        yield f"{group}.online_rate={config.online_rate}: from 0 to below 1"
    if config.hidden % 32:
        yield f"{group}.hidden={config.hidden}: take a multiple of 32, such as {max(round(config.hidden / 32), 1) * 32}"


def whitening_problems(config: WhiteningConfig) -> Iterator[str]:
    """What is wrong with the step before a window flow, a sentence each."""
    if config.kind not in WHITENINGS:
        yield f"whitening.kind={config.kind}: it is one of {', '.join(WHITENINGS)}"
    if config.kind not in ("adaptive", "window"):
        return
    yield from predictor_problems(config, "whitening")
    if config.kind == "adaptive":
        return
    if config.cascades:
        yield f"whitening.cascades={config.cascades}: whitening=window has none; set whitening.cascades=[]"
    for name, most in (("classes", MAX_CLASSES), ("order", MAX_CLASS_ORDER)):
        if not 1 <= getattr(config, name) <= most:
            yield f"whitening.{name}={getattr(config, name)}: it must lie between 1 and {most}"
    if not 0 < config.start_samples <= MAX_START_SAMPLES:
        yield f"whitening.start_samples={config.start_samples}: above 0, at most {MAX_START_SAMPLES}"


def _band_sizes(config: Config) -> Iterator[str]:
    settings = config.model.bands
    group = "model.bands"
    yield from predictor_problems(settings, group)
    yield from width_problems(settings, group)
    if not 0 <= settings.levels <= MAX_LEVELS:
        yield f"{group}.levels={settings.levels}: it must lie between 0 and {MAX_LEVELS}"
    elif len(settings.half_taps) < settings.levels:
        yield f"{group}.half_taps={settings.half_taps}: one for each of levels={settings.levels}"
    elif config.model.window >> settings.levels < 1:
        yield f"{group}.levels={settings.levels}: too many for model.window={config.model.window}"
    if any(not 1 <= count <= MAX_HALF_TAPS for count in settings.half_taps):
        yield f"{group}.half_taps={settings.half_taps}: numbers from 1 to {MAX_HALF_TAPS}"
    if settings.start_samples <= 0:
        yield f"{group}.start_samples={settings.start_samples}: it must be above 0"
