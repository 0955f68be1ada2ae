"""What to evaluate: the model of a run, or models by name or file, side by side in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idf.config import Config
from idf.config.compose import compose
from idf.config.identity import usual_whitening_and_width
from idf.evaluation.options import data_config
from idf.files import output_errors
from idf.models.file import read_model_file
from idf.models.registry import find_model
from idf.models.saved import stored_config
from idf.runs.find import OUTPUTS, RunRecord
from idf.runs.run import RunFolder


@dataclass(frozen=True)
class Subject:
    """A model to measure.

    Attributes:
        config: its settings, as far as its file stores them.
        model: the model file.
        label: name in the table's first column.
    """

    config: Config
    model: Path
    label: str

    @property
    def window(self) -> int | None:
        """Window length in samples; None for the adaptive flow, which codes whole clips."""
        return self.config.model.window if self.config.model.family == "window" else None


def label_of_run(config: Config) -> str:
    """Return the label of a run's model: layout, size, and settings that differ from the layout's defaults."""
    if config.model.family != "window":
        return f"IDF {config.model.name}"
    parts = [f"IDF {config.layout.name}-{config.model.name}"]
    usual_whitening, usual_width = usual_whitening_and_width(config.layout.name)
    if config.context != "none":
        parts.append(f"context={config.context}")
    if config.whitening.kind != usual_whitening:
        parts.append(f"whitening={config.whitening.kind}")
    if config.width.name != usual_width:
        parts.append(f"width={config.width.name}")
    return ", ".join(parts)


@dataclass(frozen=True)
class Target:
    """The subject of one evaluation.

    Attributes:
        run: folder for the results: that of the run, or a new one for models without a run.
        config: the first model's settings, with the settings of the data to evaluate on.
        subjects: the models.
    """

    run: RunFolder
    config: Config
    subjects: tuple[Subject, ...]


def target_of_run(run: RunRecord, data: Sequence[str], names: Sequence[str] = ()) -> Target:
    """Return the target for the model that a run exported, followed by the models ``names``.

    Args:
        run: a run with a model.
        data: ``data=NAME`` and ``data.KEY=VALUE``; the run's own data if empty.
        names: shipped or imported models, or paths of model files.

    Raises:
        RunError: the run's settings cannot be read, or there is no such model.
        ConfigError: invalid data settings.
    """
    config = run.config()
    others = tuple(_open_model(name) for name in names)
    own = Subject(config, run.model_path, label_of_run(config) + (" (this run)" if others else ""))
    return Target(run, replace(config, data=data_config(config, data)), (own, *others))


def target_of_models(names: Sequence[str], data: Sequence[str], outputs: Path = OUTPUTS) -> Target:
    """Return the target for models by name or file, and create its folder ``outputs/models/NAME+NAME…``.

    Args:
        names: shipped or imported models, or paths of model files.
        data: ``data=NAME`` and ``data.KEY=VALUE``; the bundled speech if empty.
        outputs: folder of all results.

    Raises:
        RunError: there is no such model, or its file is damaged.
        ConfigError: invalid data settings.
        OutputError: the folder cannot be created.
    """
    subjects = tuple(_open_model(name) for name in names)
    settings = compose(list(data) or ["data=demo"]).data
    folder = outputs / "models" / "+".join(subject.model.stem for subject in subjects)
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return Target(RunFolder(folder), replace(subjects[0].config, data=settings), subjects)


def _open_model(name: str) -> Subject:
    path = find_model(name).resolve()
    config = stored_config(path, read_model_file(path))
    # A file name (default, flow-small, or the user's own) says more than a configuration.
    return Subject(config, path, f"IDF {path.stem}")
