from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import ray as launcher
from experiments.launching.launcher import commands
from experiments.launching.plan import Job
from experiments.ray import main, run_commands, run_tasks
from idf.errors import ConfigError, RunError
from idf.runs.find import read_state
from idf.runs.run import RunFolder
from tests.paths import ROOT

# Stands in for train.py and evaluate.py: records its process and threads, and succeeds.
PROGRAM = """
import json, os, sys
from pathlib import Path
words = sys.argv[1:]
if words[0].startswith("run="):
    run = Path(words[0][4:])
    (run / "evaluation").mkdir(exist_ok=True)
    (run / "evaluation" / "results.json").write_text("{}")
else:
    from idf.config import run_folder
    from idf.config.compose import compose
    config = compose(words)
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"status": "finished", "threads": config.threads, "pid": os.getpid()}
    (folder / "model.idfm").touch()
    (folder / "status.json").write_text(json.dumps(facts))
"""

STUDY = "settings: {tracker: none}\ncells: {a: {}}\nseeds: [0, 1]\nevaluate: [baselines=none]"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "mine.yaml").write_text(STUDY)
    for name in ("train.py", "evaluate.py"):
        (tmp_path / name).write_text(PROGRAM)
    root = ROOT
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    def stand_ins(job: Job, threads: int, *, force: bool = False) -> list[list[str]]:
        lines = commands(job, threads, force=force)
        return [[line[0], str(tmp_path / Path(line[1]).name), *line[2:]] for line in lines]

    monkeypatch.setattr(launcher, "commands", stand_ins)
    return [str(tmp_path / "mine.yaml"), f"outputs={tmp_path / 'outputs'}"]


class FakeRay:
    """The used part of Ray's API; runs tasks one after another in this process."""

    exceptions = SimpleNamespace(RayError=RecursionError)  # any exception type of its own

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.up: list[Any] = []

    def init(self, **options: Any) -> None:
        if options["address"] == "nowhere:1":
            raise ConnectionError("no answer")
        self.up.append(options)

    def shutdown(self) -> None:
        self.up.clear()

    def remote(self, **options: Any) -> Callable[[Callable[..., int]], Any]:
        self.options = options

        class Task:
            def __init__(self, function: Callable[..., int]) -> None:
                self.function = function

            def remote(self, *arguments: Any) -> Callable[[], int]:
                return lambda: self.function(*arguments)

        return Task

    def wait(self, handles: Sequence[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return list(handles[:num_returns]), list(handles[num_returns:])

    def get(self, handle: Callable[[], int]) -> int:
        return handle()


def check_results(tmp_path: Path) -> None:
    runs = sorted((tmp_path / "outputs" / "mine-full").glob("*/status.json"))
    assert [read_state(run.parent).name for run in runs] == ["finished"] * 2
    facts = [json.loads(run.read_text()) for run in runs]
    assert [fact["threads"] for fact in facts] == [1, 1]
    assert len({fact["pid"] for fact in facts} - {os.getpid()}) == 2
    assert all(RunFolder(run.parent).is_evaluated() for run in runs)


def test_the_command_line(study: list[str]) -> None:
    with pytest.raises(ConfigError, match="cpus=many: expected a whole number"):
        main([*study, "cpus=many"])
    with pytest.raises(ConfigError, match="cpus=0: expected a whole number of at least 1"):
        main([*study, "cpus=0"])
    with pytest.raises(ConfigError, match="there is no cell b"):
        main([*study, "only=b"])


def test_without_ray_there_is_a_remedy(study: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r'pip install -e "\.\[ray\]"'):
        main(study)
    assert not (tmp_path / "outputs").exists()


def test_every_run_is_a_task_with_its_own_process(
    study: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    assert main([*study, "cpus=1", "gpus=2", "retries=3"]) == 0
    assert fake.options == {"num_cpus": 1, "num_gpus": 2, "max_retries": 3}
    assert fake.up == []
    check_results(tmp_path)
    assert "2 of 2 runs completed" in capsys.readouterr().out
    with pytest.raises(RunError, match="could not be started with address=nowhere:1: no answer"):
        main([*study, "address=nowhere:1", "force=true"])
    monkeypatch.setitem(sys.modules, "ray", None)  # not needed if nothing has to run
    assert main(study) == 0
    assert "all runs are complete" in capsys.readouterr().out


def test_a_run_that_was_not_evaluated_has_work_left(
    study: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", FakeRay())
    assert main([*study, "cpus=1"]) == 0
    first, _ = sorted((tmp_path / "outputs" / "mine-full").glob("*-s*"))
    (first / "evaluation" / "results.json").unlink()
    assert main([*study, "cpus=1"]) == 0
    check_results(tmp_path)


def test_failures_are_restarted_within_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jobs = [Job(name, 0, (), tmp_path / name, 10) for name in ("bad", "shaky", "fix", "diverged")]
    ends = {"bad": [1, 1, 1], "shaky": [1, 0], "fix": [2], "diverged": [3]}
    asked: list[tuple[str, bool]] = []

    def note(job: Job, threads: int, *, force: bool = False) -> list[list[str]]:
        asked.append((job.cell, force))
        return [["exit", str(ends[job.cell].pop(0))]]

    monkeypatch.setattr(launcher, "commands", note)
    monkeypatch.setattr(launcher, "run_commands", lambda lines, folder: int(lines[0][1]))
    assert run_tasks(FakeRay(), jobs, 1, 0, retries=1, force=True) == {"bad-s0": 1, "fix-s0": 2}
    assert asked[:4] == [("bad", True), ("shaky", True), ("fix", True), ("diverged", True)]
    assert sorted(asked[4:]) == [("bad", False), ("shaky", False)]  # a retry resumes the run instead of restarting it


def test_a_cancelled_task_lets_its_run_save_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    code = (
        "import signal, sys, time, pathlib\n"
        f"mark = pathlib.Path({str(mark)!r})\n"
        "signal.signal(signal.SIGTERM, lambda *_: (mark.write_text('saved'), sys.exit(143)))\n"
        "mark.write_text('ready')\n"
        "time.sleep(60)\n"
    )
    wait = launcher.subprocess.Popen.wait

    def cancelled(self: Any, timeout: float | None = None) -> int:
        monkeypatch.setattr(launcher.subprocess.Popen, "wait", wait)
        while not mark.exists() or mark.read_text() != "ready":
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(launcher.subprocess.Popen, "wait", cancelled)
    with pytest.raises(KeyboardInterrupt):
        run_commands([[sys.executable, "-c", code]], str(tmp_path))
    assert mark.read_text() == "saved"


def test_the_first_failure_ends_a_task(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    lines = [[sys.executable, "-c", "raise SystemExit(3)"], [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]]
    assert run_commands(lines, str(tmp_path)) == 3
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore")  # Ray leaves processes and files to the garbage collector
def test_a_study_by_ray_on_this_machine(study: list[str], tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    assert main([*study, "cpus=1"]) == 0
    check_results(tmp_path)
