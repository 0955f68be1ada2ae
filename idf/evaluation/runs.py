"""Run folders as the evaluation sees them: find one, check that it has a model, read its settings."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from idf.config import Config, DataConfig, check, load_config
from idf.config.compose import check_overrides, compose
from idf.errors import ConfigError, RunError

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


def data_config(run: EvaluatedRun, overrides: Sequence[str]) -> DataConfig:
    """The run's data settings, changed by ``data=NAME`` and ``data.KEY=VALUE``.

    With ``data=NAME`` the settings start afresh from that file of ``conf/data/``, without it from the run's.

    Raises:
        ConfigError: with every problem of the overrides and of their combination.
    """
    if any(word.startswith("data=") for word in overrides):
        return compose(overrides).data
    checked = check_overrides(overrides)
    tree = OmegaConf.structured(run.config.data)
    for override in checked.overrides:
        OmegaConf.update(tree, str(override.key_or_group).removeprefix("data."), override.value())
    data = OmegaConf.to_object(tree)
    assert isinstance(data, DataConfig)
    problems = [*checked.problems]
    if overrides:
        problems += check(dataclasses.replace(run.config, data=data))
    if problems:
        raise ConfigError(problems)
    return data


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
