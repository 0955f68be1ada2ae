"""Multiruns as Hydra runs them: every combination, in a process of its own, under any launcher."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from idf.config.compose import LAUNCHER
from idf.training.launcher import JobFailedError, ProcessLauncher, register_launcher, run_in_fresh_process
from tests.paths import ROOT


def multirun(overrides: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    """``train.py -m`` on two seeds of a tiny run."""
    command = [sys.executable, str(ROOT / "train.py"), "-m", *overrides, "seed=3,1", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("launcher", [(), ("hydra/launcher=basic",)])
def test_every_combination_runs(overrides: list[str], launcher: tuple[str, ...], tmp_path: Path) -> None:
    done = multirun(overrides, *launcher)
    assert done.returncode == 0, done.stderr
    runs = sorted(path.parent.name for path in (tmp_path / "outputs" / "train").glob("*/model.idfm"))
    assert [name.rpartition("-")[2] for name in runs] == ["s1", "s3"]
    # Hydra's record of the sweep lies where the documentation says, and nothing anywhere else
    assert sorted(path.name for path in (tmp_path / "outputs" / "train").glob("multirun*")) == ["multirun.yaml"]


def test_a_failure_shows_in_the_exit_status_and_the_others_run(overrides: list[str], tmp_path: Path) -> None:
    done = multirun(overrides, "data.test_clips=[nowhere],[d]")
    assert done.returncode == 2
    assert done.stdout.count("ended with status 2") == 2
    statuses = [path.read_text() for path in (tmp_path / "outputs" / "train").glob("*/status.json")]
    assert ['"finished"' in text for text in statuses] == [True, True]


def test_a_launcher_that_is_not_there_is_one_sentence(overrides: list[str], tmp_path: Path) -> None:
    done = multirun(overrides, "hydra/launcher=nowhere")
    assert done.returncode == 2
    assert "hydra/launcher/nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_sigterm_reaches_the_run(overrides: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "-m", *overrides, "seed=3,1", "training.steps=1000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "outputs").glob("train/*/checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    [status] = (tmp_path / "outputs").glob("train/*/status.json")  # the second was not begun
    assert '"preempted"' in status.read_text()


def test_what_a_program_ends_with(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys; os.kill(os.getpid(), 9) if sys.argv[1] == 'x=9' else sys.exit(int(sys.argv[1][2:]))"
    )

    def hydra(value: int) -> OmegaConf:
        return OmegaConf.create(
            {
                "runtime": {"config_sources": []},
                "job": {"config_name": "config"},
                "overrides": {"task": [f"x={value}"], "hydra": ["hydra.mode=MULTIRUN"]},
            }
        )

    for value, status in ((3, 3), (9, 137)):
        with pytest.raises(JobFailedError) as failed:
            run_in_fresh_process(program, hydra(value), OmegaConf.create())
        assert failed.value.exit_status == status
        assert pickle.loads(pickle.dumps(failed.value)).exit_status == status


def test_hydra_knows_the_launcher() -> None:
    register_launcher()
    register_launcher()
    assert Plugins.instance().class_name_to_class[LAUNCHER] is ProcessLauncher


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# @package _global_\ntraining: {stpes: 7}\n", "training.stpes is not a setting; did you mean training.steps"),
        ("training: {steps: 7}\n", "lacks its first line, `# @package _global_`"),
        ("# @package _global_\nmodel: {window: 100}\n", "it must be a power of two"),
    ],
)
def test_mistakes_in_files_of_ones_own(tmp_path: Path, overrides: list[str], text: str, said: str) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    own = ["--config-dir", str(tmp_path), "+experiment=mine"]
    kept = [word for word in overrides if not word.startswith(("training.", "model."))]
    command = [sys.executable, str(ROOT / "train.py"), *own, *kept]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
