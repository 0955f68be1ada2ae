"""The command line of ``evaluate.py``: which run or models, on which clips, against which baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from idf.arguments import Arguments, parse_arguments
from idf.config import Config, DataConfig, check
from idf.config.compose import check_overrides, compose
from idf.errors import ConfigError, did_you_mean
from idf.evaluation.codecs.baselines import BASELINES
from idf.runs.find import LATEST

SETTINGS = ("run", "model", "split", "baselines")
SPLITS = ("train", "validation", "test")

RUN_USAGE = """\
  run        a run's folder, STUDY/RUN, the beginning of a run's name, or latest: the newest run under outputs/ that
             has a model; STUDY/latest: the newest of one study"""
"""Usage of ``run=``, shared by all commands that look at one run."""

USAGE = f"""\
python evaluate.py run=RUN [model=NAME|FILE,...] [data=NAME] [data.KEY=VALUE ...] [split=test] [baselines=all]
python evaluate.py model=NAME|FILE[,NAME|FILE ...] [data=NAME] [data.KEY=VALUE ...] [split=test] [baselines=all]

Compress every clip of a split to a file, decompress it in a fresh process, compare, and count bytes, with the
model and with other codecs. The table goes to evaluation/ in the run's folder; without a run, to a folder
under outputs/models/.

{RUN_USAGE}
  model      models listed by `idf models`, or model files: instead of a run, or as further rows
  data       data set, a file in conf/data/ (default: the run's; without a run, demo)
  data.KEY   one setting of the data set, such as data.root=/audio
  split      {", ".join(SPLITS)} (default: test)
  baselines  all (the default), none, or some of: {", ".join(BASELINES)}"""


@dataclass(frozen=True)
class Options:
    """What to evaluate.

    Args:
        run: as accepted by :func:`idf.runs.find.open_run`; empty for models without a run.
        data: ``data=NAME`` and ``data.KEY=VALUE`` in the order given.
        split: ``train``, ``validation`` or ``test``.
        baselines: names from :data:`~idf.evaluation.codecs.baselines.BASELINES`.
        models: model names or files.
    """

    run: str
    data: tuple[str, ...] = ()
    split: str = "test"
    baselines: tuple[str, ...] = tuple(BASELINES)
    models: tuple[str, ...] = ()


def parse_options(argv: Sequence[str]) -> Options:
    """Parse the command line.

    Raises:
        ConfigError: with every problem found.
    """
    arguments = parse_arguments(argv, settings=SETTINGS, passes=("data",))
    given, problems = arguments.settings, arguments.problems
    problems += [
        f"`{plain}` is not an argument: write setting=value{_meant_as_run(plain)}" for plain in arguments.plain
    ]
    problems += check_overrides(arguments.passed).problems
    models = arguments.listed("model") or ()
    if "run" not in given and "model" not in given:
        problems.append(
            "run is missing: write run=RUN, or run=latest for the newest run under outputs/, or model=NAME for a model "
            "listed by `idf models`"
        )
    if len(set(models)) < len(models):
        problems.append(f"model={given['model']}: a model is listed twice; list each once")
    split = arguments.chosen("split", SPLITS, "test")
    baselines = _baselines(arguments)
    arguments.check()
    return Options(given.get("run", ""), arguments.passed, split, baselines, models)


def _baselines(arguments: Arguments) -> tuple[str, ...]:
    names = arguments.listed("baselines")
    if names is None or names == ("all",):
        return tuple(BASELINES)
    if names == ("none",):
        return ()
    known = (*BASELINES, "all", "none")
    arguments.problems += [
        f"baselines: {name} is not one of {', '.join(known)}{did_you_mean(name, known, otherwise='')}"
        for name in names
        if name not in BASELINES
    ]
    return tuple(name for name in BASELINES if name in names)


def _meant_as_run(plain: str) -> str:
    return f"; did you mean run={plain}?" if Path(plain).name == LATEST or "/" in plain else ""


def data_config(config: Config, overrides: Sequence[str]) -> DataConfig:
    """Return a run's data settings after the overrides ``data=NAME`` and ``data.KEY=VALUE``.

    ``data=NAME`` replaces all of the run's data settings by that file of ``conf/data/``.

    Raises:
        ConfigError: with every problem of the overrides and of their combination.
    """
    if any(override.startswith("data=") for override in overrides):
        return compose(overrides).data
    checked = check_overrides(overrides)
    tree = OmegaConf.structured(config.data)
    for override in checked.overrides:
        OmegaConf.update(tree, str(override.key_or_group).removeprefix("data."), override.value())
    data = OmegaConf.to_object(tree)
    assert isinstance(data, DataConfig)
    problems = [*checked.problems]
    if overrides:
        problems += check(dataclasses.replace(config, data=data))
    if problems:
        raise ConfigError(problems)
    return data
