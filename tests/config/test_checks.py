from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from idf.config import Config, check
from idf.config.checks import NO_CRAYSTACK


def config_with(**values: Any) -> Config:
    config = Config()
    for key, value in values.items():
        node: Any = config
        *path, last = key.split("__")
        for name in path:
            node = getattr(node, name)
        assert hasattr(node, last)
        setattr(node, last, value)
    return config


def test_the_defaults_are_possible() -> None:
    assert check(Config()) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"model__window": 300}, "model.window=300: must be a power of two up to 1048576, such as 256"),
        ({"model__window": -4}, "must be a power of two"),
        ({"model__window": 1 << 30}, "such as 1048576"),
        ({"training__batch_samples": 100}, "must be a multiple of model.window=256, such as 256"),
        ({"training__steps": 0}, "training.steps=0: must be at least 1"),
        ({"training__keep_checkpoints": 0}, "training.keep_checkpoints=0"),
        ({"training__diverged_bits": 0.0}, "training.diverged_bits=0.0: must be above 0"),
        ({"optimizer__learning_rate": float("nan")}, "optimizer.learning_rate=nan: must be finite"),
        ({"optimizer__learning_rate": -1.0}, "must be above 0"),
        ({"optimizer__warmup_steps": 4000}, "must be below training.steps=4000"),
        ({"optimizer__averaging": 1.0}, "optimizer.averaging=1.0"),
        ({"optimizer__kind": "sgd"}, "optimizer.kind=sgd: choose one of adam, adadelta"),
        ({"sharpness__begin_fraction": 0.9}, "must be at most sharpness.end_fraction=0.5"),
        ({"sharpness__end_fraction": 1.5}, "must be from 0 to 1"),
        ({"sharpness__boundaries": [0.5, 0.25]}, "must increase"),
        ({"sharpness__kind": "step", "sharpness__boundaries": []}, "needs at least one boundary"),
        ({"data__name": "ljspeech"}, "needs data.root=FOLDER; with data.download=true the folder may be empty"),
        ({"data__name": "folder"}, "data=folder needs data.root=FOLDER"),
        ({"data__root": "x"}, "data.root: data=demo does not use it"),
        ({"data__download": True}, "only data=ljspeech can be downloaded"),
        ({"data__rate_hz": 8000}, "only data=folder can be resampled"),
        ({"data__train_fraction": 0.9, "data__validation_fraction": 0.2}, "must not sum to more than 1"),
        ({"data__train_fraction": -0.1}, "must be from 0 to 1"),
        ({"data__train_clips": ["a"]}, "data=demo: the split is fixed"),
        ({"layout__coupling_offset": -1}, "layout.coupling_offset=-1: must be at least 0"),
        ({"layout__coupling_offset": 65536}, "must be below 2^16"),
        ({"devices": "two"}, "devices=two: must be a whole number of at least 1, or all"),
        ({"devices": "0"}, "devices=0: must be a whole number of at least 1, or all"),
        ({"devices": "3"}, "devices=3: must divide the batch of 64 windows"),
        ({"coder": "zip"}, "coder=zip: choose one of rans, craystack"),
        ({"study": "../elsewhere"}, "study=../elsewhere: must be a folder name"),
        ({"study": ""}, "must be a folder name"),
        ({"outputs": ""}, "outputs: must name the folder of all runs"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1 << 31}, "must be below 2^31"),
        ({"whitening__kind": "lpc"}, "whitening.kind=lpc: choose one of none, adaptive, window"),
        ({"whitening__kind": "adaptive", "whitening__floor": 0.0}, "whitening.floor=0.0: must be above 0"),
        (
            {"model__family": "adaptive", "model__window": 1, "whitening__kind": "adaptive"},
            "whitening=adaptive: the adaptive flow contains these predictors",
        ),
        ({"layout__prior": "channelwise", "layout__channels": 12}, "must be divisible by layout.channels=12"),
        ({"layout__prior": "wavenet", "layout__factor_channels": 3}, "layout.factor_channels=3: must divide"),
    ],
)
def test_each_impossible_combination(values: dict[str, Any], expected: str) -> None:
    found = check(config_with(**values))
    assert any(expected in problem for problem in found), found
    found = [problem for problem in found if "has no effect" not in problem]  # about settings of other families
    assert len(found) <= 2, found  # a wrong window is not divisible by the channels either


def test_problems_of_all_parts_come_together() -> None:
    layout = {"layout__prior": "channelwise", "layout__channels": 7}
    found = check(config_with(model__window=100, optimizer__kind="x", data__name="folder", **layout))
    assert len(found) >= 4


def test_a_coder_that_is_not_installed_is_found_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = config_with(coder="craystack", layout__prior="channelwise")
    assert check(config) == [NO_CRAYSTACK]


def test_a_coder_that_a_flow_cannot_use_is_refused_before_training() -> None:
    for family in ({}, {"model__family": "adaptive", "model__window": 1}):
        found = check(config_with(coder="craystack", **family))
        assert any("support only rans" in problem for problem in found)
