from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from experiments.check_sweep import MAX_COMBINATIONS, agent_arguments, check_file, check_sweep, main
from experiments.launching.sweep_values import read_parameters
from idf.config.compose import compose
from idf.errors import ConfigError
from tests.paths import ROOT

SWEEPS = [ROOT / "sweep.yaml", *sorted((ROOT / "experiments" / "sweeps").glob("*.yaml"))]


def sweep(parameters: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a valid sweep with changes; None removes a key."""
    made = {
        "program": "train.py",
        "method": "grid",
        "metric": {"name": "validation/bits_per_dim", "goal": "minimize"},
        "parameters": {"seed": {"values": [0, 1]}} if parameters is None else parameters,
        "command": ["${env}", "${interpreter}", "${program}", "${args_no_hyphens}"],
        **changes,
    }
    return {key: value for key, value in made.items() if value is not None}


def problems_of(parameters: dict[str, Any] | None = None, **changes: Any) -> tuple[str, ...]:
    return check_sweep(sweep(parameters, **changes), [ROOT]).problems


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_sweeps_that_come_with_the_project(path: Path) -> None:
    assert check_file(path).problems == ()


def test_the_example_grid_and_the_example_search() -> None:
    grid, search = (yaml.safe_load(path.read_text()) for path in SWEEPS)
    assert {"model", "sharpness", "permutation", "seed"} <= set(grid["parameters"])
    assert grid["method"] == "grid"
    assert {"optimizer.learning_rate", "width.hidden", "width.components"} <= set(search["parameters"])
    assert (search["method"], search["early_terminate"]["type"]) == ("bayes", "hyperband")


def test_values_are_passed_as_wandb_passes_them() -> None:
    values = {
        "permutation.seed": None,
        "sharpness": "step",
        "sharpness.boundaries": [0.1, 0.9],
        "training.sign_flips": False,
        "model": "medium",
    }
    theirs = create_sweep_command_args({"args": {name: {"value": value} for name, value in values.items()}})
    assert agent_arguments(values) == theirs["args_no_hyphens"]
    config = compose(agent_arguments(values))
    assert config.permutation.seed is None
    assert config.sharpness.boundaries == [0.1, 0.9]
    assert config.training.sign_flips is False
    assert config.model.window == 1024


def test_a_valid_sweep_is_summarised(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(yaml.safe_dump(sweep({"seed": {"values": [0, 1]}, "model": {"values": ["small", "medium"]}})))
    (tmp_path / "train.py").touch()
    assert main([str(path)]) == 0
    out = capsys.readouterr().out
    assert "grid over model, seed: 4 runs" in out
    assert "8 validations per run" in out


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"metod": "grid"}, "unknown key metod; did you mean method?"),
        ({"method": "gird"}, "method: 'gird' is not one of grid, random, bayes; did you mean grid?"),
        ({"program": "trian.py"}, "program: trian.py is not train.py"),
        ({"program": None}, "program is missing"),
        ({"program": "elsewhere/train.py"}, "program: elsewhere/train.py is neither beside the sweep file nor"),
        ({"metric": None}, "metric is missing"),
        ({"metric": {"name": "validation/bits"}}, "metric.name: runs do not log validation/bits; did you mean"),
        (
            {"metric": {"name": "validation/bits_per_dim", "goal": "maximize"}},
            "metric.goal: maximize would select the worst runs",
        ),
        ({"command": None}, "command is missing"),
        ({"command": ["${program}", "${args}"]}, "command: ${args_no_hyphens} is missing instead of ${args};"),
        ({"command": ["${args_no_hyphens}"]}, "command: ${program} is missing"),
        (
            {"command": ["${program}", "${args_no_hyphens}", "${envy}"]},
            "command: W&B does not know ${envy}; did you mean",
        ),
        ({"command": ["${program}", "data=dmo", "${args_no_hyphens}"]}, "command: data=dmo: choose one of"),
        ({"early_terminate": {"type": "median"}}, "early_terminate: write {type: hyperband"),
        ({"early_terminate": {"type": "hyperband"}}, "early_terminate: give either min_iter or max_iter"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 8}}, "early_terminate.min_iter: 8 stops no run early"),
        ({"parameters": []}, "parameters is missing"),
    ],
)
def test_errors_in_a_sweep(changes: dict[str, Any], expected: str) -> None:
    (problem,) = problems_of(**changes)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"modle": {"value": "small"}}, "parameters.modle: modle is not a setting; did you mean model"),
        ({"model": {"values": ["small", "larg"]}}, "parameters.model: model=larg: choose one of"),
        ({"seed": {"values": [0, None]}}, "parameters.seed: seed=None: expected a whole number"),
        ({"model": {"parameters": {"window": {"value": 3}}}}, "parameters.model: W&B passes nested parameters"),
        ({"model": "small"}, "parameters.model: write value: 'small'"),
        ({"model": {"valeus": ["small"], "value": "small"}}, "parameters.model: unknown key valeus; did you mean"),
        ({"seed": {"min": 0, "max": 5}}, "parameters.seed: grid needs values"),
        ({"model": {"values": []}}, "parameters.model: values must be a list"),
        ({"tracker": {"values": ["wandb", "none"]}}, "tracker: some runs do not log to W&B"),
        (
            {"training.log_every": {"values": [10, 20]}},
            "parameters.training.log_every: values 10 and 20 give the same result",
        ),
        (
            {"model": {"values": ["small", "large"]}, "training.batch_samples": {"values": [16384, 1024]}},
            "training.batch_samples=1024: must be a multiple of model.window=16384, such as 16384 (with model=large",
        ),
    ],
)
def test_errors_in_parameters(parameters: dict[str, Any], expected: str) -> None:
    (problem,) = problems_of(parameters)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"optimizer.learning_rate": {"min": "1e-4", "max": 0.1}}, "YAML reads 1e-4 as text; write 1.0e-4"),
        ({"optimizer.learning_rate": {"values": ["3e4"]}}, "YAML reads 3e4 as text; write 3.0e+4"),
        ({"width.hidden": {"min": 8, "max": 64.5}}, "width.hidden=8.0: expected a whole number"),
        ({"width.hidden": {"min": 9, "max": 8}}, "min: 9 is not below max: 8"),
        ({"optimizer.learning_rate": {"distribution": "log_unifrom", "min": 1, "max": 2}}, "did you mean log_uniform"),
        ({"optimizer.learning_rate": {"distribution": "uniform", "min": 0.1}}, "uniform needs numbers for max"),
        (
            {"optimizer.learning_rate": {"distribution": "log_uniform_values", "min": 0, "max": 1}},
            "log_uniform_values cannot be drawn from 0 to 1",
        ),
        ({"optimizer.learning_rate": {"distribution": "normal", "mu": 0.01, "sigma": 0.1}}, "must be above 0"),
        ({"model": {"values": ["small"], "probabilities": [0.5]}}, "probabilities must have one entry per value"),
    ],
)
def test_errors_in_ranges(parameters: dict[str, Any], expected: str) -> None:
    assert any(expected in problem for problem in problems_of(parameters, method="random"))


@pytest.mark.parametrize(
    ("spec", "samples"),
    [
        ({"min": 2, "max": 8}, (2, 5, 8)),
        ({"distribution": "q_uniform", "min": 0, "max": 100, "q": 16}, (0, 48, 96)),
        ({"distribution": "log_uniform_values", "min": 0.01, "max": 1.0}, (0.01, pytest.approx(0.1), 1.0)),
        ({"distribution": "log_uniform", "min": 0, "max": 2}, (1.0, pytest.approx(2.71828, rel=1e-5), pytest.approx(7.389, rel=1e-4))),
        ({"distribution": "normal", "mu": 5, "sigma": 1}, (3.0, 5.0, 7.0)),
        ({"distribution": "constant", "value": 3}, (3,)),
    ],
)  # fmt: skip
def test_ranges_are_tried_at_their_ends_and_middle(spec: dict[str, Any], samples: tuple[Any, ...]) -> None:
    (parameter,), problems = read_parameters({"x": spec})
    assert problems == []
    assert parameter.samples == samples


def test_a_whole_midpoint_does_not_hide_that_an_integer_is_needed() -> None:
    assert any(
        "expected a whole number" in problem
        for problem in problems_of({"width.hidden": {"distribution": "uniform", "min": 8, "max": 16}}, method="random")
    )


def test_a_metric_of_coded_clips_needs_coding() -> None:
    metric = {"name": "coded/bits_per_dim", "goal": "minimize"}
    (problem,) = problems_of({"training.code_every": {"value": 0}}, metric=metric)
    assert problem == "metric.name: coded/bits_per_dim is logged only with training.code_every above 0"
    assert problems_of({"training.code_every": {"value": 100}}, metric=metric) == ()


def test_many_combinations_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_COMBINATIONS, "grid", 5)
    parameters = {
        "model": {"values": ["small", "medium", "large"]},
        "permutation": {"values": ["random", "reverse", "rotate"]},
        "layout": {"value": "original"},
        # Valid by itself and with the first model, invalid with others.
        "training.batch_samples": {"values": [16384, 4096, 1024]},
    }
    problems = problems_of(parameters)
    assert any("must be a multiple of model.window=16384" in problem for problem in problems)
    verdict = check_sweep(sweep({**parameters, "training.batch_samples": {"value": 16384}}), [ROOT])
    assert verdict.problems == ()
    assert verdict.summary[0].startswith("grid over model, permutation: 9 runs")


@pytest.mark.parametrize(
    ("text", "expected"), [(None, "no such file"), ("- 1", "not a sweep"), ("a: [", "cannot be read")]
)
def test_a_file_that_is_no_sweep(text: str | None, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=expected):
        main([str(path)])
