"""The project's own studies compose at every budget and run at the smallest; takes about 90 seconds."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.launching.definition import OWN_STUDIES, read_study
from experiments.launching.plan import make_plan
from experiments.report import main as report
from experiments.reporting.results import read_results
from idf.arithmetic.exact import Exact
from idf.audio.pcm import write_wav16
from idf.config.compose import compose
from idf.models.build import build_model

STUDIES = sorted(path.stem for path in OWN_STUDIES.glob("*.yaml"))


@pytest.fixture(scope="module")
def ljspeech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the structure of LJ Speech."""
    root = tmp_path_factory.mktemp("LJSpeech-1.1")
    (root / "wavs").mkdir()
    with open(root / "metadata.csv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="|")
        for number in range(40):
            name = f"LJ001-{number:04d}"
            writer.writerow([name, "words", "words"])
            write_wav16(root / "wavs" / f"{name}.wav", np.arange(32768, dtype=np.int32) % 100, 22050)
    return root


def test_the_four_studies_are_there() -> None:
    assert STUDIES == ["ablation", "adaptive", "stability", "table"]


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


@pytest.fixture(scope="module")
def shared_outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all studies, so the shards of the demo speech are built only once."""
    return tmp_path_factory.mktemp("outputs")


@pytest.mark.parametrize("name", STUDIES)
def test_the_smallest_budget_runs_to_its_report(name: str, shared_outputs: Path) -> None:
    root = OWN_STUDIES.parent
    words = ["-m", "experiments.study", name, "budget=tiny", "jobs=2", f"outputs={shared_outputs}"]
    done = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = shared_outputs / f"{name}-tiny"
    assert report([str(folder)]) == 0
    result = read_results(folder)
    assert result.missing == []
    assert {cell.name for cell in result.cells} == set(
        read_study(OWN_STUDIES / f"{name}.yaml").budgets["tiny"].cells or ()
    )
    text = (folder / "report" / "report.md").read_text()
    assert all(f"| {cell.name} |" in text for cell in result.cells)
    assert {"seeds.svg", "curves.svg", "cells.csv", "cells.tex"} <= {
        path.name for path in (folder / "report").iterdir()
    }
    if name == "table":
        assert all(seed.coded_bits is not None for cell in result.cells for seed in cell.seeds)
        assert "FLAC -8" in text
        assert "7.92" in text
        assert "python train.py" in text


def test_stability_has_ten_seeds_of_the_default_and_of_the_original() -> None:
    study = read_study(OWN_STUDIES / "stability.yaml")
    plan = make_plan(study, "smoke", None, {})
    axes = {f"{kind}-learned" for kind in ("random", "reverse", "rotate", "identity")}
    axes |= {f"random-{kind}" for kind in ("step", "constant", "linear", "cosine")}
    assert axes | {"as-was", "original", "channelwise", "bands"} <= set(plan.cells)
    for cell in (*axes, "as-was", "original"):
        assert len([job for job in plan.jobs if job.cell == cell]) == 10
    assert len(study.cells) == 4 * 5 + 14


def turned(*overrides: str) -> int:
    """Count the channels of the last block, of four, that an untrained model maps from silence to half the ring."""
    size = ["model.window=64", "width.wavenet_layers=1", "width.wavenet_channels=4", "training.batch_samples=64"]
    model = build_model(compose([*overrides, *size]))
    a = Exact()
    p = model.quantise(a, model.initial_parameters(0))
    *_, last = model.blocks(a, p, np.zeros((1, 64)), -4.0)
    return int(np.count_nonzero(last.latents[0, 0]))


def test_with_the_originals_wrap_the_last_block_depends_on_the_permutations() -> None:
    """As docs/seeds.md says, nine of these ten seeds diverge; seed 5 does not."""
    assert [turned("experiment=original_wrap", f"seed={seed}") for seed in range(10)] == [3, 2, 1, 2, 3, 0, 3, 2, 3, 1]
    assert turned("experiment=original_wrap", "permutation=reverse") == 0
    assert turned("experiment=original_wrap", "permutation=identity") == 0
    assert turned("experiment=original") == 0


def test_the_table_has_the_published_figures() -> None:
    published = read_study(OWN_STUDIES / "table.yaml").report.published
    assert {cell: figure.bits_per_sample for cell, figure in published.items()} == {
        "original-small": 7.92,
        "original-medium": 9.88,
        "original-large": 9.47,
    }
    assert all("training windows" in figure.note for figure in published.values())
