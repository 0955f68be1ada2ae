"""The turbo flow: impossible settings and inconsistent model files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.config.model_checks import model_problems
from idf.config.schema import Config, ModelConfig, TurboConfig
from idf.errors import ConfigError, RunError
from idf.models.build import build_model
from idf.models.load import load_codec
from idf.models.turbo.model import START
from tests.models.small import rewritten, save_small, turbo_config


def config_of(**settings: Any) -> Config:
    return Config(model=ModelConfig(name="turbo", family="turbo", window=1, turbo=TurboConfig(**settings)))


def test_the_preset_can_be_built() -> None:
    assert model_problems(config_of()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"near_order": 12}, "near_order=12: must be a multiple of 8 up to 64"),
        ({"joint_order": 72}, "joint_order=72"),
        ({"near_every": 0}, "near_every=0: must be from 1 to 1024"),
        ({"joint_forgetting": 1.0}, "joint_forgetting=1.0: must be at least 0.9 and below 1"),
        ({"filter_orders": [256, 20, 16]}, "filter_orders=[256, 20, 16]: must be 1 to 6 multiples of 16"),
        ({"filter_orders": [16] * 7, "filter_rates": [0.1] * 7}, "1 to 6 multiples"),
        ({"filter_rates": [0.1]}, "filter_rates=[0.1]: must be one number between 0 and 1 for each"),
        ({"level_rates": [0.1]}, "level_rates=[0.1]: must be 2 to 6"),
        ({"error_rate": 0.0}, "error_rate=0.0: must be between 0 and 1"),
        ({"scale_rate": 1.5}, "scale_rate=1.5"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(config_of(**settings))
    assert message in str(caught.value)


def test_craystack_is_refused() -> None:
    with pytest.raises(ConfigError, match="coder=craystack"):
        build_model(replace(turbo_config(), coder="craystack"))


@pytest.mark.parametrize("start", [[1.0, 2.0], [np.nan, 0, 0, 0], [1e9, 0, 0, 0]])
def test_a_start_that_does_not_fit_is_refused(tmp_path: Path, start: list[float]) -> None:
    def change(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        arrays[f"parameter/{START}"] = np.array(start, np.float32).view(np.int32)

    path = rewritten(save_small(tmp_path / "m.idfm", turbo_config()), change)
    with pytest.raises(RunError, match="its start does not fit"):
        load_codec(path)


def test_settings_in_a_model_file_are_checked(tmp_path: Path) -> None:
    def change(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        header["config"]["model"]["turbo"]["near_order"] = 1 << 20

    path = rewritten(save_small(tmp_path / "m.idfm", turbo_config()), change)
    with pytest.raises(RunError, match="near_order=1048576"):
        load_codec(path)
