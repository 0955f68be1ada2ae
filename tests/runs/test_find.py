from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from idf.errors import RunError
from idf.runs.find import find_runs, flatten, number, open_record, read_run, read_state


def test_a_run_as_training_leaves_it(make_run, outputs: Path) -> None:
    folder = make_run("study=a", "seed=3", curve={10: 9.5, 20: 9.25}, evaluated=[{"codec": "x"}])
    assert find_runs(outputs) == [folder]
    run = read_run(folder)
    assert (run.state.name, run.state.step, run.state.steps, run.state.best) == ("finished", 20, 4000, 9.25)
    assert run.settings["seed"] == 3
    assert run.settings["model.name"] == "small"
    assert run.evaluation() == {"rows": [{"codec": "x"}]}
    assert [record["step"] for record in run.history()] == [10, 20]
    assert run.bytes_on_disk() == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert run.name == f"a/{folder.name}"


def test_running_means_that_somebody_is_at_it(make_run) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = socket.gethostname()
    alive = make_run("study=a", status="running", owner={"pid": os.getpid(), "host": here})
    dead = make_run("study=b", status="running", owner={"pid": gone.pid, "host": here})
    free = make_run("study=c", status="running")
    elsewhere = make_run("study=d", status="running", owner={"pid": gone.pid, "host": "another-machine"})
    assert [read_state(folder).name for folder in (alive, dead, free, elsewhere)] == [
        "running",
        "killed",
        "killed",
        "running",
    ]
    assert read_state(alive).owner == f"process {os.getpid()} on {here}"


def test_damage_hides_nothing_else(make_run, outputs: Path) -> None:
    damaged = make_run("study=a")
    (damaged / "status.json").write_text('{"status": ')
    strange = make_run("study=b")
    (strange / "config.yaml").write_text("{{{")
    (strange / "environment.json").write_bytes(b"\xff\xfe")
    (strange / "history.jsonl").unlink()
    assert read_run(damaged).state.name == "damaged"
    assert str(damaged / "status.json") in (read_run(damaged).state.reason or "")
    run = read_run(strange)
    assert (run.state.name, run.settings, run.environment, run.history()) == ("finished", {}, {}, [])
    assert read_state(outputs / "nowhere").name == "new"


def test_runs_by_folder_name_and_beginning(make_run, outputs: Path) -> None:
    first = make_run("study=a", updated=100.0)
    second = make_run("study=a", "seed=1", "model=medium", updated=50.0)
    for word in (str(first), f"a/{first.name}", first.name, first.name[:6], "latest"):
        assert open_record(word, outputs).folder == first, word
    assert open_record(second.name[:4], outputs).folder == second


def test_a_run_that_is_not_there(make_run, outputs: Path) -> None:
    with pytest.raises(RunError, match="there is no run under"):
        open_record("latest", outputs)
    with pytest.raises(RunError, match="holds no runs yet"):
        open_record("x", outputs)
    folder = make_run("study=abc")
    make_run("study=abc", "seed=1")
    with pytest.raises(RunError, match=f"did you mean abc/{folder.name}"):
        open_record(f"abd/{folder.name}", outputs)
    with pytest.raises(RunError, match="is ambiguous: abc/"):
        open_record(folder.name[:10], outputs)
    with pytest.raises(RunError, match=f"is a study, not a run; its runs are {folder.name}, "):
        open_record(str(outputs / "abc"), outputs)


def test_flat_settings_and_numbers() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}
    assert [number(value) for value in (1, 2.5, True, None, float("nan"), "3")] == [1.0, 2.5, None, None, None, None]
