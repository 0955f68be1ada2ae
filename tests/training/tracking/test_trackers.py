from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.config import Config
from idf.config.identity import setting_name
from idf.runs.run import claimed_run
from idf.training.tracking import trackers
from idf.training.tracking.trackers import open_trackers, wandb_mode
from tests.wandb_log import log_records

Tiny = Callable[..., Config]


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the login of this machine, if there is one."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_SWEEP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_offline_unless_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert wandb_mode() == "offline"
    (tmp_path / "netrc").write_text("machine other.invalid login user password x\n")
    assert wandb_mode() == "offline"
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password x\n")
    assert wandb_mode() == "online"
    monkeypatch.setenv("WANDB_BASE_URL", "https://own.invalid/wandb")
    assert wandb_mode() == "offline"
    (tmp_path / "netrc").write_text("no netrc at all {")
    assert wandb_mode() == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert wandb_mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_mode() == "disabled"


def logged(folder: Path) -> dict[str, list[Any]]:
    """Return the records in an offline run's file, by kind."""
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    found: dict[str, list[Any]] = {"history": [], "config": [], "exit": [], "artifact": [], "run": [], "summary": []}
    for data in log_records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "history":
            found["history"].append(
                {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
            )
        elif kind == "run":
            found["run"].append(record.run)
            found["config"] += [item.key for item in record.run.config.update]
        elif kind in found:
            found[kind].append(getattr(record, kind))
    return found


def test_an_offline_run_is_complete_without_a_network(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    config = tiny("tracker=wandb", "tracker.tensorboard=false", "tracker.tags=[mine]")
    with claimed_run(config, data_fingerprint="x") as run:
        opened, identity = open_trackers(config, run, None)
        assert identity
        (tracker,) = opened
        tracker.scalars(2, {"train/loss": 9.5})
        tracker.audio(2, "audio/input", np.arange(-100, 100, dtype=np.int32), 8000)
        run.model_path.write_bytes(b"model")
        tracker.finish(3, {"status": "diverged", "best_bits_per_dim": 9.25}, [run.model_path, run.folder / "none"])
    found = logged(run.folder)
    limit = time.monotonic() + 30
    while not found["exit"] and time.monotonic() < limit:  # wandb's own process writes the last block after finish()
        time.sleep(0.1)
        found = logged(run.folder)
    assert {"step": "2", "train/loss": "9.5"}.items() <= found["history"][0].items()
    assert any("audio/input" in name for name in found["history"][1])
    assert {"model", "layout", "optimizer", "seed"} <= set(found["config"])
    assert "mine" in found["run"][0].tags
    assert found["run"][0].run_group == f"{setting_name(config)} {run.folder.name.rsplit('-s', 1)[0]}"
    assert found["exit"][0].exit_code == 3
    assert found["artifact"][0].type == "model"
    output = capfd.readouterr()
    assert output.out == ""
    assert "wandb" not in output.err


def test_tensorboard_files(tiny: Tiny) -> None:
    config = tiny("tracker=tensorboard")
    with claimed_run(config, data_fingerprint="x") as run:
        opened, identity = open_trackers(config, run, None)
        assert identity is None
        (tracker,) = opened
        tracker.scalars(2, {"train/loss": 9.5})
        tracker.audio(2, "audio/input", np.zeros(100, np.int32), 8000)
        tracker.finish(0, {}, [])
    (path,) = (run.folder / "tensorboard").iterdir()
    assert b"train/loss" in path.read_bytes()
    assert b"audio/input" in path.read_bytes()


def test_a_tracker_that_fails_is_disabled_and_the_run_continues(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []

    class Broken:
        def __init__(self, run: object) -> None:
            pass

        def scalars(self, step: int, values: Mapping[str, float]) -> None:
            calls.append("scalars")
            raise OSError("no more disk")

        def finish(self, exit_status: int, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
            calls.append("finish")

    def no_wandb(*arguments: object) -> None:
        raise RuntimeError("cannot start")

    monkeypatch.setattr(trackers, "TensorBoardTracker", Broken)
    monkeypatch.setattr(trackers, "WandbTracker", no_wandb)
    config = tiny("tracker=wandb")
    with claimed_run(config, data_fingerprint="x") as run:
        opened, identity = open_trackers(config, run, "earlier")
    assert identity == "earlier"
    (tracker,) = opened
    tracker.scalars(1, {"a": 1.0})
    tracker.scalars(2, {"a": 1.0})
    tracker.finish(0, {}, [])
    assert calls == ["scalars"]
    output = capsys.readouterr().out
    assert "Weights & Biases failed and is disabled for this run: cannot start" in output
    assert output.count("TensorBoard failed") == 1


def test_a_results_table_is_logged_to_its_run(tiny: Tiny) -> None:
    config = tiny()
    config.tracker.wandb = True
    with claimed_run(config, data_fingerprint="x") as run:
        run.write_status("finished", tracker_id="abc123")
        trackers.log_table(
            run, config, "evaluation", ["codec", "bits_per_sample", "window"], [["a", 8.5, 256], ["b", 9.25, None]]
        )
        (table,) = run.folder.glob("wandb/offline-run-*-abc123/files/media/table/evaluation_*.table.json")
        content = json.loads(table.read_text())
        assert content["columns"] == ["codec", "bits_per_sample", "window"]
        assert content["data"] == [["a", 8.5, 256], ["b", 9.25, None]]


def test_a_results_table_without_a_tracked_run_is_not_logged(tiny: Tiny) -> None:
    config = tiny()
    config.tracker.wandb = True
    with claimed_run(config, data_fingerprint="x") as run:
        run.write_status("finished")
        trackers.log_table(run, config, "evaluation", ["codec"], [["a"]])
        assert not (run.folder / "wandb").exists()


class FakeWandbRun:
    """The part of a W&B run that stopping needs."""

    def __init__(self, offline: bool) -> None:
        self.offline, self.project, self.entity, self.id = offline, "p", "e", "abc"
        self.marked = 0

    def mark_preempting(self) -> None:
        self.marked += 1


def tracker_of(run: FakeWandbRun) -> trackers.WandbTracker:
    tracker = object.__new__(trackers.WandbTracker)
    tracker._run = run
    return tracker


def test_preemption_is_reported() -> None:
    run = FakeWandbRun(offline=True)
    tracker_of(run).preempted()
    assert run.marked == 1


@pytest.mark.parametrize("answer", [True, False])
def test_a_run_ended_early_by_a_sweep_is_distinguished_from_a_lost_machine(
    monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    from wandb.sdk.launch import api

    asked: list[tuple[str, str, str]] = []

    class Server:
        def check_stop_requested(self, project: str, entity: str, run: str) -> bool:
            asked.append((project, entity, run))
            return answer

    monkeypatch.setattr(api, "LaunchApi", Server)
    assert tracker_of(FakeWandbRun(offline=True)).asked_to_stop() is False
    assert asked == []
    assert tracker_of(FakeWandbRun(offline=False)).asked_to_stop() is answer
    assert asked == [("p", "e", "abc")]


def test_an_unreachable_server_counts_as_a_lost_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from wandb.sdk.launch import api

    def no_server() -> None:
        raise OSError("no network")

    monkeypatch.setattr(api, "LaunchApi", no_server)
    assert tracker_of(FakeWandbRun(offline=False)).asked_to_stop() is False
