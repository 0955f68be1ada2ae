"""Which run a configuration is: a signature of everything that changes the result, and its folder.

Settings that say where, how fast, or how talkatively a run works do not count; every other default
does, so that a changed default makes another run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from idf.config.schema import ADAPTIVE, WINDOW, Config, family_name

SIGNATURE_DIGITS = 10
"""Hexadecimal digits, 40 bits: among 10,000 runs two collide with a chance of 5e-5."""

NOT_SEMANTIC = frozenset(
    {
        "tracker",
        "seed",  # a part of the folder's name of its own, so that seeds of one setting stand together
        "study",
        "outputs",
        "threads",
        "devices",  # the same mean over the same batch, but for rounding
        "profile",
        "force",
        "coder",  # both coders write the same messages
        "data.root",  # the same data may lie elsewhere; a run refuses other data by its fingerprint
        "data.download",
        "data.cache",
        "training.log_every",
        "training.code_every",
        "training.code_clips",
        "training.audio_every",
        "training.checkpoint_every",
        "training.keep_checkpoints",
    }
)


def semantic(config: Config) -> dict[str, Any]:
    """The settings that decide the result, as plain nested dictionaries."""
    return _without(dataclasses.asdict(config), "")


def _without(tree: dict[str, Any], prefix: str) -> dict[str, Any]:
    kept = {name: value for name, value in tree.items() if prefix + name not in NOT_SEMANTIC}
    return {
        name: _without(value, f"{prefix}{name}.") if isinstance(value, dict) else value for name, value in kept.items()
    }


def signature(config: Config) -> str:
    """A short hash of the semantic settings, e.g. ``"3fa94c01be"``; the seed is not in it."""
    text = json.dumps(semantic(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:SIGNATURE_DIGITS]


def run_folder(config: Config) -> Path:
    """``outputs/<study>/<signature>-s<seed>``."""
    return Path(config.outputs) / config.study / f"{signature(config)}-s{config.seed}"


def usual_whitening_and_width(layout: str) -> tuple[str, str]:
    """The options that come with a layout where nobody chose others (``conf/layout``)."""
    return ("window", "slim") if layout == "flow" else ("none", "cpu")


def setting_name(config: Config) -> str:
    """What a configuration is called, such as ``small-flow-reverse-step``; several may share a name.

    Size and layout, of flows that have them the permutation and the sharpness, and the whitening where it is not the
    layout's usual one.
    """
    parts, family = [config.model.name], family_name(config)
    if family != ADAPTIVE:
        parts.append(config.layout.name)
    if family == WINDOW:
        parts += [config.permutation.kind] if config.layout.steps_per_factor else []
        parts.append(config.sharpness.kind)
        usual = usual_whitening_and_width(config.layout.name)[0]
        parts += [f"whitening_{config.whitening.kind}"] if config.whitening.kind != usual else []
    return "-".join(parts)


def run_name(config: Config) -> str:
    """What a run is called where people look at many: ``small-flow-reverse-step-s3``."""
    return f"{setting_name(config)}-s{config.seed}"
