"""``python -m experiments.check_sweep FILE``: check a Weights & Biases sweep file, without network or account.

W&B accepts parameters that ``train.py`` does not have and commands that it cannot parse; each run then fails at
its start. This check composes the settings of every parameter and value as a run would.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from experiments.launching.sweep_values import Parameter, read_parameters
from idf.arguments import parse_arguments
from idf.config import Config, signature
from idf.config.compose import check_overrides, compose
from idf.errors import ConfigError, did_you_mean, run_main

USAGE = """\
python -m experiments.check_sweep [FILE ...]

Check W&B sweep files (default: sweep.yaml): parameters, values, command, metric, early termination.
The exit status is 0 if every run of the sweep would start; otherwise 2, after a list of all problems."""

KEYS = (
    "program", "method", "metric", "parameters", "command", "early_terminate", "name", "description", "project",
    "entity", "run_cap", "controller", "settings", "prior_runs",
)  # fmt: skip
METHODS = ("grid", "random", "bayes")

METRICS = {
    "validation/bits_per_dim": "minimize",
    "validation/compression_ratio": "maximize",
    "coded/bits_per_dim": "minimize",
    "coded/compression_ratio": "maximize",
    "coded/likelihood_bits_per_dim": "minimize",
    "train/loss": "minimize",
    "train/compression_ratio": "maximize",
    "train/samples_per_second": "maximize",
    "best_bits_per_dim": "minimize",
}
"""The logged metrics that a sweep can optimise, and their goals."""

MACRO = "${args_no_hyphens}"
COMMAND = ("${env}", "${interpreter}", "${program}", MACRO)

MAX_COMBINATIONS = {"grid": 120, "random": 20, "bayes": 20}
"""Largest number of combinations that are all composed, at about 0.1 s each. With more, each value is composed
once, and then this many random combinations."""


@dataclass(frozen=True)
class Verdict:
    """The result of checking one file.

    Args:
        problems: why runs would fail; empty if the sweep works.
        summary: what the sweep does, if it works.
    """

    problems: tuple[str, ...]
    summary: tuple[str, ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Check the files, print what they do, and return 0.

    Raises:
        ConfigError: with every problem of every file.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv)
    arguments.check()
    files = arguments.plain or ("sweep.yaml",)
    problems: list[str] = []
    for file in files:
        verdict = check_file(Path(file))
        problems += [f"{file}: {problem}" for problem in verdict.problems]
        for line in verdict.summary:
            print(f"{file}: {line}")
    if problems:
        raise ConfigError(problems)
    return 0


def check_file(path: Path) -> Verdict:
    """Check the sweep file ``path``."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))  # as W&B reads it
    except FileNotFoundError:
        return Verdict(("no such file",))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return Verdict((f"cannot be read: {' '.join(str(error).split())}",))
    if not isinstance(tree, dict):
        return Verdict(("not a sweep: a mapping with program, method, metric, parameters and command is expected",))
    return check_sweep(tree, [path.parent, Path.cwd()])


def check_sweep(sweep: dict[str, Any], places: Sequence[Path] = (Path(),)) -> Verdict:
    """Check a sweep.

    Args:
        sweep: the file's content.
        places: folders to search for its program.
    """
    problems = [f"unknown key {key}{did_you_mean(str(key), KEYS)}" for key in sweep if key not in KEYS]
    problems += _program(sweep.get("program"), places)
    method = sweep.get("method")
    if method not in METHODS:
        problems.append(
            f"method: {method!r} is not one of {', '.join(METHODS)}{did_you_mean(str(method), METHODS, otherwise='')}"
        )
    problems += _metric(sweep.get("metric"))
    problems += _command(sweep.get("command"))
    parameters, found = read_parameters(sweep.get("parameters"))
    problems += found
    if method == "grid":
        problems += [
            f"parameters.{parameter.name}: grid needs values: [...], not a distribution"
            for parameter in parameters
            if parameter.continuous
        ]
    command = [str(argument) for argument in sweep.get("command") or ()]
    fixed = [argument for argument in command if "=" in argument and not argument.startswith("-")]
    composed, found = _compose_all(parameters, fixed, MAX_COMBINATIONS.get(str(method), 20))
    problems += found
    configs = [config for _, config in composed]
    problems += _early(sweep, configs)
    problems += _logged(sweep, configs)
    if method == "grid" and not problems:
        problems += _repeated(composed)
    if problems:
        return Verdict(tuple(dict.fromkeys(problems)))
    return Verdict((), _summary(sweep, parameters, configs))


