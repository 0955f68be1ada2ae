from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import codecs
from idf.errors import ConfigError, DataError, RunError
from idf.evaluation.codecs.interface import Entry, Unavailable


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "my music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    samples = (3000 * np.sin(np.arange(4000) / 30))[:, None] + rng.normal(0, 5, (4000, 2))
    soundfile.write(folder / "a.wav", samples.astype(np.int16), 8000, subtype="PCM_16")
    return folder


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    folder = tmp_path / "voice"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.arange(3000, dtype=np.int16), 8000, subtype="PCM_16")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["codecs", *map(str, words)])
    return codecs.main()


def test_a_stereo_folder(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    words = ["--models", "none", "--baselines", "flac,tta,optimfrog", "--output", output]
    monkeypatch.setenv("PATH", "")
    assert run(monkeypatch, music, *words) == 0
    document = json.loads((output / "codecs.json").read_text())
    rows = document["rows"]
    assert {row["codec"] for row in rows} == {"FLAC -8", "TTA"}
    for row in rows:
        assert (row["set"], row["files"], row["samples"], row["seconds"]) == ("my music", 1, 8000, 0.5)
        assert row["bits_per_sample"] == pytest.approx(8 * row["bytes"] / 8000)
        assert 2 < row["bits_per_sample"] < 12
    assert rows == sorted(rows, key=lambda row: row["bits_per_sample"])
    with (output / "codecs.csv").open() as file:
        assert [row["codec"] for row in csv.DictReader(file)] == [row["codec"] for row in rows]
    assert {path.name for path in output.glob("*my-music*")} == {
        *(f"codecs-my-music.{form}" for form in ("svg", "pdf", "png")),
        *(f"codecs-my-music-column.{form}" for form in ("svg", "pdf")),
    }
    printed = capsys.readouterr().out
    assert "my music, all files: 1 file, 0.50 s, 8,000 samples" in printed
    assert "not measured: OptimFROG preset 5: ofr is not on PATH" in " ".join(printed.split())


def test_our_models_get_two_speeds(voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fakes) -> None:
    started = Entry("idf x", "idf package", None, fakes.Raw())
    command = Entry("idf x", "idf command", None, fakes.Costly(burn=0.05))
    monkeypatch.setattr(codecs, "command_entry", lambda model: command)
    monkeypatch.setattr(codecs, "library_entry", lambda model: started)
    rows, failed = codecs.measure_set(codecs.find_set(str(voice)), ["x"], [])
    assert not failed
    assert rows[0].ours
    assert rows[0].started_encode_x_realtime > rows[0].encode_x_realtime
    assert rows[0].bits_per_sample == 16


def test_a_codec_that_fails_is_left_out(voice: Path, fakes) -> None:
    failing = Entry("bad", "bad library", None, fakes.Failing())
    good = Entry("raw", "tests", None, fakes.Raw())
    rows, failed = codecs.measure_set(codecs.find_set(str(voice)), [], [failing, good])
    assert [row.codec for row in rows] == ["raw"]
    assert [(one.codec, "does not accept music" in one.reason) for one in failed] == [("bad", True)]
    assert isinstance(failed[0], Unavailable)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["--models", "nosuch"], RunError, "there is no model nosuch"),
        (["--baselines", "flak"], ConfigError, "flak is not one of flac,"),
        (["--models", "none", "--baselines", "none"], RunError, "nothing to measure"),
        (["no-such-folder"], DataError, "no-such-folder: no .wav or .flac file found"),
    ],
)
def test_wrong_arguments_are_found_before_anything_is_measured(
    words: list[str], error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(codecs, "measure_set", lambda *_: pytest.fail("measured"))
    with pytest.raises(error, match=message):
        run(monkeypatch, *words)
