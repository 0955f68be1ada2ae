"""Multiruns: Hydra runs every combination in its own process, with any launcher."""

from __future__ import annotations

import importlib.util
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
    """Run ``train.py -m`` with a tiny run and values of more settings."""
    command = [sys.executable, str(ROOT / "train.py"), "-m", *overrides, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


PLUGINS = {
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher",
    "ray": "hydra_plugins.hydra_ray_launcher",
}


def chosen(launcher: str) -> str:
    """Return the override for a launcher, or skip the test if its plugin is not installed."""
    if (plugin := PLUGINS.get(launcher)) and not (
        importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(plugin)
    ):
        pytest.skip(f"hydra-{launcher.partition('_')[0]}-launcher is not installed")
    return f"hydra/launcher={launcher}"


@pytest.mark.parametrize("launcher", ["process", *PLUGINS])
def test_every_combination_runs(overrides: list[str], launcher: str, tmp_path: Path) -> None:
    done = multirun(overrides, "seed=3,1", chosen(launcher))
    assert done.returncode == 0, done.stderr
    runs = sorted(path.parent.name for path in (tmp_path / "outputs" / "train").glob("*/model.idfm"))
    assert [name.rpartition("-")[2] for name in runs] == ["s1", "s3"]


@pytest.mark.parametrize("launcher", ["process", "basic", *PLUGINS])
def test_a_failure_shows_in_the_exit_status_and_the_next_runs(
    overrides: list[str], launcher: str, tmp_path: Path
) -> None:
    done = multirun(overrides, "data.test_clips=[nowhere],[d]", chosen(launcher))
    assert done.returncode == 2
    statuses = [path.read_text() for path in (tmp_path / "outputs" / "train").glob("*/status.json")]
    assert ['"finished"' in text for text in statuses] == [True]
    # Hydra records the sweep in the documented place and nowhere else
    assert sorted(path.name for path in (tmp_path / "outputs" / "train").glob("multirun*")) == ["multirun.yaml"]


def test_an_unknown_launcher_gives_one_sentence(overrides: list[str], tmp_path: Path) -> None:
    done = multirun(overrides, "seed=3,1", "hydra/launcher=nowhere")
    assert done.returncode == 2
    assert "hydra/launcher/nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("launcher", ["process", "basic", "joblib", "submitit_local"])
def test_sigterm_reaches_the_runs(overrides: list[str], launcher: str, tmp_path: Path) -> None:
    more = ["seed=3,1", "training.steps=1000000", chosen(launcher)]
    process = subprocess.Popen([sys.executable, str(ROOT / "train.py"), "-m", *overrides, *more])
    deadline = time.monotonic() + 120
    while not list((tmp_path / "outputs").glob("train/*/checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    statuses = [path.read_text() for path in (tmp_path / "outputs").glob("train/*/status.json")]
    assert sum('"preempted"' in text for text in statuses) >= 1
    if launcher in ("process", "basic"):  # these run one after another, so the second run did not start
        assert len(statuses) == 1


def test_the_exit_status_of_a_program_is_passed_on(tmp_path: Path) -> None:
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
    ("text", "message"),
    [
        ("# @package _global_\ntraining: {stpes: 7}\n", "training.stpes is not a setting; did you mean training.steps"),
        ("training: {steps: 7}\n", "add the line `# @package _global_` at the top"),
        ("# @package _global_\nmodel: {window: 100}\n", "must be a power of two"),
    ],
)
def test_mistakes_in_user_files(tmp_path: Path, overrides: list[str], text: str, message: str) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    own = ["--config-dir", str(tmp_path), "+experiment=mine"]
    kept = [override for override in overrides if not override.startswith(("training.", "model."))]
    command = [sys.executable, str(ROOT / "train.py"), *own, *kept]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
