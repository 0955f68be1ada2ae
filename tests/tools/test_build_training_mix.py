from __future__ import annotations

import csv
import hashlib
import sys
from pathlib import Path

import build_training_mix
import numpy as np
import pytest
import soundfile
from build_corpora import CORPORA, read_corpora
from build_training_mix import LIST
from render_clips import LIST as RENDERED

from idf.errors import DataError

COLUMNS = ["name", "set", "file", "samples", "channels", "sha256"]


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, object]]:
    """Two rows that use one channel and both channels of a stereo recording, and one of LJ Speech."""
    samples = np.random.default_rng(0).integers(-3000, 3000, (1000, 2)).astype(np.int16)
    for path, content in (("corpora/train-x/take.flac", samples), ("lj/wavs/LJ001-0001.wav", samples[:, 1])):
        (tmp_path / path).parent.mkdir(parents=True)
        soundfile.write(tmp_path / path, content, 8000, subtype="PCM_16")
    taken = {"mono": samples[:600, :1], "stereo": samples[:700], "lj": samples[:500, 1:]}
    return [
        {
            "name": name,
            "set": "ljspeech" if name == "lj" else "train-x",
            "file": "LJ001-0001.wav" if name == "lj" else "take.flac",
            "samples": len(kept),
            "channels": kept.shape[1],
            "sha256": hashlib.sha256(kept.astype("<i2").tobytes()).hexdigest(),
        }
        for name, kept in taken.items()
    ]


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: list[dict[str, object]]) -> int:
    path = tmp_path / "list.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    monkeypatch.setattr(build_training_mix, "LIST", path)
    places = ("--corpora", tmp_path / "corpora", "--ljspeech", tmp_path / "lj", "--target", tmp_path / "mix")
    monkeypatch.setattr(sys, "argv", ["build_training_mix.py", *map(str, places)])
    return build_training_mix.main()


def test_one_channel_or_both_are_written(
    rows: list[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, rows) == 0
    assert "3 clips, 2,500 samples over all channels" in capsys.readouterr().out
    original, _ = soundfile.read(tmp_path / "corpora" / "train-x" / "take.flac", dtype="int16")
    for name, expected in (("mono", original[:600, 0]), ("stereo", original[:700]), ("lj", original[:500, 1])):
        clip, rate_hz = soundfile.read(tmp_path / "mix" / f"{name}.flac", dtype="int16")
        assert rate_hz == 8000
        np.testing.assert_array_equal(clip, expected)


@pytest.mark.parametrize("change", [{"channels": 1}, {"samples": 699}, {"samples": 5000}])
def test_other_samples_are_refused(
    rows: list[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    rows[1] |= change
    with pytest.raises(DataError, match=r"take\.flac: its samples differ from list\.csv"):
        run(monkeypatch, tmp_path, rows)
    assert not (tmp_path / "mix" / "stereo.flac").exists()


def test_missing_clips_are_counted(
    rows: list[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lj" / "wavs" / "LJ001-0001.wav").unlink()
    with pytest.raises(DataError, match=r"1 of 3 clips are missing, such as LJ001-0001\.wav"):
        run(monkeypatch, tmp_path, rows)


def test_the_list_trains_on_training_clips_only() -> None:
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert len({row["name"] for row in rows}) == len(rows)
    corpora, _ = read_corpora(CORPORA)
    assert all(row["set"] == "ljspeech" or (row["set"] in corpora and row["set"].startswith("train-")) for row in rows)
    with RENDERED.open(encoding="utf-8", newline="") as file:
        validation = {Path(row["file"]).name for row in csv.DictReader(file) if row["set"].startswith("validation-")}
    assert not validation & {row["file"] for row in rows}
    spoken = {row["file"] for row in rows if row["set"] == "ljspeech"}
    assert spoken == {f"LJ001-{number:04d}.wav" for number in range(1, 23)}


def test_speech_and_music_have_about_the_same_share() -> None:
    share = {True: 0, False: 0}
    with LIST.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            speech = row["set"] == "ljspeech" or (row["set"].endswith(("-8k", "-16k")) and "music" not in row["set"])
            share[speech] += int(row["samples"]) * int(row["channels"])
    assert 0.4 < share[True] / sum(share.values()) < 0.6
