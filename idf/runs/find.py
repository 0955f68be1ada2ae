"""Finding and reading of run folders, without writing to them.

Everything except the history is read leniently: a damaged folder, or one from another version, is still listed
with whatever can be read.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from idf.config import Config, load_config
from idf.errors import RunError, did_you_mean
from idf.runs.history import finite_number, read_history
from idf.runs.lock import lock_owner
from idf.runs.run import RunFolder

ENDED = ("finished", "diverged")
"""Final states, which only starting over changes."""

KILLED = "killed"
"""State of a run whose ``status.json`` says running although its process is gone."""

DAMAGED = "damaged"
"""State of a run whose ``status.json`` cannot be read."""

LATEST = "latest"
"""Name for the run whose status was written last."""

OUTPUTS = Path("outputs")
MOST_NAMED = 12
"""Largest number of runs that a message lists; beyond it the message gives only the count."""


@dataclass(frozen=True)
class RunState:
    """The state of a run according to ``status.json`` and the lock.

    Args:
        name: a status of the run, or ``killed``, ``damaged`` or ``new`` (nothing there yet).
        step, steps: steps done and planned; None if unknown.
        best: bits per dimension of the best validation.
        reason: why it diverged or failed.
        updated: seconds since 1970.
        owner: process and machine that work on it now.
    """

    name: str
    step: int = 0
    steps: int | None = None
    best: float | None = None
    reason: str | None = None
    updated: float | None = None
    owner: str | None = None


@dataclass(frozen=True)
class RunRecord(RunFolder):
    """The contents of a run folder when it was read.

    Args:
        state: status and progress.
        settings: flat, by dotted key; empty if they cannot be read.
        environment: versions, git revision and command.
    """

    state: RunState
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str | None:
        """The command line that started the run, without ``force=true``; None if unknown."""
        argv = self.environment.get("command")
        if not isinstance(argv, list) or not argv:
            return None
        program, *arguments = [str(argument) for argument in argv if not str(argument).startswith("force=")]
        return shlex.join(["python", Path(program).name if program.endswith("train.py") else program, *arguments])

    def config(self) -> Config:
        """Return the settings, checked against those of this version.

        Raises:
            RunError: they are missing, cannot be read, or are from another version.
        """
        return load_config(self.config_path)

    def history(self) -> list[dict[str, Any]]:
        """Return all records of the history; none if there is no such file.

        Raises:
            RunError: it is damaged (:func:`~idf.runs.history.read_history`).
        """
        return read_history(self.history_path) if self.history_path.is_file() else []

    def results(self) -> dict[str, Any] | None:
        """Return the latest results of ``evaluate.py``; None if there are none or they cannot be read."""
        found = _json(self.results_path)
        return found if isinstance(found.get("rows"), list) else None

    def bytes_on_disk(self) -> int:
        """Return the total size of the folder's files in bytes."""
        total = 0
        for parent, _, names in os.walk(self.folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(parent, name)).st_size
                except OSError:
                    continue  # removed meanwhile, as old checkpoints are
        return total


def find_runs(outputs: Path) -> list[Path]:
    """Return all run folders ``outputs/<study>/<run>``, sorted by name."""
    return sorted(folder for folder in outputs.glob("*/*/") if RunFolder(folder).exists())


def read_run(folder: Path) -> RunRecord:
    """Read a run folder; the parts of damaged files stay empty."""
    run = RunFolder(folder)
    return RunRecord(folder, read_state(folder), _settings(run.config_path), _json(run.environment_path))


def read_state(folder: Path) -> RunState:
    """Return only the state of a run, which is fast enough to poll every second."""
    run = RunFolder(folder)
    owner = lock_owner(folder)
    try:
        status = run.status()
    except RunError as error:
        return RunState(DAMAGED, updated=_modified(run.status_path), reason=str(error))
    if not status:
        return RunState("new", owner=owner)
    name = KILLED if status["status"] == "running" and owner is None else status["status"]
    step, steps, reason = status.get("step"), status.get("steps"), status.get("reason")
    return RunState(
        name=name,
        step=step if isinstance(step, int) else 0,
        steps=steps if isinstance(steps, int) else None,
        best=finite_number(status.get("best")),
        reason=str(reason) if reason else None,
        updated=finite_number(status.get("updated")) or _modified(run.status_path),
        owner=owner,
    )


