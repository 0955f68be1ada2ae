"""The words after ``evaluate.py``: which run, on which clips, against which baselines."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import OmegaConf

from idf.config import DataConfig, check
from idf.config.compose import check_overrides, compose
from idf.errors import ConfigError
from idf.evaluation.codecs.baselines import BASELINES
from idf.runs.find import LATEST, EvaluatedRun

KEYS = ("run", "study", "model", "split", "baselines")
SPLITS = ("train", "validation", "test")

USAGE = f"""\
python evaluate.py run=FOLDER|latest [study=NAME] [data=NAME] [data.KEY=VALUE ...] [split=test] [baselines=all]
python evaluate.py model=NAME|FILE[,NAME|FILE ...] [data=NAME] [data.KEY=VALUE ...] [split=test] [baselines=all]

Code every clip of a split to a file with the run's model, decode it in a fresh process, compare, count
the bytes, do the same with other codecs, and write the table to FOLDER/evaluation/. Of several models one
table is made, under outputs/models/.

  run        folder of a run, or latest: the newest run under outputs/ that has a model
  study      with run=latest: only runs under outputs/NAME/
  model      models that idf models lists, or model files, instead of a run
  data       another data set than the run's: one of the files in conf/data/; of models demo unless given
  data.KEY   one setting of the data set, such as data.root=/audio
  split      {", ".join(SPLITS)}; test unless given
  baselines  all, none, or some of: {", ".join(BASELINES)}"""


@dataclass(frozen=True)
class Options:
    """What to evaluate.

    Args:
        run: a folder, or ``latest``; empty where ``models`` are given.
        study: which study's latest run; None for any.
        data: ``data=NAME`` and ``data.KEY=VALUE`` in the order given.
        split: ``train``, ``validation`` or ``test``.
        baselines: names from :data:`~idf.evaluation.codecs.baselines.BASELINES`.
        models: names or files.
    """

    run: str
    study: str | None = None
    data: tuple[str, ...] = ()
    split: str = "test"
    baselines: tuple[str, ...] = tuple(BASELINES)
    models: tuple[str, ...] = ()


def parse_options(words: Sequence[str]) -> Options:
    """Read the command line.

    Raises:
        ConfigError: with every problem found.
    """
    problems: list[str] = []
    given: dict[str, str] = {}
    data: list[str] = []
    for word in words:
        key, separator, value = word.partition("=")
        if not separator:
            problems.append(f"`{word}` cannot be read: write setting=value{_did_you_mean_run(word)}")
        elif key == "data" or key.startswith("data."):
            data.append(word)
        elif key in KEYS:
            if key in given:
                problems.append(f"{key} is given twice")
            if not value:
                problems.append(f"{key}= has no value")
            given[key] = value
        else:
            problems.append(
                f"{key} is not a setting of evaluate.py{_did_you_mean(key, ('run', 'model', 'data', 'split', 'baselines'))}"
            )
    problems += check_overrides(data).problems
    models = tuple(name.strip() for name in given.get("model", "").strip("[]").split(",") if name.strip())
    if "run" in given and "model" in given:
        problems.append("run= and model= exclude each other: a run has one model, its own")
    elif "run" not in given and "model" not in given:
        problems.append(
            "run is missing: write run=FOLDER, or run=latest for the newest run under outputs/, or model=NAME "
            "for a model that idf models lists"
        )
    if len(set(models)) < len(models):
        problems.append(f"model={given['model']}: a model is there twice")
    if "study" in given and (models or given.get("run", LATEST) != LATEST):
        problems.append("study= goes with run=latest; a folder or a model needs no study")
    split = given.get("split", "test")
    if split not in SPLITS:
        problems.append(f"split={split}: expected one of {', '.join(SPLITS)}{_did_you_mean(split, SPLITS)}")
    baselines = _baselines(given.get("baselines", "all"), problems)
    if problems:
        raise ConfigError(problems)
    return Options(given.get("run", ""), given.get("study"), tuple(data), split, baselines, models)


def _baselines(text: str, problems: list[str]) -> tuple[str, ...]:
    names = [name.strip() for name in text.strip("[]").split(",") if name.strip()]
    if names == ["all"]:
        return tuple(BASELINES)
    if names == ["none"]:
        return ()
    for name in names:
        if name not in BASELINES:
            known = (*BASELINES, "all", "none")
            problems.append(f"baselines: {name} is not one of {', '.join(known)}{_did_you_mean(name, known)}")
    return tuple(name for name in BASELINES if name in names)


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _did_you_mean_run(word: str) -> str:
    return f"; did you mean run={word}?" if "/" in word or word == "latest" else ""


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
