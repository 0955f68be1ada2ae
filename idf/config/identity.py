"""The identity of a run: a signature of every setting that changes the result, and the run's folder.

Output folders, speed and logging do not count. All other defaults do, so a changed default makes a
different run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from idf.config.schema import ADAPTIVE, WINDOW, Config, family_name

SIGNATURE_DIGITS = 10
"""Hexadecimal digits (40 bits): the chance of a collision among 10,000 runs is 5e-5."""

NOT_SEMANTIC = frozenset(
    {
        "tracker",
        "seed",  # a separate part of the folder's name, so that seeds of the same settings are listed together
        "study",
        "outputs",
        "threads",
        "devices",  # the same mean over the same batch, except for rounding
        "profile",
        "force",
        "coder",  # both coders write the same bytes
        "data.download",
        "data.cache",
        "data.cache_gb",
        "training.log_every",
        "training.code_every",
        "training.code_clips",
        "training.audio_every",
        "training.checkpoint_every",
        "training.keep_checkpoints",
    }
)


def semantic(config: Config) -> dict[str, Any]:
    """Return the settings that determine the result, as plain nested dictionaries.

    Only the last component of ``data.root`` counts, because the same data may be stored elsewhere. A run recognises
    different data by its fingerprint.
    """
    tree = _without(dataclasses.asdict(config), "")
    if config.data.root:
        tree["data"]["root"] = Path(config.data.root).expanduser().resolve().name
    return tree


def _without(tree: dict[str, Any], prefix: str) -> dict[str, Any]:
    kept = {name: value for name, value in tree.items() if prefix + name not in NOT_SEMANTIC}
    return {
        name: _without(value, f"{prefix}{name}.") if isinstance(value, dict) else value for name, value in kept.items()
    }


def signature(config: Config) -> str:
    """Return a short hash of the semantic settings without the seed, such as ``"3fa94c01be"``."""
    text = json.dumps(semantic(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:SIGNATURE_DIGITS]


def run_folder(config: Config) -> Path:
    """Return the folder of a run: ``outputs/<study>/<signature>-s<seed>``."""
    return Path(config.outputs) / config.study / f"{signature(config)}-s{config.seed}"


def usual_whitening_and_width(layout: str) -> tuple[str, str]:
    """Return the whitening and width that a layout selects by default (``conf/layout``)."""
    return ("window", "slim") if layout == "flow" else ("none", "cpu")


def setting_name(config: Config) -> str:
    """Return the name of a configuration, such as ``small-flow-reverse-step``; several may share a name.

    It consists of size and layout, then permutation and sharpness if the flow has them, and the whitening if it is not
    the layout's default.
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
    """Return the display name of a run, such as ``small-flow-reverse-step-s3``."""
    return f"{setting_name(config)}-s{config.seed}"
