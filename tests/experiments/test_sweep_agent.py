"""The real agent of Weights & Biases runs train.py without a server; takes about 30 seconds."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from wandb.proto import wandb_internal_pb2
from wandb.wandb_agent import Agent

from idf.audio.pcm import write_wav16
from idf.runs.find import find_runs, read_state
from tests.paths import ROOT
from tests.wandb_log import log_records


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    """The settings that a server would send: a point of sweep.yaml made tiny, with values of types that are hard to pass."""
    point = {
        name: choice["value"] if "value" in choice else choice["values"][0]
        for name, choice in yaml.safe_load((ROOT / "sweep.yaml").read_text())["parameters"].items()
    }
    rng = np.random.default_rng(5)
    (tmp_path / "clips").mkdir()
    for name in "abcd":
        wave = 3000 * np.sin(np.arange(1000) * rng.uniform(0.02, 0.2)) + 50 * rng.normal(size=1000)
        write_wav16(tmp_path / "clips" / f"{name}.wav", wave.astype(np.int32), 8000)
    return point | {
        "data": "folder",
        "data.root": str(tmp_path / "clips"),
        "data.train_clips": ["a", "b"],
        "data.validation_clips": ["c"],
        "data.test_clips": ["d"],
        "outputs": str(tmp_path / "outputs"),
        "permutation.seed": None,
        "sharpness": "step",
        "sharpness.boundaries": [0.25, 0.75],
        "training.sign_flips": False,
        "training.compile": False,
        "model.window": 64,
        "layout.channels": 4,
        "layout.scales": 1,
        "width.components": 2,
        "width.hidden": 4,
        "width.blocks": 1,
        "width.context_frames": 1,
        "width.experts": 2,
        "width.coupling_hidden": 4,
        "whitening.stages": 8,
        "whitening.experts": [[1, 4], [3, 8]],
        "whitening.classes": 4,
        "whitening.order": 4,
        "optimizer.warmup_steps": 2,
        "training.steps": 600,
        "training.batch_samples": 256,
        "training.log_every": 10,
        "training.validate_every": 300,
        "training.checkpoint_every": 300,
        "training.code_every": 0,
        "training.audio_every": 0,
        "tracker.tensorboard": False,
    }


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    """An agent as made by `wandb agent`, with the command of sweep.yaml."""
    # The agent sets these variables; setting them with monkeypatch first restores them after the test.
    for name in ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("WANDB_SWEEP_ID", "abcd1234")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    # The agent starts the first python on PATH.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    made = Agent(None, None, sweep_id="abcd1234", in_jupyter=False)
    made._sweep_command = yaml.safe_load((ROOT / "sweep.yaml").read_text())["command"]
    return made


def start(agent: Agent, parameters: dict[str, Any], run_id: str) -> Any:
    args = {name: {"value": value} for name, value in parameters.items()}
    command = {"type": "run", "run_id": run_id, "program": str(ROOT / "train.py"), "args": args}
    response = agent._process_command(command)
    assert "exception" not in response, response
    return agent._run_processes[run_id]


def end(process: Any) -> int:
    deadline = time.monotonic() + 200
    while (status := process.poll()) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert status is not None, "the run did not end"
    return int(status)


def test_a_sweep_stops_a_run_early_and_sends_it_again(agent: Agent, parameters: dict[str, Any], tmp_path: Path) -> None:
    process = start(agent, parameters, "run00001")
    deadline = time.monotonic() + 120
    while not (runs := find_runs(tmp_path / "outputs")) or not read_state(runs[0]).step:
        assert process.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    agent._process_command({"type": "stop", "run_id": "run00001"})
    assert end(process) == 143
    (run,) = runs
    stopped = read_state(run)
    assert stopped.name == "preempted"
    assert 0 < stopped.step < 600

    # The server sends the same settings under another id: the run resumes.
    assert end(start(agent, {**parameters}, "run00002")) == 0
    assert find_runs(tmp_path / "outputs") == [run]
    assert read_state(run).name == "finished"
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [record["step"] for record in history if record["kind"] == "validation"] == [300, 600]

    # Both offline files are in WANDB_DIR under the agent's ids and belong to the sweep; together they hold the history.
    files = {
        path.stem.removeprefix("run-"): list(records(path)) for path in tmp_path.glob("wandb/offline-run-*/*.wandb")
    }
    assert set(files) == {"run00001", "run00002"}
    logged: dict[tuple[int, str], float] = {}
    for made in files.values():
        (header,) = [record.run for record in made if record.WhichOneof("record_type") == "run"]
        assert header.sweep_id == "abcd1234"
        for record in made:
            if record.WhichOneof("record_type") == "history":
                row = {
                    item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item
                }
                logged |= {(row["step"], name): value for name, value in row.items() if "/" in name}
    expected = {
        (record["step"], f"{record['kind']}/{name}"): value
        for record in history
        for name, value in record.items()
        if name not in ("step", "seconds", "kind", "clips") and record["kind"] != "event"
    }
    assert {key: logged.get(key) for key in expected} == expected
    exits = [record.exit.exit_code for record in files["run00001"] if record.WhichOneof("record_type") == "exit"]
    assert exits == [143]
    # Without a server nobody knows who sent SIGTERM, so the first run is marked for requeueing. The second has finished.
    preempted = {name: [r.WhichOneof("record_type") for r in made].count("preempting") for name, made in files.items()}
    assert preempted == {"run00001": 1, "run00002": 0}


def records(path: Path) -> Iterator[Any]:
    """Yield the records of an offline file, parsed with wandb's own message classes."""
    for data in log_records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        yield record
