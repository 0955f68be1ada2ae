from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from idf.errors import RunError
from idf.runs.find import find_runs, flatten, open_run, read_run, read_state


def test_a_finished_run_is_read(make_run, outputs: Path) -> None:
    folder = make_run("study=a", "seed=3", curve={10: 9.5, 20: 9.25}, evaluated=[{"codec": "x"}])
    assert find_runs(outputs) == [folder]
    run = read_run(folder)
    assert (run.state.name, run.state.step, run.state.steps, run.state.best) == ("finished", 20, 4000, 9.25)
    assert run.settings["seed"] == 3
    assert run.settings["model.name"] == "small"
    assert run.results() == {"rows": [{"codec": "x"}]}
    assert [record["step"] for record in run.history()] == [10, 20]
    assert run.bytes_on_disk() == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert run.name == f"a/{folder.name}"


def test_a_running_run_has_a_live_owner(make_run) -> None:
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


def test_a_damaged_file_does_not_affect_the_others(make_run, outputs: Path) -> None:
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


def test_runs_are_opened_by_folder_name_and_prefix(make_run, outputs: Path) -> None:
    first = make_run("study=a", updated=100.0)
    second = make_run("study=a", "seed=1", "model=medium", updated=50.0)
    third = make_run("study=b", "model=large", updated=70.0)
    for word in (str(first), f"a/{first.name}", first.name, first.name[:-1], "latest", "a/latest"):
        assert open_run(word, outputs).folder == first, word
    assert open_run(second.name[:4], outputs).folder == second
    assert open_run("b/latest", outputs).folder == third


def test_a_run_that_is_not_there(make_run, outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no run in .*; train one with: python train\.py"):
        open_run("latest", outputs)
    with pytest.raises(RunError, match=r"contains no runs yet; train one with: python train\.py"):
        open_run("x", outputs)
    folder = make_run("study=abc")
    make_run("study=abc", "seed=1")
    for word in (f"abd/{folder.name}", str(outputs / "abd" / folder.name)):
        with pytest.raises(RunError, match=f"there is no run .*; did you mean abc/{folder.name}"):
            open_run(word, outputs)
    with pytest.raises(RunError, match="is ambiguous: abc/"):
        open_run(folder.name[:10], outputs)
    for word in ("abc", str(outputs / "abc")):
        with pytest.raises(RunError, match=f"is a study, not a run; its runs are abc/{folder.name}, "):
            open_run(word, outputs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"is not a run folder: .*; give a folder that train\.py made"):
        open_run(str(tmp_path / "empty"), outputs)
    with pytest.raises(RunError, match=r"no run in .*nothing/"):
        open_run("nothing/latest", outputs)


def test_very_many_runs_are_counted_instead_of_listed(make_run, outputs: Path) -> None:
    for seed in range(13):
        make_run(f"seed={seed}")
    with pytest.raises(RunError, match=r"there is no run xyz; `python -m experiments.status` lists the 13 runs in"):
        open_run("xyz", outputs)


def test_the_latest_with_a_model(make_run, outputs: Path) -> None:
    make_run("study=train", "seed=1", updated=9.0)
    with pytest.raises(RunError, match=r"no run in .* has a model yet; train one with: python train\.py"):
        open_run("latest", outputs, with_model=True)
    old = make_run("study=train", "seed=2", updated=1.0, model=True)
    new = make_run("study=other", "seed=3", updated=5.0, model=True)
    assert open_run("latest", outputs, with_model=True).folder == new
    assert open_run("train/latest", outputs, with_model=True).folder == old
    assert open_run("train/latest", outputs, with_model=True).model_path.read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("status", "owned", "message"),
    [
        ("running", True, "it is running at step 100"),
        ("running", False, "it was killed at step 100 or later; start it again"),
        ("diverged", False, "it diverged at step 100; change settings"),
        ("interrupted", False, "status is interrupted at step 100; start it again"),
        (None, False, "train it with train.py"),
    ],
)
def test_a_run_without_a_model(make_run, status: str | None, owned: bool, message: str) -> None:
    owner = {"pid": os.getpid(), "host": socket.gethostname()}
    folder = make_run("study=a", status=status or "", owner=owner if owned else None)
    if status is None:
        (folder / "status.json").unlink()
    with pytest.raises(RunError, match=rf"has no model.idfm.*{message}"):
        open_run(str(folder), with_model=True)


def test_settings_are_checked_when_they_are_used(make_run) -> None:
    folder = make_run("data=folder", "data.root=/audio")
    assert open_run(str(folder)).config().data.root == "/audio"
    (folder / "config.yaml").write_text("model: {windw: 3}\n")
    with pytest.raises(RunError, match=r"config.yaml.*windw"):
        open_run(str(folder)).config()


def test_the_command_that_resumes(make_run) -> None:
    run = read_run(make_run("study=a", "force=true", "data=folder", "data.root=/a b"))
    assert run.command == "python train.py study=a data=folder 'data.root=/a b'"


def test_flat_settings() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}
