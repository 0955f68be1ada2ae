"""Run folders as seen from outside: found, read, never written.

Everything is read leniently: a folder that is damaged or from another version is still listed, with
what can be known of it.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from idf.config import Config, load_config
from idf.errors import RunError
from idf.runs.history import read_history
from idf.text import did_you_mean

ENDED = ("finished", "diverged")
"""States that a run does not leave unless it is started over."""

KILLED = "killed"
"""``status.json`` says running, but the process that wrote it is gone."""

DAMAGED = "damaged"
"""``status.json`` cannot be read."""


@dataclass(frozen=True)
class RunState:
    """What ``status.json`` and the lock say.

    Args:
        name: a status of the run, or ``killed``, ``damaged``, ``new`` (nothing there yet).
        step, steps: reached and planned; None where not known.
        best: bits/sample of the best validation.
        reason: why it diverged or failed.
        updated: seconds since 1970.
        owner: process id and machine that work on it now.
    """

    name: str
    step: int = 0
    steps: int | None = None
    best: float | None = None
    reason: str | None = None
    updated: float | None = None
    owner: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """One run folder.

    Args:
        folder: where it lies.
        state: how far it is.
        settings: flat, by dotted key; empty when they cannot be read.
        environment: versions, git revision, command.
    """

    folder: Path
    state: RunState
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``<study>/<signature>-s<seed>``."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def history(self) -> list[dict[str, Any]]:
        """All records of ``history.jsonl``; none when there is no such file."""
        path = self.folder / "history.jsonl"
        return read_history(path) if path.is_file() else []

    def evaluation(self) -> dict[str, Any] | None:
        """What ``evaluate.py`` wrote last, None when it did not or when that cannot be read."""
        found = _json(self.folder / "evaluation" / "results.json")
        return found if found and isinstance(found.get("rows"), list) else None

    def bytes_on_disk(self) -> int:
        """Size of all files of the folder."""
        total = 0
        for parent, _, names in os.walk(self.folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(parent, name)).st_size
                except OSError:
                    continue  # removed meanwhile, as checkpoints are
        return total


def find_runs(outputs: Path) -> list[Path]:
    """All run folders ``outputs/<study>/<run>``, in order of their names."""
    return sorted(path.parent for path in outputs.glob("*/*/status.json"))


def read_run(folder: Path) -> RunRecord:
    """Read what there is. A damaged file leaves its part empty."""
    return RunRecord(folder, read_state(folder), _settings(folder), _json(folder / "environment.json") or {})


def read_state(folder: Path) -> RunState:
    """The run's state alone, which is quick enough to ask for every second."""
    path = folder / "status.json"
    if not path.exists():
        return RunState("new", owner=lock_owner(folder))
    status = _json(path)
    if status is None or not isinstance(status.get("status"), str):
        return RunState(DAMAGED, updated=_modified(path), reason=f"{path} cannot be read")
    owner = lock_owner(folder)
    name = status["status"]
    if name == "running" and owner is None:
        name = KILLED
    step, steps, reason = status.get("step"), status.get("steps"), status.get("reason")
    return RunState(
        name=name,
        step=step if isinstance(step, int) else 0,
        steps=steps if isinstance(steps, int) else None,
        best=number(status.get("best")),
        reason=str(reason) if reason else None,
        updated=number(status.get("updated")) or _modified(path),
        owner=owner,
    )


def is_evaluated(folder: Path) -> bool:
    """Whether ``evaluate.py`` has measured the model that a run ended with."""
    results, model = folder / "evaluation" / "results.json", folder / "model.idfm"
    try:
        return results.stat().st_mtime >= model.stat().st_mtime
    except OSError:
        return False


def lock_owner(folder: Path) -> str | None:
    """Who works on the run, e.g. ``"process 4711 on host"``; None when nobody does.

    Reads the owner's name instead of trying the lock, which could get in the way of a run that starts.
    """
    owner = _json(folder / "lock") or {}
    pid, host = owner.get("pid"), owner.get("host")
    if not isinstance(pid, int) or not isinstance(host, str):
        return None
    if host == socket.gethostname() and not _is_alive(pid):
        return None
    return f"process {pid} on {host}"


