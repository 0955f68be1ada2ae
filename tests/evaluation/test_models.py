"""Models without a run: by name or file, several in one table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from idf.errors import RunError
from idf.evaluation.command import main as evaluate
from idf.evaluation.models import target_of_models


@pytest.mark.usefixtures("no_page")
def test_two_models_in_one_table(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audio_folder: Path
) -> None:
    one, two = make_model(), make_model("model.window=128")
    second = two.with_name("other.idfm")
    second.write_bytes(two.read_bytes())
    monkeypatch.chdir(tmp_path)
    words = [
        f"model={one},{second}",
        "data=folder",
        f"data.root={audio_folder}",
        "data.train_clips=[c0]",
        "data.validation_clips=[c1]",
        "data.test_clips=[c2]",
        "baselines=flac",
    ]
    assert evaluate(words) == 0
    folder = tmp_path / "outputs" / "models" / "model+other" / "evaluation"
    results = json.loads((folder / "results.json").read_text())
    assert [(row["codec"], row["window"]) for row in results["rows"]] == [
        ("IDF model", 64),
        ("IDF other", 128),
        ("FLAC -8", 4096),
    ]
    assert all(row["lossless"] for row in results["rows"])
    assert results["about"]["model"]["fingerprint"] != results["about"]["other_models"][0]["fingerprint"]
    assert (folder / "report.html").is_file()


def test_a_missing_model_is_reported_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="there is no model smal"):
        target_of_models(["smal"], [])
    assert list(tmp_path.iterdir()) == []
