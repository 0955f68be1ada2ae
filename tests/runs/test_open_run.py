from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from idf.config import Config, DataConfig, to_yaml
from idf.errors import ConfigError, RunError
from idf.evaluation.options import data_config
from idf.runs.find import EvaluatedRun, open_run


def make_run(folder: Path, *, model: bool = True, status: dict[str, object] | None = None, age: int = 0) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(Config(data=DataConfig(name="folder", root="/audio"))))
    if model:
        (folder / "model.idfm").write_bytes(b"weights")
        os.utime(folder / "model.idfm", (1e9 - age, 1e9 - age))
    if status is not None:
        (folder / "status.json").write_text(json.dumps(status))
    return folder


def test_open(tmp_path: Path) -> None:
    run = open_run(str(make_run(tmp_path / "outputs/train/a-s0")))
    assert run.config.data.root == "/audio"
    assert run.model.name == "model.idfm"
    assert run.evaluation == run.folder / "evaluation"


def test_latest_is_the_newest_with_a_model(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    make_run(outputs / "train/old-s0", age=50)
    make_run(outputs / "other/new-s0", age=5)
    make_run(outputs / "train/newest-without-model-s0", model=False)
    assert open_run("latest", outputs=outputs).folder == outputs / "other/new-s0"
    assert open_run("latest", "train", outputs).folder == outputs / "train/old-s0"
    with pytest.raises(RunError, match=r"no run under .*nothing/ has a model yet"):
        open_run("latest", "nothing", outputs)


def test_latest_without_runs(tmp_path: Path) -> None:
    make_run(tmp_path / "outputs/train/a-s0", model=False)
    with pytest.raises(RunError, match=r"no run under .* has a model yet; train one with: python train.py"):
        open_run("latest", outputs=tmp_path / "outputs")


def test_no_such_run(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    make_run(outputs / "train/abcdef-s0")
    with pytest.raises(RunError, match=r"there is no run folder .*; did you mean run=.*abcdef-s0\?"):
        open_run(str(outputs / "train/abcdfe-s0"), outputs=outputs)


def test_not_a_run(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    make_run(outputs / "train/a-s0")
    with pytest.raises(RunError, match=r"not a run folder: it has no config.yaml; inside it are: .*a-s0"):
        open_run(str(outputs / "train"), outputs=outputs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"name a folder that train\.py made"):
        open_run(str(tmp_path / "empty"), outputs=outputs)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({"status": "running", "step": 40}, "it is running at step 40"),
        ({"status": "diverged", "step": 7}, "it diverged at step 7; choose other settings"),
        ({"status": "interrupted", "step": 9}, "status is interrupted at step 9; start it again"),
        (None, "train it with train.py"),
    ],
)
def test_a_run_without_a_model(tmp_path: Path, status: dict[str, object] | None, message: str) -> None:
    folder = make_run(tmp_path / "a-s0", model=False, status=status)
    with pytest.raises(RunError, match=rf"has no model.idfm.*{message}"):
        open_run(str(folder))


def test_a_damaged_config(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a-s0")
    (folder / "config.yaml").write_text("model: {windw: 3}\n")
    with pytest.raises(RunError, match=r"config.yaml.*windw"):
        open_run(str(folder))


@pytest.fixture
def run(tmp_path: Path) -> EvaluatedRun:
    return open_run(str(make_run(tmp_path / "a-s0")))


def test_data_of_the_run(run: EvaluatedRun) -> None:
    assert data_config(run, ()) == run.config.data


def test_one_setting_changed(run: EvaluatedRun) -> None:
    changed = data_config(run, ["data.root=/elsewhere", "data.test_clips=[a,b..c]"])
    assert (changed.name, changed.root, changed.test_clips) == ("folder", "/elsewhere", ["a", "b..c"])
    assert run.config.data.root == "/audio"


def test_another_data_set_starts_afresh(run: EvaluatedRun) -> None:
    assert data_config(run, ["data=demo"]) == DataConfig(name="demo")
    changed = data_config(run, ["data.root=/lj", "data=ljspeech"])
    assert (changed.name, changed.root) == ("ljspeech", "/lj")


def test_impossible_combinations(run: EvaluatedRun) -> None:
    with pytest.raises(ConfigError):
        data_config(run, ["data.train_fraction=0.9", "data.validation_fraction=0.9"])