def open_run(word: str, outputs: Path = OUTPUTS, *, with_model: bool = False) -> RunRecord:
    """Open a run.

    Args:
        word: a folder, ``STUDY/RUN``, the beginning of a run's name, ``latest``, or ``STUDY/latest``.
        with_model: require that the run has exported a model.

    Raises:
        RunError: no run matches, several match, or the run has no model.
    """
    run = _latest(word, outputs, with_model) if Path(word).name == LATEST else _named(word, outputs)
    if with_model and not run.model_path.is_file():
        raise RunError(f"nothing to evaluate: the run {run.folder} has no {run.model_path.name}; {_why_no_model(run)}")
    return run


def _latest(word: str, outputs: Path, with_model: bool) -> RunRecord:
    study = word.removesuffix(LATEST).strip("/")
    runs = [read_run(folder) for folder in find_runs(outputs) if not study or folder.parent.name == study]
    if with_model:
        runs = [run for run in runs if run.model_path.is_file()]
    if not runs:
        where, what = outputs / study, "no run in {}/ has a model yet" if with_model else "there is no run in {}/"
        raise RunError(f"{word}: {what.format(where)}; train one with: python train.py")
    return max(runs, key=lambda run: run.state.updated or 0.0)


def _named(word: str, outputs: Path) -> RunRecord:
    for folder in (Path(word), outputs / word):
        if RunFolder(folder).exists():
            return read_run(folder)
        if inside := [path for path in sorted(folder.glob("*/")) if RunFolder(path).exists()]:
            raise RunError(f"{word} is a study, not a run; its runs are {_names(inside, 6)}")
    found = find_runs(outputs)
    matching = [folder for folder in found if folder.name.startswith(word)]
    if len(matching) == 1:
        return read_run(matching[0])
    if matching:
        raise RunError(f"{word} is ambiguous: {_names(matching, MOST_NAMED)}")
    if Path(word).is_dir():
        raise RunError(
            f"{word} is not a run folder: it has neither config.yaml nor status.json; give a folder that train.py made"
        )
    if not found:
        raise RunError(f"there is no run {word}: {outputs}/ contains no runs yet; train one with: python train.py")
    several = f"; `python -m experiments.status` lists the {len(found)} runs in {outputs}/"
    known = [RunFolder(folder).name for folder in found]
    near = str(Path(word).relative_to(outputs)) if Path(word).is_relative_to(outputs) else word
    raise RunError(
        f"there is no run {word}{did_you_mean(near, known, otherwise=several if len(found) > MOST_NAMED else None)}"
    )


def _names(folders: Sequence[Path], most: int) -> str:
    more = ", …" if len(folders) > most else ""
    return ", ".join(RunFolder(folder).name for folder in folders[:most]) + more


def _why_no_model(run: RunRecord) -> str:
    state = run.state
    at = f" at step {state.step}"
    match state.name:
        case "new" | "damaged":
            return "train it with train.py and its settings, or choose another run"
        case "running":
            return f"it is running{at}; wait for the first validation, which writes the model"
        case "killed":
            return f"it was killed{at} or later; start it again with the same settings to resume it"
        case "diverged":
            return f"it diverged{at}; change settings, for example the seed or a lower optimizer.learning_rate"
    return f"its status is {state.name}{at}; start it again with the same settings to resume it"


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one dictionary with dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + str(name)] = value
    return flat


def _settings(path: Path) -> dict[str, Any]:
    try:
        tree = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, YAMLError, UnicodeDecodeError, OmegaConfBaseException):
        return {}
    return flatten({str(key): value for key, value in tree.items()}) if isinstance(tree, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
