from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from experiments import slurm
from experiments.launching.launcher import commands
from experiments.launching.plan import Job
from experiments.slurm import RunJob, main
from idf.errors import ConfigError, RunError
from idf.runs.find import read_state
from idf.runs.run import RunFolder
from tests.paths import ROOT

# Stands in for train.py and evaluate.py.
PROGRAM = """
import json, pathlib, sys
from idf.config import run_folder
from idf.config.compose import compose
if "evaluate" in sys.argv[0]:
    run = pathlib.Path(sys.argv[1].removeprefix("run="))
    (run / "evaluation").mkdir(exist_ok=True)
    (run / "evaluation" / "results.json").write_text("{}")
else:
    config = compose(sys.argv[1:])
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.idfm").touch()
    (folder / "status.json").write_text(json.dumps({"status": "finished", "threads": config.threads}))
    sys.exit(0 if config.seed < 9 else 3)
"""

STUDY = "settings: {tracker: none}\ncells: {a: {}}\nseeds: [0, 1]\nevaluate: [baselines=none]"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "mine.yaml").write_text(STUDY)
    for name in ("train.py", "evaluate.py"):
        (tmp_path / name).write_text(PROGRAM)
    root = ROOT
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return [str(tmp_path / "mine.yaml"), f"outputs={tmp_path / 'outputs'}"]


def test_the_command_line(study: list[str]) -> None:
    with pytest.raises(ConfigError, match="hours=long: expected a whole number"):
        main([*study, "hours=long"])
    with pytest.raises(ConfigError, match="cluster=slrum: expected one of slurm, local"):
        main([*study, "cluster=slrum"])
    with pytest.raises(ConfigError, match="there is no cell b"):
        main([*study, "only=b"])


def test_without_submitit_there_is_a_remedy(study: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(RunError, match=r'pip install -e "\.\[slurm\]"'):
        main(study)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_study_as_jobs_on_this_machine(
    study: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("submitit", reason="the extra [slurm] is not installed")

    def stand_ins(job: Job, threads: int, *, force: bool) -> list[list[str]]:
        lines = commands(job, threads, force=force)
        return [[line[0], str(tmp_path / Path(line[1]).name), *line[2:]] for line in lines]

    monkeypatch.setattr(slurm, "commands", stand_ins)
    assert main([*study, "cluster=local", "gpus=0", "cpus=1", "training.steps=300"]) == 0
    assert "2 jobs submitted" in capsys.readouterr().out
    runs = sorted((tmp_path / "outputs" / "mine-full").glob("*/status.json"))
    assert [read_state(run.parent).name for run in runs] == ["finished"] * 2
    assert json.loads(runs[0].read_text())["threads"] == 1
    assert all(RunFolder(run.parent).is_evaluated() for run in runs)
    assert main([*study, "cluster=local", "gpus=0", "cpus=1", "training.steps=300"]) == 0
    assert "all runs are complete" in capsys.readouterr().out
    gc.collect()  # submitit leaves its processes to the garbage collector, which warns


def test_the_first_failure_ends_a_job(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    job = RunJob([[sys.executable, "-c", "raise SystemExit(3)"], [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]])
    assert job() == 3
    assert not mark.exists()


def test_a_preempted_job_saves_itself_and_is_queued_again(tmp_path: Path) -> None:
    helpers = pytest.importorskip("submitit.helpers", reason="the extra [slurm] is not installed")
    mark = tmp_path / "mark"
    code = (
        "import signal, sys, time, pathlib\n"
        f"mark = pathlib.Path({str(mark)!r})\n"
        "def stop(*_): mark.write_text('saved'); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "mark.write_text('ready')\n"
        "time.sleep(60)\n"
    )
    job = RunJob([[sys.executable, "-c", code]])
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(job()))
    thread.start()
    while not mark.exists() or mark.read_text() != "ready":
        time.sleep(0.02)
    again = job.checkpoint()
    thread.join(timeout=30)
    assert mark.read_text() == "saved"
    assert statuses == [128 + signal.SIGTERM]
    assert isinstance(again, helpers.DelayedSubmission)
    assert again.function.commands == job.commands
