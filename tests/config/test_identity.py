from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from idf.config import Config, run_folder, semantic, signature
from idf.config.compose import compose, settings
from idf.config.identity import run_name

# Settings of folders, speed and logging.
NOT_SEMANTIC = [
    "seed",
    "study",
    "outputs",
    "threads",
    "devices",
    "profile",
    "force",
    "coder",
    "data.download",
    "data.cache",
    "data.cache_gb",
    "training.log_every",
    "training.code_every",
    "training.code_clips",
    "training.audio_every",
    "training.checkpoint_every",
    "training.keep_checkpoints",
    "tracker.wandb",
    "tracker.project",
    "tracker.entity",
    "tracker.group",
    "tracker.tags",
    "tracker.name",
    "tracker.job_type",
    "tracker.notes",
    "tracker.dir",
    "tracker.mode",
    "tracker.tensorboard",
]


def changed(key: str) -> Config:
    """Return the default configuration with one setting changed."""
    config = Config()
    node: Any = config
    *path, last = key.split(".")
    for name in path:
        node = getattr(node, name)
    value = getattr(node, last)
    other: Any
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, int | float):
        other = value + 1
    elif isinstance(value, list):
        other = [*value, 0.75]
    else:
        other = "other" if settings()[key].kind is str else (["x"] if settings()[key].kind == list[str] else 7)
    setattr(node, last, other)
    return config


@pytest.mark.parametrize("key", sorted(settings()))
def test_a_setting_changes_the_signature_unless_it_cannot_change_the_result(key: str) -> None:
    assert (signature(changed(key)) == signature(Config())) == (key in NOT_SEMANTIC)


def test_the_folder_of_the_data_counts_wherever_it_lies() -> None:
    roots = [["data=folder", f"data.root={root}"] for root in ("/a/wavs", "/b/wavs/", "/a/other")]
    here, there, other = (signature(compose(overrides)) for overrides in roots)
    assert here == there != other


def test_signature_does_not_depend_on_the_process() -> None:
    # Checks the form only: a frozen signature would break with each new setting.
    first, second = Config(), Config()
    assert signature(first) == signature(second)
    assert len(signature(first)) == 10
    assert int(signature(first), 16) >= 0
    assert "seed" not in semantic(first)
    assert semantic(first)["permutation"] == {"kind": "random", "seed": None}


def test_run_folder_names_study_signature_and_seed() -> None:
    config = dataclasses.replace(Config(), seed=7, study="table", outputs="elsewhere")
    assert run_folder(config) == Path("elsewhere") / "table" / f"{signature(config)}-s7"


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (
            ["model=small", "layout=original", "permutation=reverse", "sharpness=step", "seed=3"],
            "small-original-reverse-step-s3",
        ),
        (
            ["model=large", "layout=channelwise", "whitening=adaptive"],
            "large-channelwise-learned-whitening_adaptive-s0",
        ),
        (["model=small", "permutation=reverse", "sharpness=step", "seed=3"], "small-flow-reverse-step-s3"),
        (["whitening=none"], "small-flow-random-learned-whitening_none-s0"),
        (["model=medium", "layout=bands"], "medium-bands-s0"),
        (["model=adaptive"], "adaptive-s0"),
    ],
)
def test_a_run_is_called_by_its_axes(overrides: list[str], name: str) -> None:
    assert run_name(compose(overrides)) == name
