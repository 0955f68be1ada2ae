"""Configurations as text, as stored in a run's folder and its checkpoints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

from idf.config.plain import read_plain
from idf.config.schema import Config
from idf.errors import RunError


def to_plain(config: Config) -> dict[str, Any]:
    """Return nested dictionaries of plain values, for JSON and for trackers."""
    return dataclasses.asdict(config)


def to_yaml(config: Config) -> str:
    """Return the whole configuration, including defaults, as YAML."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.structured(config))


def from_plain(tree: dict[str, Any]) -> Config:
    """Return the configuration that :func:`to_plain` was given.

    Raises:
        RunError: this version does not have one of the settings.
    """
    try:
        return read_plain(Config, tree)
    except ValueError as error:
        raise RunError(f"the stored configuration is from another version of idf: {error}") from error


def load_config(path: Path | str) -> Config:
    """Read a run's ``config.yaml``.

    Raises:
        RunError: the file is missing, is not YAML, or has settings from another version.
    """
    from omegaconf import OmegaConf
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        tree = OmegaConf.to_container(OmegaConf.load(path))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: this folder is not a run") from error
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if not isinstance(tree, dict):
        raise RunError(f"{path} contains no settings")
    try:
        return from_plain(cast(dict[str, Any], tree))
    except RunError as error:
        raise RunError(f"{path}: {error}") from error
