"""Configurations as text: what a run's folder and its checkpoints hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

from idf.config.plain import read_plain
from idf.config.schema import Config
from idf.errors import RunError


def to_plain(config: Config) -> dict[str, Any]:
    """Nested dictionaries of plain values, for JSON and for trackers."""
    return dataclasses.asdict(config)


def to_yaml(config: Config) -> str:
    """The whole configuration, defaults included, as YAML."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.structured(config))


def from_plain(tree: dict[str, Any]) -> Config:
    """The opposite of :func:`to_plain`.

    Raises:
        RunError: for settings that this version does not have.
    """
    try:
        return read_plain(Config, tree)
    except ValueError as error:
        raise RunError(f"the stored configuration is of another version of idf: {error}") from error


def load_config(path: Path | str) -> Config:
    """Read a run's ``config.yaml``.

    Raises:
        RunError: the file is missing, is not YAML, or holds settings of another version.
    """
    from omegaconf import OmegaConf
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        tree = OmegaConf.to_container(OmegaConf.load(path))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: this is not the folder of a run") from error
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if not isinstance(tree, dict):
        raise RunError(f"{path} holds no settings")
    try:
        return from_plain(cast(dict[str, Any], tree))
    except RunError as error:
        raise RunError(f"{path}: {error}") from error
