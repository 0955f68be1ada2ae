"""Configuration: dataclasses declare the settings and ``conf/`` holds their values; nothing here builds objects."""

from __future__ import annotations

from idf.config.checks import check
from idf.config.identity import run_folder, semantic, signature
from idf.config.schema import (
    Config,
    DataConfig,
    LayoutConfig,
    ModelConfig,
    OptimizerConfig,
    PermutationConfig,
    SharpnessConfig,
    TrackerConfig,
    TrainingConfig,
    WidthConfig,
)
from idf.config.stored import from_plain, load_config, to_plain, to_yaml

__all__ = [
    "Config",
    "DataConfig",
    "LayoutConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PermutationConfig",
    "SharpnessConfig",
    "TrackerConfig",
    "TrainingConfig",
    "WidthConfig",
    "check",
    "from_plain",
    "load_config",
    "run_folder",
    "semantic",
    "signature",
    "to_plain",
    "to_yaml",
]
