from __future__ import annotations

from pathlib import Path

import pytest

from experiments.launching.definition import OWN_STUDIES, Published, find_study, override_text, read_study
from idf.config.compose import compose
from idf.errors import ConfigError


@pytest.fixture
def study_file(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read_study(path)
    assert all(problem.startswith(f"{path}") for problem in raised.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in raised.value.problems]


def test_cells_and_grid(study_file) -> None:
    study = read_study(
        study_file(
            """
            description: >
              one line
              of text
            settings: {data: demo, training: {steps: 10}}
            cells: {default: , fast: {optimizer.learning_rate: 1e-2}}
            grid:
              settings: {layout: original}
              axes: {permutation: [random, reverse], sharpness.boundaries: [[0.1, 0.2], [0.5]]}
            seeds: [3, 1]
            evaluate: [split=test]
            budgets:
              smoke: {settings: {training.steps: 5}, cells: [fast], seeds: [0], evaluate: []}
              long: {cells: {fast: {training: long}, default: }}
              full:
            report: {comparisons: [[default, fast]], target: 9, published: {fast: {source: X, bits_per_sample: 8.5}}}
            """
        )
    )
    assert (study.name, study.description) == ("mine", "one line of text")
    assert study.settings == {"data": "demo", "training.steps": "10"}
    assert list(study.cells) == [
        "default",
        "fast",
        "random-0.1_0.2",
        "random-0.5",
        "reverse-0.1_0.2",
        "reverse-0.5",
    ]
    assert study.cells["default"] == {}
    assert float(study.cells["fast"]["optimizer.learning_rate"]) == 0.01
    assert study.cells["reverse-0.1_0.2"] == {
        "layout": "original",
        "permutation": "reverse",
        "sharpness.boundaries": "[0.1, 0.2]",
    }
    assert study.seeds == (3, 1)
    smoke = study.budgets["smoke"]
    assert (smoke.settings, smoke.cells, smoke.seeds, smoke.evaluate) == ({"training.steps": "5"}, ("fast",), (0,), ())
    long = study.budgets["long"]
    assert (long.cells, long.cell_settings) == (("fast", "default"), {"fast": {"training": "long"}, "default": {}})
    assert study.budgets["full"].evaluate is None
    assert study.report.comparisons == (("default", "fast"),)
    assert study.report.target == 9.0
    assert study.report.published == {"fast": Published("X", 8.5)}


def test_every_problem_of_a_file_at_once(study_file) -> None:
    path = study_file(
        """
        cell: {}
        settings: {seed: 3, model: small}
        cells: {a: {study: x}, "b c": {}, d: 5}
        grid: {axes: {model: small}}
        seeds: [0, -1]
        evaluate: test
        budgets: {smoke: {cells: [aa], seed: [0]}, full: {cells: {a: {seed: 1}, f: {}}}}
        report: {comparisons: [[a]], target: low, published: {e: {bits_per_sample: much}}}
        """
    )
    problems = problems_of(path)
    for expected in (
        "the study has no key cell; did you mean cells?",
        "settings sets seed; remove it and use seeds:",
        "cell a sets study; remove it and use the name of the file",
        "cell d must be a mapping",
        "grid.axes.model must be a list of values, not 'small'",
        "cell 'b c': use only letters",
        "budget smoke: cells: there is no cell aa; did you mean a?",
        "budget smoke has no key seed; did you mean seeds?",
        "budget full: cell a sets seed; remove it and use seeds:",
        "budget full: cells: there is no cell f",
        "seeds must be a list of non-negative integers, not [0, -1]",
        "evaluate must be a list of arguments",
        "report.comparisons: ['a'] must be a pair of cells",
        "report.target must be a number of bits/sample, not 'low'",
        "report.published: there is no cell e",
        "report.published.e.bits_per_sample must be a number, not 'much'",
    ):
        assert any(problem.startswith(expected) for problem in problems), expected
    assert len(problems) == 16


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty: give cells: or grid:"),
        ("- 3", "the study must be a mapping"),
        ("settings: {}", "it has no cells"),
        ("a: [", "cannot be read"),
        ("cells: {a: {}, a: {}}", "cannot be read"),
    ],
)
def test_a_file_that_is_no_study(study_file, text: str, problem: str) -> None:
    assert any(problem in found for found in problems_of(study_file(text)))


def test_studies_by_name_and_path(study_file) -> None:
    path = study_file("cells: {a: {}}")
    assert find_study(str(path)) == path
    assert find_study("table") == OWN_STUDIES / "table.yaml"
    assert find_study("stability.yaml") == OWN_STUDIES / "stability.yaml"
    with pytest.raises(ConfigError, match="there is no study tabel; did you mean table"):
        find_study("tabel")
    with pytest.raises(ConfigError, match="there are ablation, adaptive, stability, table"):
        find_study("qqq")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("permutation.seed", None),
        ("training.sign_flips", False),
        ("sharpness.boundaries", [0.25, 0.5]),
        ("training.steps", 300),
        ("optimizer.learning_rate", 1e-7),
        ("data.train_clips", ["it's", "a b", "c\\", "LJ001-0001..LJ001-0022"]),
        ("data.root", "/home/a b/c=d"),
    ],
)
def test_values_arrive_as_written(key: str, value: object) -> None:
    config = compose(["data=folder", "data.root=/x", f"{key}={override_text(value)}"])
    node: object = config
    for name in key.split("."):
        node = getattr(node, name)
    assert node == value