def open_record(word: str, outputs: Path = Path("outputs")) -> RunRecord:
    """The run that ``word`` means: a folder, ``<study>/<run>``, the beginning of a run's name, or ``latest``.

    Raises:
        RunError: there is none, or several begin so.
    """
    found = find_runs(outputs)
    if word == "latest":
        if not found:
            raise RunError(f"there is no run under {outputs}/; train one with: python train.py")
        return max((read_run(folder) for folder in found), key=lambda run: run.state.updated or 0.0)
    for folder in (Path(word), outputs / word):
        if (folder / "status.json").exists():
            return read_run(folder)
    inside = find_runs(Path(word).parent) if Path(word).is_dir() else []
    inside = [folder for folder in inside if folder.parent.resolve() == Path(word).resolve()]
    if inside:
        names = ", ".join(folder.name for folder in inside[:6]) + (", …" if len(inside) > 6 else "")
        raise RunError(f"{word} is a study, not a run; its runs are {names}")
    matching = [folder for folder in found if folder.name.startswith(word)]
    if len(matching) == 1:
        return read_run(matching[0])
    if matching:
        raise RunError(f"{word} is ambiguous: {', '.join(f'{run.parent.name}/{run.name}' for run in matching)}")
    known = [f"{folder.parent.name}/{folder.name}" for folder in found]
    hint = did_you_mean(word, known) if known else f"; {outputs}/ holds no runs yet"
    if len(known) > 12 and "did you mean" not in hint:
        hint = f"; {outputs}/ holds {len(known)} runs, which `python -m experiments.status` lists"
    raise RunError(f"there is no run {word}{hint}")


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one dictionary with dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + str(name)] = value
    return flat


def number(value: object) -> float | None:
    """``value`` if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _settings(folder: Path) -> dict[str, Any]:
    try:
        tree = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    except (OSError, YAMLError, UnicodeDecodeError, OmegaConfBaseException):
        return {}
    return flatten({str(key): value for key, value in tree.items()}) if isinstance(tree, dict) else {}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it belongs to somebody else
    return True


LATEST = "latest"


MODEL_FILE = "model.idfm"


@dataclass(frozen=True)
class EvaluatedRun:
    """A run folder with a model.

    Args:
        folder: the run's folder.
        config: its settings.
    """

    folder: Path
    config: Config

    @property
    def model(self) -> Path:
        """The exported model."""
        return self.folder / MODEL_FILE

    @property
    def history(self) -> Path:
        """What training measured."""
        return self.folder / "history.jsonl"

    @property
    def evaluation(self) -> Path:
        """Where the evaluation writes."""
        return self.folder / "evaluation"


def open_run(where: str, study: str | None = None, outputs: Path = Path("outputs")) -> EvaluatedRun:
    """Open the run folder ``where``, or for ``latest`` the newest one with a model (of ``study``, if given).

    Raises:
        RunError: there is no such run, it has no model yet, or its settings cannot be read.
    """
    folder = _latest(outputs / study if study else outputs) if where == LATEST else Path(where)
    if not folder.is_dir():
        known = [str(run) for run in _runs(outputs)]
        close = difflib.get_close_matches(where, known, n=1, cutoff=0.5)
        hint = f"; did you mean run={close[0]}?" if close else "; train one with: python train.py"
        raise RunError(f"there is no run folder {folder}{hint}")
    if not (folder / "config.yaml").is_file():
        inside = [str(run) for run in _runs(folder)]
        hint = f"; inside it are: {', '.join(inside[:5])}" if inside else "; name a folder that train.py made"
        raise RunError(f"{folder} is not a run folder: it has no config.yaml{hint}")
    if not (folder / MODEL_FILE).is_file():
        raise RunError(
            f"the run {folder} has no {MODEL_FILE}, so there is nothing to evaluate: {_why_no_model(folder)}"
        )
    return EvaluatedRun(folder, load_config(folder / "config.yaml"))


def _runs(outputs: Path) -> list[Path]:
    """Run folders below ``outputs``: ``<study>/<run>``, and ``outputs`` itself when it is a study."""
    return sorted(file.parent for pattern in ("*/config.yaml", "*/*/config.yaml") for file in outputs.glob(pattern))


def _latest(outputs: Path) -> Path:
    models = [run / MODEL_FILE for run in _runs(outputs) if (run / MODEL_FILE).is_file()]
    if not models:
        raise RunError(f"run=latest: no run under {outputs}/ has a model yet; train one with: python train.py")
    return max(models, key=lambda model: model.stat().st_mtime_ns).parent


def _why_no_model(folder: Path) -> str:
    try:
        status = json.loads((folder / "status.json").read_text())
        state, step = str(status["status"]), status.get("step")
    except (OSError, ValueError, KeyError, TypeError):
        return "train it with train.py and its settings, or choose another run"
    at = f" at step {step}" if step is not None else ""
    if state == "running":
        return (
            f"it is running{at} and writes its model at the first validation; wait, or start it again if it was killed"
        )
    if state == "diverged":
        return f"it diverged{at}; choose other settings, such as another seed or a lower optimizer.learning_rate"
    return f"its status is {state}{at}; start it again with the same settings, it goes on where it stopped"
