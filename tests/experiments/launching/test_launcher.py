from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from experiments.launching import launcher
from experiments.launching.launcher import Launcher, Slot, Track, make_slots, visible_gpus
from experiments.launching.plan import Job
from experiments.launching.progress import LineProgress, seconds_left, summary
from idf.runs.find import RunState

# Stands in for train.py: logs each call in a diary; its n-th call ends in the way that the n-th entry of `ends` names.
PROGRAM = """
import json, os, pathlib, signal, sys, time
words = dict(word.split("=", 1) for word in sys.argv[1:])
folder = pathlib.Path(words.get("folder") or words["run"])
folder.mkdir(parents=True, exist_ok=True)
def status(name, **facts):
    (folder / "status.json").write_text(json.dumps({"status": name, **facts}))
def stop(number, frame):
    status("preempted" if number == signal.SIGTERM else "interrupted", step=1)
    sys.exit(128 + number)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
keep = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")}
diary = folder / "diary"
with diary.open("a") as file:
    file.write(json.dumps({"pid": os.getpid(), "at": time.time(), "words": words, **keep}) + "\\n")
times = len(diary.read_text().splitlines())
ends = words.get("ends", "finish").split(",")
end = ends[min(times, len(ends)) - 1]
time.sleep(float(words.get("sleep", 0)))
if pathlib.Path(sys.argv[0]).stem == "evaluate":
    (folder / "evaluation").mkdir(exist_ok=True)
    (folder / "evaluation" / "results.json").write_text("{}")
elif end == "finish":
    (folder / "model.idfm").write_bytes(b"")
    status("finished", step=10, best=8.5)
elif end == "diverge":
    status("diverged", step=5, reason="the loss became nan")
    sys.exit(3)
elif end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
elif end == "fix":
    print("error: the disk is full"); print("more")
    sys.exit(2)
else:
    status("failed", step=4, reason="a bug")
    sys.exit(1)
"""


class Listener:
    def __init__(self) -> None:
        self.said: list[str] = []

    def show(self, tracks: Sequence[Track], slots: int) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    def make(cell: str, *words: str, seed: int = 0, evaluate: tuple[str, ...] | None = None) -> Job:
        folder = tmp_path / f"{cell}-{seed}"
        return Job(cell, seed, (f"folder={folder}", *words), folder, 10, evaluate)

    return make


@pytest.fixture
def make(tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Launcher]:
    monkeypatch.setattr(launcher, "POLL_S", 0.02)
    for name in ("train.py", "evaluate.py"):
        (tmp_path / name).write_text(PROGRAM)

    def build(jobs: Sequence[Job], slots: Sequence[Slot] = (Slot(),), **more: object) -> Launcher:
        programs = {"train": tmp_path / "train.py", "evaluate": tmp_path / "evaluate.py"}
        return Launcher(jobs, slots, tmp_path / "logs", listener, **programs, **more)  # type: ignore[arg-type]

    return build


def diary(job: Job) -> list[dict]:
    path = job.folder / "diary"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_each_run_has_its_own_process_and_slots_limit_concurrency(make, job, tmp_path: Path) -> None:
    jobs = [job("a", "sleep=0.3", seed=seed) for seed in range(3)]
    first = make(jobs, [Slot(), Slot()])
    assert first.run() == 0
    assert [track.state for track in first.tracks] == ["finished"] * 3
    entries = [diary(made)[0] for made in jobs]
    assert len({entry["pid"] for entry in entries}) == 3
    assert abs(entries[0]["at"] - entries[1]["at"]) < 0.25
    assert entries[2]["at"] - min(entry["at"] for entry in entries) >= 0.3
    assert (tmp_path / "logs" / "a-s1.log").read_text().startswith("$ python train.py folder=")
    again = make(jobs)
    assert again.run() == 0
    assert all(track.skipped for track in again.tracks)
    assert [len(diary(made)) for made in jobs] == [1, 1, 1]


def test_failures_are_retried_within_the_limit_and_other_runs_continue(make, job, listener: Listener) -> None:
    jobs = [job("bad", "ends=fail"), job("shaky", "ends=kill,fail,finish"), job("good")]
    made = make(jobs, retries=2)
    assert made.run() == 1
    assert [track.state for track in made.tracks] == ["failed", "finished", "finished"]
    assert [len(diary(entry)) for entry in jobs] == [3, 3, 1]
    assert made.tracks[0].note == "exit status 1: a bug"
    assert "shaky-s0: killed by signal 9 (SIGKILL); attempt 2 of 3" in listener.said


def test_user_errors_are_not_retried(make, job) -> None:
    made = make([job("a", "ends=fix"), job("b")], retries=5)
    assert made.run() == 1
    assert len(diary(made.tracks[0].job)) == 1
    assert made.tracks[0].note == "exit status 2: error: the disk is full"
    assert made.tracks[1].state == "finished"


def test_divergence_is_a_result(make, job) -> None:
    made = make([job("a", "ends=diverge")], retries=5)
    assert made.run() == 0
    assert (made.tracks[0].state, made.tracks[0].note) == ("diverged", "the loss became nan")
    assert len(diary(made.tracks[0].job)) == 1
    assert make([made.tracks[0].job]).run() == 0
    assert len(diary(made.tracks[0].job)) == 1


