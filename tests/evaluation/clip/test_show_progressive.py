"""The view progressive from the command line: its files, its runs, models and clips, and its errors."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from idf.errors import ConfigError, DataError, OutputError, RunError
from idf.evaluation.clip.__main__ import main
from tests.paths import TINY


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "hum.wav"
    rng = np.random.default_rng(0)
    soundfile.write(path, (3000 * np.sin(np.arange(3000) / 40) + rng.normal(0, 20, 3000)).astype(np.int16), 8000)
    return path


def test_everything_is_written(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["progressive", f"model={TINY}", f"clip={clip}", "blocks=2,5,all", f"output={out}"]) == 0
    waves = ["blocks2.wav", "blocks5.wav", "blocks7.wav"]
    tables = [f"progressive.{form}" for form in ("csv", "json", "md", "pdf", "png", "svg")]
    column = [f"progressive-column.{form}" for form in ("pdf", "svg")]
    assert sorted(path.name for path in out.iterdir()) == [*waves, *column, *tables]
    record = json.loads((out / "progressive.json").read_text())
    assert (record["clip"], record["model"], record["samples"], record["rate_hz"]) == ("hum", "tiny", 3000, 8000)
    assert [step["file"] for step in record["steps"]] == waves
    assert record["steps"][-1]["share"] == 1
    assert record["steps"][-1]["snr_db"] is None
    assert record["steps"][0]["snr_db"] < record["steps"][1]["snr_db"]
    rows = list(csv.DictReader((out / "progressive.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["rest/z3", "z3", "z1"]
    assert rows[-1]["snr_db"] == ""
    assert float(rows[1]["bits_per_sample"]) == record["steps"][1]["bits_per_sample"]
    assert (out / "progressive.md").read_text().count("\n| ") == 4
    printed = capsys.readouterr().out
    assert "exact" in printed
    assert f"written to {out}/" in printed
    original, exact, coarse = (
        soundfile.read(path, dtype="int16")[0] for path in (clip, out / waves[2], out / waves[0])
    )
    assert np.array_equal(exact, original)
    assert not np.array_equal(coarse, original)


def test_a_run_has_its_own_clips_and_place(make_run, tmp_path: Path, clip: Path) -> None:
    folder = make_run("study=a")
    shutil.copy(TINY, folder / "model.idfm")
    assert main(["progressive", f"run={folder}", "clip=agent-incorrect", "blocks=7"]) == 0
    record = json.loads((folder / "progressive" / "agent-incorrect" / "progressive.json").read_text())
    assert record["model"] == f"a/{folder.name}"
    assert main(["progressive", f"run={folder}", f"clip={clip}", "blocks=7"]) == 0
    assert (folder / "progressive" / "hum" / "blocks7.wav").exists()


def test_a_model_takes_clips_of_the_bundled_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["progressive", f"model={TINY}", "blocks=7"]) == 0
    assert len(list((tmp_path / "outputs" / "progressive" / "tiny").glob("*/blocks7.wav"))) == 1


def test_mistakes_are_explained(clip: Path, tmp_path: Path, make_run) -> None:
    folder = make_run("study=a")
    with pytest.raises(ConfigError, match="give either run=RUN"):
        main(["progressive", f"clip={clip}"])
    with pytest.raises(ConfigError, match="give either run=RUN"):
        main(["progressive", f"model={TINY}", "run=latest"])
    with pytest.raises(ConfigError, match="did you mean blocks"):
        main(["progressive", f"model={TINY}", "block=3"])
    with pytest.raises(ConfigError, match="is not an argument: write setting=value"):
        main(["progressive", f"model={TINY}", "hum.wav"])
    for blocks in ("0", "8", "two"):
        with pytest.raises(ConfigError, match="this model has 7 blocks; choose 1 to 7, or all"):
            main(["progressive", f"model={TINY}", f"clip={clip}", f"blocks={blocks}"])
    with pytest.raises(RunError, match="nothing to evaluate"):
        main(["progressive", f"run={folder}"])
    with pytest.raises(RunError, match="there is no model none"):
        main(["progressive", "model=none"])
    with pytest.raises(RunError, match="use a window flow"):
        main(["progressive", "model=fast", f"clip={clip}"])


def test_missing_clips(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="clip=agent-incorrec is neither a file nor a test clip of demo; did you mean agent-incorrect"
    ):
        main(["progressive", f"model={TINY}", "clip=agent-incorrec"])
    with pytest.raises(DataError, match="use clip=FILE to show it anyway"):
        main(["progressive", f"model={TINY}", "clip=agent-user"])
    soundfile.write(tmp_path / "stereo.wav", np.zeros((9, 2), np.int16), 8000)
    with pytest.raises(DataError, match="found 2 channels"):
        main(["progressive", f"model={TINY}", f"clip={tmp_path / 'stereo.wav'}"])


def test_a_place_that_cannot_be_written_is_found_first(clip: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        main(["progressive", f"model={TINY}", f"clip={clip}", f"output={clip}/out"])


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "python -m idf.evaluation.clip progressive run=" in capsys.readouterr().out