def agent_arguments(values: dict[str, Any]) -> list[str]:
    """Return the expansion of ``${args_no_hyphens}``. W&B formats values with ``str()``, so None becomes ``None``."""
    return [f"{name}={value}" for name, value in values.items()]


def _program(program: object, places: Sequence[Path]) -> list[str]:
    if not isinstance(program, str):
        return ["program is missing: write program: train.py"]
    if Path(program).name != "train.py":
        return [f"program: {program} is not train.py; only sweeps of train.py can be checked"]
    if not any((place / program).is_file() for place in places):
        return [
            f"program: {program} is neither beside the sweep file nor in the current folder; run this from the checkout"
        ]
    return []


def _metric(metric: object) -> list[str]:
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        return ["metric is missing: write metric: {name: validation/bits_per_dim, goal: minimize}"]
    problems = [
        f"metric has no key {key}{did_you_mean(key, ('name', 'goal'))}"
        for key in metric
        if key not in ("name", "goal", "target", "impute")
    ]
    name, goal = metric["name"], metric.get("goal", "minimize")
    if name not in METRICS:
        problems.append(f"metric.name: runs do not log {name}{did_you_mean(name, METRICS)}")
    elif goal != METRICS[name]:
        problems.append(f"metric.goal: {goal} would select the worst runs; write goal: {METRICS[name]} for {name}")
    return problems


def _command(command: object) -> list[str]:
    wanted = "[" + ", ".join(COMMAND) + "]"
    if command is None:
        return [f"command is missing: W&B would pass --name=value, which Hydra cannot parse; write command: {wanted}"]
    if not isinstance(command, list):
        return [f"command: expected a list, {wanted}"]
    arguments = [str(argument) for argument in command]
    problems = []
    if MACRO not in arguments:
        others = [argument for argument in arguments if argument.startswith("${args")]
        instead = f" instead of {', '.join(others)}" if others else ""
        problems.append(
            f"command: {MACRO} is missing{instead}; it passes the values as name=value, the form that Hydra parses"
        )
    if "${program}" not in arguments:
        problems.append("command: ${program} is missing")
    for argument in arguments:
        if (
            argument.startswith("${")
            and argument not in (*COMMAND, "${args}")
            and not argument.startswith(("${envvar:", "${args"))
        ):
            problems.append(f"command: W&B does not know {argument}{did_you_mean(argument, COMMAND)}")
    return problems


Composed = list[tuple[dict[str, Any], Config]]


def _compose_all(parameters: Sequence[Parameter], fixed: Sequence[str], limit: int) -> tuple[Composed, list[str]]:
    """Compose each value by itself, then combinations of the values that are valid by themselves."""
    problems: list[str] = []
    usable: dict[str, list[Any]] = {}
    problems += [f"command: {problem}" for problem in check_overrides(fixed).problems]
    for parameter in parameters:
        good = []
        for value in parameter.samples:
            found = check_overrides(agent_arguments({parameter.name: value})).problems
            problems += [f"parameters.{parameter.name}: {problem}" for problem in found]
            if not found:
                good.append(value)
        if good:
            usable[parameter.name] = good
    composed: Composed = []
    fixed_arguments = [] if check_overrides(fixed).problems else list(fixed)
    for values in _combinations(usable, limit):
        try:
            composed.append((values, compose([*fixed_arguments, *agent_arguments(values)])))
        except ConfigError as error:
            varied = {name: value for name, value in values.items() if len(usable[name]) > 1}
            shown = " ".join(agent_arguments(varied))
            problems += [f"{problem}" + (f" (with {shown})" if shown else "") for problem in error.problems]
    return composed, _first_of_each(problems)


