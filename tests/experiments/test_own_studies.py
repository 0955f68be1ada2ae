"""The studies that come with the project compose at every budget."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from experiments.definition import OWN_STUDIES, read_study
from experiments.plan import make_plan
from idf.audio import write_wav16

STUDIES = sorted(path.stem for path in OWN_STUDIES.glob("*.yaml"))


@pytest.fixture(scope="module")
def ljspeech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the shape of LJ Speech."""
    root = tmp_path_factory.mktemp("LJSpeech-1.1")
    (root / "wavs").mkdir()
    with open(root / "metadata.csv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="|")
        for number in range(40):
            name = f"LJ001-{number:04d}"
            writer.writerow([name, "words", "words"])
            write_wav16(root / "wavs" / f"{name}.wav", np.arange(32768, dtype=np.int32) % 100, 22050)
    return root


def test_the_three_studies_are_there() -> None:
    assert STUDIES == ["ablation", "stability", "table"]


@pytest.mark.parametrize("name", STUDIES)
def test_every_budget_composes(name: str, ljspeech: Path) -> None:
    study = read_study(OWN_STUDIES / f"{name}.yaml")
    assert {"tiny", "smoke", "full"} == set(study.budgets)
    for budget in study.budgets:
        extra = {"data.root": str(ljspeech)} if budget == "full" else {}
        plan = make_plan(study, budget, None, extra)
        data = "data=ljspeech" if budget == "full" else "data=demo"
        assert all(data in job.overrides for job in plan.jobs)
        if budget == "tiny":
            assert len(plan.jobs) <= 4
            assert all(job.steps <= 10 for job in plan.jobs)


def test_stability_has_ten_seeds_of_the_original_and_of_the_default() -> None:
    study = read_study(OWN_STUDIES / "stability.yaml")
    plan = make_plan(study, "smoke", None, {})
    assert {"as-was", "random-step", "default"} <= set(plan.cells)
    assert len([job for job in plan.jobs if job.cell == "default"]) == 10
    assert len(study.cells) == 4 * 5 + 6


def test_the_table_knows_what_was_published() -> None:
    published = read_study(OWN_STUDIES / "table.yaml").report.published
    assert {cell: figure.bits_per_sample for cell, figure in published.items()} == {
        "small": 7.92,
        "medium": 9.88,
        "large": 9.47,
    }
    assert all("training windows" in figure.note for figure in published.values())
