"""The definition of a study: a YAML file of cells and seeds, with budgets that say how much of it to run.

::

    description: the question it answers
    settings: {data: demo}                  # for every run
    cells:                                  # by name, each with its own settings
      small: {model: small}
    grid:                                   # and/or: every combination of the axes is a cell
      settings: {experiment: original}
      axes: {permutation: [random, reverse], sharpness: [step, constant]}
    seeds: [0, 1, 2]
    evaluate: [split=test]                  # arguments of evaluate.py; omit for no evaluation
    budgets:
      smoke: {settings: {training.steps: 300}}
      full: {seeds: [0, 1, 2, 3, 4], cells: [small]}   # or with settings: cells: {small: {training: long}}
    report: {comparisons: [[small, medium]], target: 9.0, published: {…}}

Settings are those of ``train.py``. Later values replace earlier ones in this order:
study, budget, cell, the budget's settings for that cell, command line.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from idf.errors import ConfigError, did_you_mean
from idf.runs.find import flatten

OWN_STUDIES = Path(__file__).resolve().parents[1]

Settings = dict[str, str]
"""Values by setting, as on the command line."""


@dataclass(frozen=True)
class Budget:
    """How much of a study to run.

    Args:
        settings: for every cell; the cell's own settings take precedence.
        cells: names of the cells to run; None for all.
        seeds: replace the study's seeds; None keeps them.
        evaluate: replace the study's arguments of ``evaluate.py``; None keeps them.
        cell_settings: for single cells; they take precedence over the cell's own settings.
    """

    settings: Settings = field(default_factory=dict)
    cells: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    evaluate: tuple[str, ...] | None = None
    cell_settings: dict[str, Settings] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """A published figure that the report shows beside a cell.

    Args:
        source: who published it.
        bits_per_sample: as published.
        note: how it was measured.
    """

    source: str
    bits_per_sample: float
    note: str = ""


@dataclass(frozen=True)
class ReportSettings:
    """What the report shows besides the statistics of each cell.

    Args:
        comparisons: pairs of cells to compare seed by seed.
        target: bits/sample for the column of steps to target; None derives it from the results.
        published: published figures, by cell.
    """

    comparisons: tuple[tuple[str, str], ...] = ()
    target: float | None = None
    published: dict[str, Published] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A study file, read and checked without composing its runs.

    Args:
        name: of the file, without its suffix.
        path: of the file.
        description: the question it answers.
        settings: for every run.
        cells: settings by cell.
        seeds: of every cell.
        evaluate: arguments of ``evaluate.py``; None for no evaluation.
        budgets: by name.
        report: settings of the report.
    """

    name: str
    path: Path
    description: str
    settings: Settings
    cells: dict[str, Settings]
    seeds: tuple[int, ...]
    evaluate: tuple[str, ...] | None
    budgets: dict[str, Budget]
    report: ReportSettings


def find_study(word: str) -> Path:
    """Return the file of a study, given as a path or as the name of a file in ``experiments/``.

    Raises:
        ConfigError: there is no such study.
    """
    for path in (Path(word), OWN_STUDIES / word, OWN_STUDIES / f"{word}.yaml"):
        if path.is_file():
            return path
    known = sorted(path.stem for path in OWN_STUDIES.glob("*.yaml"))
    raise ConfigError([f"there is no study {word}{did_you_mean(Path(word).stem, known)}"])


def read_study(path: Path) -> Study:
    """Read and check the study file ``path``.

    Raises:
        ConfigError: with every problem of the file.
    """
    try:
        tree = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        raise ConfigError([f"{path} cannot be read: {' '.join(str(error).split())}"]) from error
    problems: list[str] = []
    try:
        study = _Reader(path, problems).study(tree)
    except _Unreadable:
        raise ConfigError([f"{path}: {problem}" for problem in problems]) from None
    if problems:
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    return study