def _combinations(usable: dict[str, list[Any]], limit: int) -> list[dict[str, Any]]:
    # Seeds do not interact with other settings, so each is tried once instead of in every combination.
    crossed = {name: values for name, values in usable.items() if name != "seed"}
    names = list(crossed)
    if math.prod(len(values) for values in crossed.values()) <= limit:
        found = [dict(zip(names, values, strict=True)) for values in itertools.product(*crossed.values())]
    else:
        first = {name: values[0] for name, values in crossed.items()}
        found = [first | {name: value} for name, values in crossed.items() for value in values]
        draw = random.Random(0)
        found += [{name: draw.choice(values) for name, values in crossed.items()} for _ in range(limit)]
    seeds = usable.get("seed", [])
    if not seeds:
        return found
    return [found[0] | {"seed": seed} for seed in seeds] + [values | {"seed": seeds[0]} for values in found[1:]]


def _first_of_each(problems: Sequence[str]) -> list[str]:
    """Keep one combination for each problem."""
    seen: dict[str, str] = {}
    for problem in problems:
        seen.setdefault(problem.partition(" (with ")[0], problem)
    return list(seen.values())


def _early(sweep: dict[str, Any], configs: Sequence[Config]) -> list[str]:
    early = sweep.get("early_terminate")
    if early is None:
        return []
    if not isinstance(early, dict) or early.get("type") != "hyperband":
        return ["early_terminate: write {type: hyperband, min_iter: N, eta: N}; W&B supports no other type"]
    known = ("type", "min_iter", "max_iter", "s", "eta", "strict")
    problems = [f"early_terminate has no key {key}{did_you_mean(key, known)}" for key in early if key not in known]
    if ("min_iter" in early) == ("max_iter" in early):
        problems.append("early_terminate: give either min_iter or max_iter (with s)")
    least = early.get("min_iter")
    if isinstance(least, int) and configs:
        most = min(_validations(config) for config in configs)
        if least >= most:
            problems.append(
                f"early_terminate.min_iter: {least} stops no run early: it counts validations, and a run has only "
                f"{most} (training.steps / training.validate_every)"
            )
    return problems


def _validations(config: Config) -> int:
    return math.ceil(config.training.steps / config.training.validate_every)


def _logged(sweep: dict[str, Any], configs: Sequence[Config]) -> list[str]:
    """Return problems with runs that do not log the metric."""
    metric = sweep.get("metric")
    name = str(metric.get("name")) if isinstance(metric, dict) else ""
    problems = []
    if any(not config.tracker.wandb for config in configs):
        problems.append(
            "tracker: some runs do not log to W&B, so the sweep would not get their metric; use tracker=wandb"
        )
    if name.startswith("coded/") and any(not config.training.code_every for config in configs):
        problems.append(f"metric.name: {name} is logged only with training.code_every above 0")
    return problems


def _repeated(composed: Composed) -> list[str]:
    """Find grid points that are the same run: the second would find the folder of the first and do nothing."""
    by_run: dict[tuple[str, int], dict[str, Any]] = {}
    for values, config in composed:
        other = by_run.setdefault((signature(config), config.seed), values)
        if other != values:
            different = [name for name in values if values[name] != other[name]]
            return [
                f"parameters.{' and '.join(different)}: values {other[different[0]]!r} and {values[different[0]]!r} give the "
                "same result, so they are one run with one folder"
            ]
    return []


def _summary(sweep: dict[str, Any], parameters: Sequence[Parameter], configs: Sequence[Config]) -> tuple[str, ...]:
    varied = [parameter.name for parameter in parameters if parameter.continuous or len(parameter.samples) > 1]
    what = f"{sweep['method']} over {', '.join(varied) or 'nothing'}"
    if sweep["method"] == "grid":
        what += f": {math.prod(len(parameter.samples) for parameter in parameters)} runs"
    elif "run_cap" in sweep:
        what += f": at most {sweep['run_cap']} runs"
    times = sorted({_validations(config) for config in configs})
    validations = f"{times[0]}" if len(times) == 1 else f"{times[0]} to {times[-1]}"
    return (
        what,
        f"{len(configs)} combinations composed, all valid; {validations} validations per run",
        "next: wandb sweep, then the wandb agent command that it prints (docs/sweeps.md)",
    )


if __name__ == "__main__":
    sys.exit(run_main(main))