def test_force_restarts_a_run_only_once(make, job) -> None:
    forced = job("a", "ends=finish,fail,finish")
    assert make([forced]).run() == 0
    assert make([forced], force=True).run() == 0
    assert [entry["words"].get("force") for entry in diary(forced)] == [None, "true", None]


def test_evaluation_follows_and_is_not_repeated(make, job) -> None:
    evaluated = job("a", evaluate=("split=test",))
    assert make([evaluated]).run() == 0
    words = [entry["words"] for entry in diary(evaluated)]
    assert words[1] == {"run": str(evaluated.folder), "split": "test"}
    assert make([evaluated]).run() == 0
    assert len(diary(evaluated)) == 2
    # A model that is newer than its evaluation is evaluated again.
    later = time.time() + 10
    os.utime(evaluated.folder / "model.idfm", (later, later))
    assert make([evaluated]).run() == 1  # this program's new results are older than the model, too
    assert len(diary(evaluated)) > 2


def test_a_run_of_another_process_is_left_alone(make, job) -> None:
    taken = job("a")
    taken.folder.mkdir()
    owner = {"pid": os.getppid(), "host": socket.gethostname()}
    (taken.folder / "lock").write_text(json.dumps(owner))
    made = make([taken, job("b")])
    assert made.run() == 1
    assert [track.state for track in made.tracks] == ["elsewhere", "finished"]
    assert f"process {os.getppid()} on" in made.tracks[0].note
    assert diary(taken) == []


def test_threads_and_gpus_are_divided(make, job) -> None:
    jobs = [job("a", "sleep=0.3"), job("b", "sleep=0.3"), job("c", "threads=7", "sleep=0.3")]
    assert make(jobs, make_slots(3, ["4", "6"], 8)).run() == 0
    entries = [diary(made)[0] for made in jobs]
    assert [entry["CUDA_VISIBLE_DEVICES"] for entry in entries] == ["4", "6", "4"]
    assert [entry["words"]["threads"] for entry in entries] == ["2", "2", "7"]
    assert entries[0]["OMP_NUM_THREADS"] == "2"


def test_slots() -> None:
    assert make_slots(1, [], 8) == [Slot(0, None)]
    assert make_slots(3, [], 2) == [Slot(1, None)] * 3
    assert make_slots(2, ["0"], None) == [Slot(0, None)] * 2  # a single GPU is visible to all
    assert make_slots(2, ["0", "1"], None) == [Slot(0, "0"), Slot(0, "1")]


def test_gpus_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    assert visible_gpus() == ["2", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_gpus() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 0\necho 1\n")
    program.chmod(0o755)
    assert visible_gpus() == ["0", "1"]
    program.write_text("#!/bin/sh\necho 'No devices were found'\n")
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("number", "status", "ended"), [(signal.SIGTERM, 143, "preempted"), (signal.SIGINT, 130, "interrupted")]
)
def test_signals_reach_the_runs(make, job, listener: Listener, number: int, status: int, ended: str) -> None:
    jobs = [job("a", "sleep=30"), job("b", "sleep=30"), job("c")]

    def send() -> None:
        while not all((made.folder / "diary").exists() for made in jobs[:2]):
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    made = make(jobs, [Slot(), Slot()])
    assert made.run() == status
    sender.join()
    assert [track.state for track in made.tracks] == ["stopped"] * 3
    assert [track.run.name for track in made.tracks[:2]] == [ended] * 2
    assert not (jobs[2].folder / "diary").exists()
    assert any("stopping 2 processes" in said for said in listener.said)


def test_time_left() -> None:
    job = Job("a", 0, (), Path("x"), 100)
    running = Track(job, "training", RunState("running", step=40), first_step=20, seconds=10.0)
    waiting = Track(job)
    assert seconds_left([waiting], 1, 0.0) is None
    # 20 steps took 10 s; 60 + 100 remain.
    assert seconds_left([running, waiting], 1, 0.0) == pytest.approx(80.0)
    assert seconds_left([running, waiting], 4, 0.0) == pytest.approx(50.0)  # the longest run cannot be divided
    assert summary([running, waiting], 1, 0.0) == "1 training, 1 waiting; about 1:20 left"
    assert summary([Track(job, "failed")], 1, 0.0) == "1 failed"


def test_time_left_counts_all_steps_of_a_run_whatever_its_processes(make, job) -> None:
    made = make([job("a", "ends=crash,finish", evaluate=("split=test",)), job("b")])
    assert made.run() == 0
    assert [(track.first_step, track.run.step) for track in made.tracks] == [(0, 10)] * 2
    forced = make([job("a")], force=True)
    assert forced.run() == 0
    assert [(track.first_step, track.run.step) for track in forced.tracks] == [(0, 10)]


def test_plain_lines_are_printed_at_intervals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    progress = LineProgress()
    track = Track(Job("a", 3, (), Path("x"), 100), "training", RunState("running", step=40))
    progress.show([track], 1)
    clock[0] += 31
    progress.show([track], 1)
    progress.show([track], 1)
    assert capsys.readouterr().out == "1 training; a-s3 40/100\n"
