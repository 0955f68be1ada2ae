"""A run's folder: its layout, its status, and the environment of the run.

::

    outputs/<study>/<signature>-s<seed>/
        config.yaml       every setting, including defaults
        environment.json  versions, git revision, machine, command
        status.json       running | finished | diverged | failed | preempted | interrupted
        history.jsonl     everything measured
        checkpoints/      step-XXXXXXXX.npz and best.npz
        model.idfm        the best weights as a model file
        samples/ plots/ tensorboard/ wandb/ evaluation/
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import idf
from idf.config import Config, run_folder, signature, to_yaml
from idf.errors import RunError, UserError
from idf.files import atomic_write_text
from idf.runs.checkpoints import CheckpointFolder
from idf.runs.history import History
from idf.runs.lock import locked

EXIT_STATUS = {"finished": 0, "diverged": 3, "interrupted": 130, "preempted": 143, "failed": 1}
"""Exit status of the program for each final status of a run; 128 + signal number, as in shells."""


@dataclass(frozen=True)
class RunFolder:
    """The paths and the status of a run. File names are defined only here."""

    folder: Path

    @property
    def name(self) -> str:
        """The name ``<study>/<signature>-s<seed>``."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def environment_path(self) -> Path:
        return self.folder / "environment.json"

    @property
    def status_path(self) -> Path:
        return self.folder / "status.json"

    @property
    def history_path(self) -> Path:
        return self.folder / "history.jsonl"

    @property
    def model_path(self) -> Path:
        return self.folder / "model.idfm"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"

    @property
    def plots(self) -> Path:
        return self.folder / "plots"

    @property
    def evaluation(self) -> Path:
        return self.folder / "evaluation"

    @property
    def results_path(self) -> Path:
        return self.evaluation / "results.json"

    def exists(self) -> bool:
        """Return whether the folder belongs to a run."""
        return self.status_path.exists() or self.config_path.exists()

    def is_evaluated(self) -> bool:
        """Return whether ``evaluate.py`` has measured the run's final model."""
        try:
            return self.results_path.stat().st_mtime >= self.model_path.stat().st_mtime
        except OSError:
            return False

    def status(self) -> dict[str, Any]:
        """Return the contents of ``status.json``; empty if there is none.

        Raises:
            RunError: it cannot be read.
        """
        try:
            status = json.loads(self.status_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RunError(f"{self.status_path} cannot be read: {error}") from error
        if not isinstance(status, dict) or not isinstance(status.get("status"), str):
            raise RunError(f"{self.status_path} cannot be read: it contains no status")
        return status


@dataclass(frozen=True)
class Run(RunFolder):
    """A run's folder, as used by the process that works on the run."""

    keep_checkpoints: int = 3

    @property
    def history(self) -> History:
        return History(self.history_path)

    @property
    def checkpoints(self) -> CheckpointFolder:
        return CheckpointFolder(self.folder / "checkpoints", self.keep_checkpoints)

    def write_status(self, status: str, **facts: object) -> None:
        """Update the status; earlier facts stay unless they are given again."""
        old = self.status()
        old.pop("reason", None)
        record = {**old, "status": status, **facts, "updated": time.time()}
        atomic_write_text(self.status_path, json.dumps(record, indent=2) + "\n")

    def clear(self) -> None:
        """Remove everything except the lock, for a run that starts over."""
        for path in self.folder.iterdir():
            if path.name == "lock":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


@contextlib.contextmanager
def claimed_run(config: Config, *, data_fingerprint: str) -> Iterator[Run]:
    """Lock the run's folder, write its configuration and environment, and record a crash as failed.

    Args:
        config: determines the folder; ``force`` empties it first.
        data_fingerprint: of the data set; a folder made with different data is rejected.

    Raises:
        RunError: another process is working on the run, or it was made with different data.
    """
    run = Run(run_folder(config), config.training.keep_checkpoints)
    with locked(run.folder) as taken_over:
        if taken_over:
            print(taken_over)
        if config.force:
            run.clear()
        status = run.status()
        known = status.get("data", data_fingerprint)
        if known != data_fingerprint:
            raise RunError(
                f"the run {run.folder} was made with the same settings but different data "
                f"(fingerprint {known}, now {data_fingerprint}); put this one elsewhere with study=NAME, "
                "or start over with force=true"
            )
        if not status:
            atomic_write_text(run.config_path, to_yaml(config))
            atomic_write_text(run.environment_path, json.dumps(environment(), indent=2) + "\n")
            run.write_status("running", step=0, data=data_fingerprint, signature=signature(config), seed=config.seed)
        try:
            yield run
        except (Exception, KeyboardInterrupt) as error:
            reason = "stopped at once by a second Ctrl-C" if isinstance(error, KeyboardInterrupt) else str(error)
            # The cause may be a full disk, so writing the status may fail too.
            with contextlib.suppress(UserError, OSError):
                run.write_status("interrupted" if isinstance(error, KeyboardInterrupt) else "failed", reason=reason)
            raise


def environment() -> dict[str, Any]:
    """Return the environment of a run: versions, git revision and changed files, machine, command."""
    import os
    import platform

    return {
        "idf": idf.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in ("tensorflow", "keras", "numpy", "numba", "hydra-core", "wandb")},
        "git": _git(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "command": sys.argv,
        "started": time.time(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    """Return the revision of the checkout that this package runs from; None outside a checkout."""
    root = Path(idf.__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.rstrip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return None
        changed = [line[3:] for line in git("status", "--porcelain").splitlines()]
        return {"revision": git("rev-parse", "HEAD"), "changed": changed[:100]}
    except (OSError, subprocess.SubprocessError):
        return None
