"""The plan of a study: its list of runs, all composed and checked before the first one starts.

The plan is written to ``outputs/<study>-<budget>/study.json``. From it the report knows which run belongs to
which cell, even if the study's file or the defaults have changed since.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.launching.definition import Budget, Settings, Study
from idf.config import Config, DataConfig, check, run_folder, signature
from idf.config.compose import compose
from idf.errors import ConfigError, DataError, RunError, did_you_mean
from idf.evaluation.options import parse_options
from idf.files import atomic_write_text

MANIFEST = "study.json"
DEFAULT_BUDGET = "smoke"


@dataclass(frozen=True)
class Job:
    """One run of a study.

    Args:
        cell, seed: its place in the study.
        overrides: arguments of ``train.py``, except those that the launcher adds (threads).
        folder: of the run.
        steps: training steps.
        evaluate: arguments of ``evaluate.py``; None for no evaluation.
    """

    cell: str
    seed: int
    overrides: tuple[str, ...]
    folder: Path
    steps: int
    evaluate: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Name in messages and of the log file."""
        return f"{self.cell}-s{self.seed}"

    @property
    def command(self) -> str:
        """Command that makes this run alone."""
        return shlex.join(["python", "train.py", *self.overrides])


@dataclass(frozen=True)
class Plan:
    """A study at one budget.

    Args:
        study: the study.
        budget: name of the budget.
        name: of the folder under ``outputs``: study and budget.
        folder: ``outputs/<name>``.
        jobs: all seeds of the first cell, then of the second, and so on.
        shared_threads: whether the settings leave the number of threads to the launcher.
    """

    study: Study
    budget: str
    name: str
    folder: Path
    jobs: tuple[Job, ...]
    shared_threads: bool

    @property
    def cells(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(job.cell for job in self.jobs))


def make_plan(study: Study, budget: str | None, seeds: Sequence[int] | None, extra: Mapping[str, str]) -> Plan:
    """Compose every cell and return the plan.

    Args:
        study: the study.
        budget: by name; None selects ``smoke`` if it exists, else the first.
        seeds: replace those of the study and the budget; None keeps them.
        extra: settings of the command line, for every run.

    Raises:
        ConfigError: with every problem and the cells that have it.
        DataError: the data set cannot be opened.
    """
    name, chosen = _budget(study, budget)
    for key in ("seed", "study"):
        if key in extra:
            raise ConfigError(
                [
                    f"{key}={extra[key]}: "
                    + ("use seeds=0,1,2 instead" if key == "seed" else "remove it; a study names its own folder")
                ]
            )
    folder_name = f"{study.name}-{name}"
    seeds = tuple(seeds) if seeds is not None else chosen.seeds or study.seeds
    problems: dict[str, list[str]] = {}
    composed: dict[str, tuple[tuple[str, ...], Config]] = {}
    names = chosen.cells if chosen.cells is not None else tuple(study.cells)
    for cell in names:
        own = {**study.cells[cell], **chosen.cell_settings.get(cell, {})}
        settings: Settings = {**study.settings, **chosen.settings, **own, **extra, "study": folder_name}
        overrides = tuple(f"{key}={value}" for key, value in settings.items())
        try:
            composed[cell] = overrides, compose(overrides)
        except ConfigError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(cell)
    _raise(problems, names)
    _distinct({cell: config for cell, (_, config) in composed.items()})
    evaluate = chosen.evaluate if chosen.evaluate is not None else study.evaluate
    jobs = [
        _job(cell, overrides, config, seed, evaluate, first=index == 0)
        for cell, (overrides, config) in composed.items()
        for index, seed in enumerate(seeds)
    ]
    _check_data([config.data for _, config in composed.values()])
    one = next(iter(composed.values()))[1]
    return Plan(study, name, folder_name, Path(one.outputs) / folder_name, tuple(jobs), shared_threads=not one.threads)


def _budget(study: Study, name: str | None) -> tuple[str, Budget]:
    if name is None:
        name = DEFAULT_BUDGET if DEFAULT_BUDGET in study.budgets else next(iter(study.budgets))
    if name not in study.budgets:
        raise ConfigError([f"{study.name} has no budget {name}{did_you_mean(name, study.budgets)}"])
    return name, study.budgets[name]


def _raise(problems: Mapping[str, Sequence[str]], names: Sequence[str]) -> None:
    if not problems:
        return
    sentences = []
    for problem, cells in problems.items():
        where = "every cell" if len(cells) == len(names) > 1 else f"cell{'s' * (len(cells) > 1)} {', '.join(cells)}"
        sentences.append(f"{where}: {problem}")
    raise ConfigError(sentences)


def _distinct(configs: Mapping[str, Config]) -> None:
    by_signature: dict[str, list[str]] = {}
    for cell, config in configs.items():
        by_signature.setdefault(signature(config), []).append(cell)
    same = [cells for cells in by_signature.values() if len(cells) > 1]
    if same:
        raise ConfigError([f"cells {' and '.join(cells)} have the same settings; remove all but one" for cells in same])


def _job(
    cell: str, overrides: tuple[str, ...], config: Config, seed: int, evaluate: tuple[str, ...] | None, *, first: bool
) -> Job:
    config = dataclasses.replace(config, seed=seed)
    problems = check(config)
    if problems:
        raise ConfigError([f"cell {cell}, seed {seed}: {problem}" for problem in problems])
    if evaluate is not None:
        # Other codecs do not depend on the seed, so they are measured once per cell.
        if not first:
            evaluate = (*(argument for argument in evaluate if not argument.startswith("baselines=")), "baselines=none")
        parse_options(["run=x", *evaluate])
    return Job(cell, seed, (*overrides, f"seed={seed}"), run_folder(config), config.training.steps, evaluate)


def _check_data(configs: Sequence[DataConfig]) -> None:
    """Raise, before the first run starts, the errors that the runs would raise on opening their data."""
    from idf.datasets.dataset import open_dataset

    seen: list[DataConfig] = []
    for config in configs:
        if config in seen or config.download:  # the first run downloads the data
            continue
        seen.append(config)
        try:
            open_dataset(config)
        except DataError as error:
            raise DataError(f"{error}\n(data={config.name} of the study; no run was started)") from error


def write_manifest(plan: Plan, command: Sequence[str]) -> None:
    """Write the plan to its folder.

    Raises:
        OutputError: the folder cannot be written.
    """
    record = {
        "study": plan.study.name,
        "budget": plan.budget,
        "description": plan.study.description,
        "command": list(command),
        "report": dataclasses.asdict(plan.study.report),
        "runs": [
            {
                "cell": job.cell,
                "seed": job.seed,
                "run": job.folder.name,
                "overrides": list(job.overrides),
                "evaluate": None if job.evaluate is None else list(job.evaluate),
            }
            for job in plan.jobs
        ],
    }
    atomic_write_text(plan.folder / MANIFEST, json.dumps(record, indent=2) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what :func:`write_manifest` wrote.

    Raises:
        RunError: the file is missing, damaged or of another version.
    """
    path = folder / MANIFEST
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not the folder of a study: it has no {MANIFEST}") from error
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read ({error}); start the study again to rewrite it (finished runs are kept)"
        ) from error
    if not isinstance(record, dict) or not isinstance(record.get("runs"), list):
        raise RunError(f"{path} is of another version; start the study again to rewrite it (finished runs are kept)")
    return record
