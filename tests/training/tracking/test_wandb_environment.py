from __future__ import annotations

import pytest

from idf.config.schema import TrackerConfig
from idf.errors import ConfigError
from idf.training.tracking.wandb_environment import VARIABLES, with_environment

EVERYTHING = {variable: f"from-{name}" for name, variable in VARIABLES.items()} | {
    "WANDB_MODE": "offline",
    "WANDB_TAGS": "a, b,,c",
}


def test_the_environment_takes_precedence_over_the_configuration() -> None:
    found = with_environment(TrackerConfig(project="mine", tags=["x"]), [], EVERYTHING)
    assert found.project == "from-project"
    assert found.tags == ["a", "b", "c"]
    assert found.mode == "offline"
    for name in ("entity", "name", "group", "job_type", "notes", "dir"):
        assert getattr(found, name) == f"from-{name}"


def test_the_command_line_takes_precedence_over_the_environment() -> None:
    given = [f"tracker.{name}=given" for name in VARIABLES]
    settings = TrackerConfig(project="given", entity="given", tags=["given"], mode="online")
    assert with_environment(settings, given, EVERYTHING) == settings


def test_an_empty_variable_is_ignored() -> None:
    settings = TrackerConfig(project="mine")
    assert with_environment(settings, [], {"WANDB_PROJECT": ""}) == settings


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean offline"):
        with_environment(TrackerConfig(), [], {"WANDB_MODE": "ofline"})