def override_text(value: object) -> str:
    """Return a YAML value as an argument of ``train.py``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(override_text(item) for item in value) + "]"
    text = str(value)
    if re.fullmatch(r"[\w./:+@%?*-]+", text) or not isinstance(value, str):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class _Unreadable(Exception):
    """The file is not a mapping with the expected keys; the problem has been recorded."""


class _Reader:
    """Turns the YAML tree into a study and records every problem."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self._path, self._problems = path, problems

    def study(self, tree: object) -> Study:
        keys = ("description", "settings", "cells", "grid", "seeds", "evaluate", "budgets", "report")
        top = self._mapping(tree, "the study", keys)
        if not top:
            self._note("it is empty: give cells: or grid:")
            raise _Unreadable
        cells = self._cells(top)
        if not cells:
            self._note("it has no cells: give cells: or grid:")
        budgets = self._budgets(top.get("budgets"), cells)
        return Study(
            name=self._path.stem,
            path=self._path,
            description=" ".join(str(top.get("description", "")).split()),
            settings=self._settings(top.get("settings"), "settings"),
            cells=cells,
            seeds=self._seeds(top.get("seeds", [0]), "seeds"),
            evaluate=self._arguments(top.get("evaluate"), "evaluate"),
            budgets=budgets,
            report=self._report(top.get("report"), cells),
        )

    def _note(self, problem: str) -> None:
        self._problems.append(problem)

    def _mapping(self, tree: object, where: str, keys: Sequence[str] | None = None) -> dict[str, Any]:
        if tree is None:
            return {}
        if not isinstance(tree, Mapping):
            self._note(f"{where} must be a mapping, `name: value`, not {tree!r}")
            return {}
        for key in tree:
            if keys is not None and key not in keys:
                self._note(f"{where} has no key {key}{did_you_mean(str(key), keys)}")
        return {str(key): value for key, value in tree.items()}

    def _settings(self, tree: object, where: str) -> Settings:
        settings = {key: override_text(value) for key, value in flatten(self._mapping(tree, where)).items()}
        taken = {"seed": "seeds:", "study": "the name of the file", "force": "force=true on the command line"}
        for key, instead in taken.items():
            if settings.pop(key, None) is not None:
                self._note(f"{where} sets {key}; remove it and use {instead}")
        return settings

    def _cells(self, top: dict[str, Any]) -> dict[str, Settings]:
        cells = {}
        for name, tree in self._mapping(top.get("cells"), "cells").items():
            cells[name] = self._settings(tree, f"cell {name}")
        grid = self._mapping(top.get("grid"), "grid", ("settings", "axes"))
        if grid:
            common = self._settings(grid.get("settings"), "grid.settings")
            axes = self._mapping(grid.get("axes"), "grid.axes")
            for axis, values in axes.items():
                if not isinstance(values, list) or not values:
                    self._note(f"grid.axes.{axis} must be a list of values, not {values!r}")
                    axes[axis] = []
            texts = [[(axis, override_text(value)) for value in values] for axis, values in axes.items()]
            for combination in itertools.product(*texts) if texts else ():
                name = "-".join(re.sub(r"[^\w.]+", "_", value).strip("_") for _, value in combination)
                if name in cells:
                    self._note(f"two cells have the name {name}")
                cells[name] = common | dict(combination)
        for name in cells:
            if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
                self._note(
                    f"cell {name!r}: use only letters, digits and the characters . _ + - in its name, a letter or digit first"
                )
        return cells

    def _seeds(self, tree: object, where: str) -> tuple[int, ...]:
        if isinstance(tree, list) and tree and all(isinstance(seed, int) and 0 <= seed < 1 << 31 for seed in tree):
            if len(set(tree)) < len(tree):
                self._note(f"{where} lists a seed twice")
            return tuple(int(seed) for seed in tree)
        self._note(f"{where} must be a list of non-negative integers, not {tree!r}")
        return ()

    def _arguments(self, tree: object, where: str) -> tuple[str, ...] | None:
        if tree is None:
            return None
        if not isinstance(tree, list) or not all(isinstance(argument, str) and "=" in argument for argument in tree):
            self._note(f"{where} must be a list of arguments of evaluate.py such as [split=test], not {tree!r}")
            return None
        return tuple(str(argument) for argument in tree)

    def _budgets(self, tree: object, cells: Mapping[str, Settings]) -> dict[str, Budget]:
        budgets = {}
        for name, part in self._mapping(tree, "budgets").items():
            where = f"budget {name}"
            budget = self._mapping(part, where, ("settings", "cells", "seeds", "evaluate"))
            chosen, own = budget.get("cells"), {}
            if isinstance(chosen, Mapping):
                own = {str(cell): self._settings(part, f"{where}: cell {cell}") for cell, part in chosen.items()}
                chosen = list(chosen)
            if chosen is not None:
                chosen = self._known_cells(chosen, cells, f"{where}: cells")
            seeds = self._seeds(budget["seeds"], f"{where}: seeds") if "seeds" in budget else None
            settings = self._settings(budget.get("settings"), f"{where}: settings")
            evaluate = self._arguments(budget.get("evaluate"), f"{where}: evaluate")
            budgets[name] = Budget(settings, chosen, seeds, evaluate, own)
        return budgets or {"full": Budget()}

    def _known_cells(self, tree: object, cells: Mapping[str, Settings], where: str) -> tuple[str, ...]:
        if not isinstance(tree, list):
            self._note(f"{where} must be a list of cells, not {tree!r}")
            return ()
        for name in tree:
            if name not in cells:
                self._note(f"{where}: there is no cell {name}{did_you_mean(str(name), cells)}")
        return tuple(str(name) for name in tree)

    def _report(self, tree: object, cells: Mapping[str, Settings]) -> ReportSettings:
        report = self._mapping(tree, "report", ("comparisons", "target", "published"))
        pairs = []
        for pair in report.get("comparisons") or []:
            names = self._known_cells(pair, cells, "report.comparisons")
            if len(names) != 2:
                self._note(f"report.comparisons: {pair!r} must be a pair of cells")
            else:
                pairs.append((names[0], names[1]))
        published = self._mapping(report.get("published"), "report.published")
        self._known_cells(list(published), cells, "report.published")
        figures = {name: self._figure(part, name) for name, part in published.items()}
        return ReportSettings(
            comparisons=tuple(pairs),
            target=self._try(float, report.get("target"), "report.target must be a number of bits/sample"),
            published={name: figure for name, figure in figures.items() if figure is not None},
        )

    def _figure(self, tree: object, cell: str) -> Published | None:
        where = f"report.published.{cell}"
        part = self._mapping(tree, where, ("source", "bits_per_sample", "note"))
        value = self._try(float, part.get("bits_per_sample"), f"{where}.bits_per_sample must be a number")
        return (
            None if value is None else Published(str(part.get("source", "published")), value, str(part.get("note", "")))
        )

    def _try(self, kind: Callable[[Any], float], value: object, problem: str) -> float | None:
        if value is None:
            return None
        try:
            return kind(value)
        except (TypeError, ValueError):
            self._note(f"{problem}, not {value!r}")
            return None
