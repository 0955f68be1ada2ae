from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.check_sweep import MAX_COMBINATIONS
from experiments.launching import launcher
from experiments.launching.launcher import Slot
from experiments.search import main, read_search, run_search
from idf.errors import ConfigError, RunError
from tests.paths import ROOT

# Stands in for train.py: bits/sample grows with the distance of log10(rate) from -2.5 and falls over ten validations.
PROGRAM = """
import json, math, os, pathlib, signal, sys, time
from idf.config import run_folder
from idf.config.compose import compose
config = compose(sys.argv[1:])
folder = run_folder(config)
folder.mkdir(parents=True, exist_ok=True)
def status(name, step):
    part = folder / f"status.{name}"  # SIGTERM may arrive while the file is being written
    part.write_text(json.dumps({"status": name, "step": step, "best": best}))
    part.replace(folder / "status.json")
def stop(number, frame):
    status("preempted", step); sys.exit(143)
signal.signal(signal.SIGTERM, stop)
best, history = None, folder / "history.jsonl"
for step in range(len(history.read_text().splitlines()) + 1 if history.exists() else 1, 11):
    best = 8 + abs(math.log10(config.optimizer.learning_rate) + 2.5) + 1 / step
    with history.open("a") as file:
        file.write(json.dumps({"kind": "validation", "step": step, "bits_per_dim": best}) + "\\n")
    status("running", step)
    time.sleep(float(os.environ.get("PAUSE", "0.01")))
status("finished", 10)
"""


@pytest.fixture
def sweep(tmp_path: Path):
    def write(**changes: Any) -> Path:
        content = {
            "program": "train.py",
            "method": "bayes",
            "metric": {"name": "validation/bits_per_dim", "goal": "minimize"},
            "run_cap": 6,
            "parameters": {
                "study": {"value": "searched"},
                "outputs": {"value": str(tmp_path / "outputs")},
                "optimizer.learning_rate": {"distribution": "log_uniform_values", "min": 0.0001, "max": 1.0},
                "sharpness": {"value": "step"},
                "sharpness.boundaries": {"values": [[0.25, 0.5], [0.5]]},
                "layout": {"value": "channelwise"},
                "width.hidden": {"min": 16, "max": 64},
            },
            "command": ["${env}", "${interpreter}", "${program}", "${args_no_hyphens}"],
            **changes,
        }
        path = tmp_path / "sweep.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path

    return write


def test_a_sweep_file_is_read_as_a_search(sweep) -> None:
    early = {"type": "hyperband", "min_iter": 2, "eta": 3}
    search = read_search(sweep(early_terminate=early), {"training.steps": "3000", "training.start": "random"})
    assert (search.method, search.metric, search.goal, search.early, search.trials) == (
        "bayes", "bits_per_dim", "minimize", (2, 3), 6,
    )  # fmt: skip
    assert set(search.space) == {"optimizer.learning_rate", "sharpness.boundaries", "width.hidden"}
    assert search.fixed["training.steps"] == "3000"
    assert search.fixed["tracker"] == "none"


def test_unsupported_sweeps(sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_COMBINATIONS, "bayes", 2)  # quicker
    normal = {"optimizer.learning_rate": {"distribution": "log_normal", "mu": -6, "sigma": 1}}
    with pytest.raises(ConfigError, match="this search supports only value:, values: and the distributions uniform"):
        read_search(sweep(parameters=normal), {})
    metric = {"name": "train/loss", "goal": "minimize"}
    with pytest.raises(ConfigError, match="this search does not support train/loss"):
        read_search(sweep(metric=metric), {})
    with pytest.raises(ConfigError, match="grid is not a search"):
        read_search(sweep(method="grid"), {})
    with pytest.raises(ConfigError, match="modle is not a setting"):
        read_search(sweep(), {"modle": "small"})
    with pytest.raises(ConfigError, match="cannot be read"):
        read_search(Path("nowhere.yaml"), {})


def test_without_optuna_there_is_a_remedy(sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(RunError, match=r'pip install -e "\.\[optuna\]"'):
        main([str(sweep())])


@pytest.fixture
def optuna(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    module = pytest.importorskip("optuna", reason="the extra [optuna] is not installed")
    module.logging.set_verbosity(module.logging.WARNING)
    monkeypatch.setattr(launcher, "POLL_S", 0.02)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "train.py").write_text(PROGRAM)
    return module


def trials_of(optuna: Any, tmp_path: Path) -> list[Any]:
    store = f"sqlite:///{tmp_path / 'outputs' / 'searched' / 'search.sqlite3'}"
    return optuna.load_study(study_name="search", storage=store).get_trials()


def test_a_search_finds_and_resumes(optuna: Any, sweep, tmp_path: Path) -> None:
    search = read_search(sweep(), {})
    assert run_search(optuna, search, 3, [Slot(), Slot()], train=tmp_path / "train.py") == 0
    assert run_search(optuna, search, 4, [Slot(), Slot()], train=tmp_path / "train.py") == 0
    trials = trials_of(optuna, tmp_path)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    for trial in trials:
        assert len(trial.intermediate_values) == 10
        assert trial.value == min(trial.intermediate_values.values())
    assert len(list((tmp_path / "outputs" / "searched").glob("*/status.json"))) == 4


def test_trials_that_fall_behind_are_stopped(
    optuna: Any, sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = {"type": "hyperband", "min_iter": 2, "eta": 2}
    shared = {
        name: {"value": value} for name, value in {"study": "searched", "outputs": str(tmp_path / "outputs")}.items()
    }

    def between(low: float, high: float) -> Any:
        rates = {"optimizer.learning_rate": {"min": low, "max": high}}
        return read_search(sweep(parameters=shared | rates, early_terminate=early), {})

    assert run_search(optuna, between(0.003, 0.0031), 1, [Slot()], train=tmp_path / "train.py") == 0
    monkeypatch.setenv("PAUSE", "0.2")
    assert run_search(optuna, between(0.9, 1.0), 2, [Slot()], train=tmp_path / "train.py") == 0
    good, bad = trials_of(optuna, tmp_path)
    assert (good.state.name, bad.state.name) == ("COMPLETE", "PRUNED")
    assert 2 <= len(bad.intermediate_values) < 10
    ended = [json.loads(path.read_text()) for path in (tmp_path / "outputs" / "searched").glob("*/status.json")]
    assert sorted(status["status"] for status in ended) == ["finished", "preempted"]


def test_interrupted_trials_are_resumed(optuna: Any, sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAUSE", "0.3")
    search = read_search(sweep(), {})

    def stop() -> None:
        while not list((tmp_path / "outputs" / "searched").glob("*/status.json")):
            time.sleep(0.02)
        signal.raise_signal(signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert run_search(optuna, search, 1, [Slot()], train=tmp_path / "train.py") == 143
    stopper.join()
    (trial,) = trials_of(optuna, tmp_path)
    assert trial.state.name == "RUNNING"
    monkeypatch.setenv("PAUSE", "0.01")
    assert run_search(optuna, search, 1, [Slot()], train=tmp_path / "train.py") == 0
    (again,) = trials_of(optuna, tmp_path)
    assert (again.state.name, again.params) == ("COMPLETE", trial.params)
    (history,) = (tmp_path / "outputs" / "searched").glob("*/history.jsonl")
    assert [json.loads(line)["step"] for line in history.read_text().splitlines()] == list(range(1, 11))
