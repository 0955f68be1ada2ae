"""Rejection of settings that have no effect in a configuration but were changed all the same.

"Changed" means different from the value in the chosen option's file or, if it sets none, in the schema.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

from idf.config.folder import config_folder
from idf.config.identity import usual_whitening_and_width
from idf.config.schema import ADAPTIVE, BANDS, WINDOW, Config, family_name, value_of

_NETS = ("hidden", "blocks", "context_frames", "experts")
_WAVENETS = ("wavenet_layers", "wavenet_channels", "wavenet_kernel")
_SCHEDULES = {
    "learned": (),
    "constant": ("end",),
    "step": ("start", "end", "boundaries"),
    "linear": ("start", "end", "begin_fraction", "end_fraction"),
    "cosine": ("start", "end", "begin_fraction", "end_fraction"),
}
_PREDICTORS = ("forgetting", "stages", "experts", "floor")
_WHITENINGS = {
    "none": (),
    "adaptive": (
        *(*_PREDICTORS, "cascades", "filter_orders", "filter_rates", "partial_sums"),
        *("joint_orders", "joint_forgetting", "stacks"),
    ),
    "window": (*_PREDICTORS, "classes", "order", "start_samples"),
}


def unused_settings(config: Config) -> Iterator[str]:
    """Yield a sentence for each setting that was changed but has no effect."""
    for owner, used, why in _groups(config):
        own = [key for key in _keys(config, owner) if key.rpartition(".")[2] not in used and _is_own(config, key)]
        named = [f"{owner}={config_name(config, owner)}"] if f"{owner}.name" in own or f"{owner}.kind" in own else []
        for key in named or own:
            value = "" if key in named else f"={value_of(config, key)}"
            yield f"{key}{value} has no effect: {why}"


def _groups(config: Config) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield groups or settings, the fields of each that are used, and why the others are not."""
    family, layout = family_name(config), config.layout
    named = f"layout={layout.name}"
    if family == ADAPTIVE:
        named = f"model={config.model.name}"
        yield "layout", (), f"{named} has no windows to lay out"
    else:
        yield "model.adaptive", (), "it belongs to model=adaptive"
    yield "model.turbo", (), "the turbo flow is not trained; tools/build_turbo.py makes its file"
    if family == BANDS:
        yield "layout", ("name", "prior"), f"{named} is configured by model.bands"
        for key in ("joint_orders", "joint_forgetting"):
            yield f"model.bands.{key}", (), f"{named} codes each channel by itself"
        yield "model.bands.online_rate", (), f"the networks of {named} do not learn while coding"
    else:
        yield "model.bands", (), "it belongs to layout=bands"
    if family != WINDOW:
        yield "permutation", (), f"{named} has no channels to permute; choose layout=flow or original"
        yield "sharpness", (), f"{named} has no last block with a sharpness; choose layout=flow"
        where = "model.bands" if family == BANDS else "model.adaptive"
        yield "width", (), f"{where}.hidden, layers and components set the size of the networks of {named}"
        if family == ADAPTIVE:
            yield "training.start", (), f"nothing in {named} is fitted before training"
        return
    yield from _layout(config)
    yield from _width(config)
    if not layout.steps_per_factor:
        yield "permutation", (), f"{named} leaves samples in place; choose layout=flow or original"
    elif config.permutation.kind != "random":
        yield "permutation.seed", (), "only permutation=random uses a seed"
    used = ("kind", *_SCHEDULES.get(config.sharpness.kind, _SCHEDULES["linear"]))
    yield "sharpness", used, f"sharpness={config.sharpness.kind} does not use it"
    used = ("kind", *_WHITENINGS.get(config.whitening.kind, _WHITENINGS["adaptive"] + _WHITENINGS["window"]))
    yield "whitening", used, f"whitening={config.whitening.kind} does not use it"
    if layout.prior == "wavenet" and config.whitening.kind != "window":
        yield "training.start", (), f"nothing in {named} is fitted to clips before training"


def _layout(config: Config) -> Iterator[tuple[str, tuple[str, ...], str]]:
    layout = config.layout
    if not layout.steps_per_factor:
        for key in ("coupling", "split_fraction", "coupling_offset"):
            yield f"layout.{key}", (), f"layout={layout.name} has no couplings"
    elif layout.prior == "tracked":
        yield "layout.coupling_offset", (), "it belongs to layout=original"
        if layout.coupling != "split":
            yield "layout.split_fraction", (), f"layout.coupling={layout.coupling} does not use it; choose split"
    if layout.prior == "wavenet":
        yield "layout.scales", (), f"layout={layout.name} squeezes only once"


def _width(config: Config) -> Iterator[tuple[str, tuple[str, ...], str]]:
    layout = config.layout
    nets = _NETS if layout.prior == "wavenet" else _WAVENETS
    for key in nets if layout.prior == "tracked" else (*nets, "coupling_hidden"):
        yield f"width.{key}", (), f"layout={layout.name} has no such nets"


def config_name(config: Config, group: str) -> str:
    """Return the chosen option of ``group``."""
    node = value_of(config, group)
    return str(getattr(node, "name", None) or getattr(node, "kind", ""))


def _keys(config: Config, owner: str) -> list[str]:
    node = value_of(config, owner)
    if not dataclasses.is_dataclass(node):
        return [owner]
    return [f"{owner}.{field.name}" for field in dataclasses.fields(node)]


def _is_own(config: Config, key: str) -> bool:
    return bool(value_of(config, key) != _usual(config, key))


def _usual(config: Config, key: str) -> Any:
    """Return the value that ``key`` has unless the user sets it."""
    group, _, name = key.partition(".")
    given: Any = _option(group, _expected(config, group))
    for part in name.split("."):
        given = given.get(part) if isinstance(given, dict) else None
    return value_of(Config(), key) if given is None else given


def _expected(config: Config, group: str) -> str:
    """Return the option that a group has unless the user chooses another."""
    layout = "bands" if family_name(config) == BANDS else "flow"
    standard = {"layout": "flow", "permutation": "random", "sharpness": "learned"}
    standard["width"] = usual_whitening_and_width(layout)[1]
    whole = [owner for owner, used, _ in _groups(config) if not used and "." not in owner]
    return standard[group] if group in whole else config_name(config, group)


@functools.cache
def _option(group: str, name: str) -> dict[str, Any]:
    """Return what ``conf/GROUP/NAME.yaml`` sets in its group; nothing for an option that the user added."""
    path = config_folder() / group / f"{name}.yaml"
    if not path.is_file():
        return {}
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(tree, dict)
    return tree.get(group, tree)
