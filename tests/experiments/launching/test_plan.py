from __future__ import annotations

from pathlib import Path

import pytest

from experiments.launching.definition import Study, read_study
from experiments.launching.plan import make_plan, read_manifest, write_manifest
from idf.config import run_folder
from idf.config.compose import compose
from idf.errors import ConfigError, DataError, RunError


@pytest.fixture
def study(tmp_path: Path):
    def read(text: str) -> Study:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return read_study(path)

    return read


TWO = """
settings: {tracker: none, training.steps: 300}
cells: {small: {model: small}, medium: {model: medium, training.steps: 200}}
seeds: [0, 1]
evaluate: [baselines=all, split=validation]
budgets: {full: {settings: {training.steps: 250, optimizer.warmup_steps: 7}}, smoke: {cells: [medium], evaluate: []}}
report: {published: {small: {source: S, bits_per_sample: 7.5, note: n}}}
"""


def test_jobs_have_the_folders_of_their_runs(study, outputs: Path) -> None:
    plan = make_plan(study(TWO), "full", None, {"outputs": str(outputs), "optimizer.warmup_steps": "9"})
    assert plan.folder == outputs / "mine-full"
    assert [job.name for job in plan.jobs] == ["small-s0", "small-s1", "medium-s0", "medium-s1"]
    assert [job.steps for job in plan.jobs] == [250, 250, 200, 200]  # the cell's value replaces the budget's
    for job in plan.jobs:
        config = compose(job.overrides)
        assert run_folder(config) == job.folder
        assert job.folder.parent == plan.folder
        assert config.optimizer.warmup_steps == 9  # the command line's value replaces both
        assert config.seed == job.seed
    # Other codecs are measured once per cell.
    assert plan.jobs[0].evaluate == ("baselines=all", "split=validation")
    assert plan.jobs[1].evaluate == ("split=validation", "baselines=none")
    assert plan.shared_threads
    assert not make_plan(study(TWO), "full", None, {"threads": "3"}).shared_threads


def test_the_budget_chooses_cells_seeds_and_evaluation(study) -> None:
    plan = make_plan(study(TWO), None, (7,), {})
    assert (plan.name, plan.cells) == ("mine-smoke", ("medium",))
    assert [(job.seed, job.steps) for job in plan.jobs] == [(7, 200)]
    assert plan.jobs[0].evaluate == ()
    with pytest.raises(ConfigError, match="mine has no budget smok; did you mean smoke"):
        make_plan(study(TWO), "smok", None, {})


def test_a_budgets_settings_for_a_cell_take_precedence(study, outputs: Path) -> None:
    text = TWO.replace(
        "{cells: [medium], evaluate: []}", "{cells: {medium: {training.steps: 150}, small: }, seeds: [0]}"
    )
    plan = make_plan(study(text), None, None, {"outputs": str(outputs)})
    assert [(job.cell, job.steps) for job in plan.jobs] == [("medium", 150), ("small", 300)]
    plan = make_plan(study(text), None, None, {"outputs": str(outputs), "training.steps": "160"})
    assert [job.steps for job in plan.jobs] == [160, 160]  # the command line's value replaces all


def test_problems_name_their_cells(study) -> None:
    text = """
    settings: {training.stepz: 3}
    cells: {a: {model: smal}, b: {model: medium}, c: {model: large, training.batch_samples: 512}}
    """
    with pytest.raises(ConfigError) as raised:
        make_plan(study(text), None, None, {})
    problems = raised.value.problems
    assert any(
        p.startswith("every cell: training.stepz is not a setting; did you mean training.steps") for p in problems
    )
    assert any(p.startswith("cell a: model=smal") for p in problems)
    assert any(p.startswith("cell c: training.batch_samples=512: must be a multiple") for p in problems)
    assert len(problems) == 3


def test_cells_that_are_one_run(study) -> None:
    text = "cells: {a: {training.log_every: 3}, b: {}, c: {model: medium}}"
    with pytest.raises(ConfigError, match="cells a and b have the same settings"):
        make_plan(study(text), None, None, {})


@pytest.mark.parametrize(
    ("extra", "message"), [({"seed": "3"}, "use seeds=0,1,2 instead"), ({"study": "x"}, "names its own folder")]
)
def test_settings_that_the_study_decides(study, extra: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_plan(study(TWO), None, None, extra)


def test_invalid_seeds_and_evaluation_arguments(study) -> None:
    with pytest.raises(ConfigError, match="cell medium, seed 4294967296: seed=4294967296: must be below"):
        make_plan(study(TWO), None, (1 << 32,), {})
    with pytest.raises(ConfigError, match="did you mean test"):
        make_plan(study("cells: {a: {}}\nevaluate: [split=tset]"), None, None, {})


def test_missing_data_stops_everything_before_the_first_run(study, tmp_path: Path) -> None:
    extra = {"data": "folder", "data.root": str(tmp_path / "nowhere")}
    with pytest.raises(DataError, match=r"nowhere(.|\n)*no run was started"):
        make_plan(study(TWO), None, None, extra)


def test_the_manifest_tells_the_report(study, outputs: Path) -> None:
    plan = make_plan(study(TWO), "full", None, {"outputs": str(outputs)})
    write_manifest(plan, ["python", "-m", "experiments.study", "mine"])
    manifest = read_manifest(plan.folder)
    assert [(run["cell"], run["seed"], run["run"]) for run in manifest["runs"]] == [
        (job.cell, job.seed, job.folder.name) for job in plan.jobs
    ]
    assert manifest["report"]["published"]["small"] == {"source": "S", "bits_per_sample": 7.5, "note": "n"}
    (plan.folder / "study.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        read_manifest(plan.folder)
    with pytest.raises(RunError, match=r"is not the folder of a study"):
        read_manifest(outputs)
