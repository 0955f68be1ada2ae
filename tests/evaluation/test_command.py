"""evaluate.py, from the command line to the files."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from idf.config import DataConfig, load_config, to_yaml
from idf.errors import EXIT_USER_ERROR, RunError
from idf.evaluation import command
from idf.evaluation.codecs.interface import Entry, Unavailable
from idf.evaluation.command import main
from idf.training.families import load
from tests.paths import ROOT


@pytest.fixture
def run(tiny_model: Path, audio_folder: Path, tmp_path: Path) -> Path:
    """A run folder with a test split of three clips."""
    folder = tmp_path / "outputs" / "train" / "abc-s0"
    folder.mkdir(parents=True)
    (folder / "model.idfm").write_bytes(tiny_model.read_bytes())
    data = DataConfig(
        name="folder",
        root=str(audio_folder),
        train_clips=["c0", "c1"],
        validation_clips=["c2"],
        test_clips=["c3", "c4", "deep/c 5"],
    )
    config = dataclasses.replace(load_config(tiny_model.parent / "config.yaml"), data=data)
    (folder / "config.yaml").write_text(to_yaml(config))
    (folder / "history.jsonl").write_text(
        json.dumps({"step": 1, "kind": "validation", "bits_per_dim": 9.0, "compression_ratio": 1.7}) + "\n"
    )
    return folder


def test_everything(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    assert main([f"run={run}", "baselines=flac,tta,sac"]) == 0
    evaluation = run / "evaluation"
    results = json.loads((evaluation / "results.json").read_text())

    model, *others = results["rows"]
    assert [row["codec"] for row in others] == ["FLAC -8", "TTA"]
    assert model["codec"].startswith("IDF")
    assert model["window"] == 64
    assert model["split"].startswith("test of ")
    assert [row["codec"] for row in results["not_made"]] == ["Sac --normal"]
    for row in results["rows"]:
        assert row["lossless"] is True
        assert (row["clips"], row["samples"]) == (3, 16000 + 97 * 3 + 16000 + 97 * 4 + 40)
        assert row["bytes"] == sum(clip["bytes"] for clip in results["per_clip"][row["codec"]])
    assert model["bits_per_sample"] == pytest.approx(model["nll_bits_per_sample"], rel=0.3)
    assert not results["warnings"]
    assert results["about"]["model"]["fingerprint"]
    assert results["about"]["data"]["fingerprint"]

    files = sorted((evaluation / "files").iterdir())
    assert [file.name for file in files] == ["c3.idf", "c4.idf", "deep_c_5.idf"]
    assert sum(file.stat().st_size for file in files) == model["bytes"]

    report = (evaluation / "report.md").read_text()
    for picture in ("plots/codecs.png", "plots/bits_per_dimension.svg"):
        assert f"({picture})" in report
        assert (evaluation / picture).is_file()
    page = (evaluation / "report.html").read_text()
    for words in ("FLAC -8", "Sac --normal", 'id="training"', 'id="latents"', 'id="progressive"'):
        assert words in page
    printed = capsys.readouterr().out
    for words in ("FLAC -8", "TTA", "not measured: Sac --normal", "report.md", "report.html"):
        assert words in printed
    assert (evaluation / "table.md").read_text() in report


@pytest.mark.usefixtures("no_page")
def test_another_split_and_data_set(run: Path, audio_folder: Path) -> None:
    words = [f"run={run}", "baselines=none", "split=train", f"data.root={audio_folder}", "data.train_clips=[c1]"]
    assert main(words) == 0
    results = json.loads((run / "evaluation" / "results.json").read_text())
    [row] = results["rows"]
    assert row["clips"] == 1
    assert row["split"].startswith("train of ")
    assert "training split" in results["warnings"][0]


def test_an_empty_split(run: Path, audio_folder: Path) -> None:
    words = ["data=folder", f"data.root={audio_folder}", "data.train_fraction=1.0", "data.validation_fraction=0.0"]
    with pytest.raises(RunError, match=r"the test split of folder:audio \(.*\) has no clips; choose another"):
        main([f"run={run}", *words])


def test_a_file_that_is_not_a_model(run: Path) -> None:
    (run / "model.idfm").write_bytes(b"no model")
    with pytest.raises(RunError, match=r"model\.idfm is damaged or not a model file"):
        main([f"run={run}", "baselines=none"])
    assert not (run / "evaluation" / "results.json").exists()


def test_a_baseline_that_changes_samples_stops_everything(
    run: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, Entry("fake", "tests", None, fakes.Lossy()))
    with pytest.raises(RunError, match=r"fake .* is not lossless"):
        main([f"run={run}"])
    assert not (run / "evaluation").exists()


@pytest.mark.usefixtures("no_page")
def test_a_baseline_that_fails_is_listed(run: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(
        monkeypatch,
        Entry("refusing", "fakes 1", None, fakes.Failing()),
        Entry("crashing", "fakes 1", None, fakes.Failing(way="abort")),
        Entry("raw", "fakes 1", None, fakes.Raw()),
    )
    assert main([f"run={run}"]) == 0
    results = json.loads((run / "evaluation" / "results.json").read_text())
    assert [row["codec"] for row in results["rows"][1:]] == ["raw"]
    reasons = {row["codec"]: row["reason"] for row in results["not_made"]}
    assert reasons["refusing"] == "fakes 1 failed: this codec does not accept music"
    assert "SIGABRT" in reasons["crashing"]


@pytest.mark.usefixtures("no_page")
def test_files_larger_than_the_likelihood_are_reported(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "model_nll_bits", lambda model, clips, advance: [100.0 for _ in clips])
    assert main([f"run={run}", "baselines=none"]) == 0
    assert "the coder does not use the distribution that the likelihood was computed with" in " ".join(
        capsys.readouterr().out.split()
    )
    for name in ("results.json", "table.md", "report.md"):
        assert "does not use the distribution" in (run / "evaluation" / name).read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu=latest", "splt=test"], "has 3 problems"),
        (["run=nowhere"], "there is no run nowhere"),
        (["run=latest"], "train one with: python train.py"),
    ],
)
def test_bad_input_is_one_message_and_status_2(words: list[str], message: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "evaluate.py"), *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == EXIT_USER_ERROR
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_history_is_found_before_the_work(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "evaluate", lambda *_: pytest.fail("began to measure"))
    (run / "history.jsonl").write_text("broken\n{}\n")
    with pytest.raises(RunError, match=r"line 1 of .* is damaged"):
        main([f"run={run}"])


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "python evaluate.py run=RUN" in capsys.readouterr().out


def _use(monkeypatch: pytest.MonkeyPatch, *entries: Entry) -> None:
    find: Callable[..., tuple[list[Entry], list[Unavailable]]] = lambda names, window: (list(entries), [])  # noqa: E731
    monkeypatch.setattr(command, "find_baselines", find)
