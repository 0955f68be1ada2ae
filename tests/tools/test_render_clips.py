from __future__ import annotations

import csv
import hashlib
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import render_clips
import render_midi
import soundfile
import yaml
from build_corpora import CORPORA, read_corpora
from render_clips import LIST, Row, make_clip

from idf.errors import DataError

STEPS = ["font", "voices", "reverb", "width", "peak_db", "noise_db", "drive_db", "ceiling"]
COLUMNS = ["set", "name", "kind", "source", "file", "file_sha256", "start_s", "seconds", "rate_hz", "channels"]
COLUMNS += [*STEPS, "seed"]


def row(**changes: object) -> Row:
    """Return a row that copies the first half second of ``take.wav``, with changes."""
    fixed = {"set": "train-x", "name": "x-01", "kind": "x", "source": "pack", "file": "pack/take.wav"}
    fixed |= {"start_s": "0", "seconds": "0.5", "rate_hz": "8000", "channels": "2", "seed": "1"}
    return dict.fromkeys(COLUMNS, "") | fixed | {key: str(value) for key, value in changes.items()}


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """One second of 16-bit stereo noise."""
    path = tmp_path / "pack" / "take.wav"
    path.parent.mkdir()
    noise = np.random.default_rng(0).integers(-9000, 9000, (8000, 2)).astype(np.int16)
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    return path


def run(monkeypatch: pytest.MonkeyPatch, rows: list[Row], *arguments: object) -> int:
    path = Path(str(arguments[-1])).parent / "list.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    monkeypatch.setattr(render_clips, "LIST", path)
    monkeypatch.setattr(sys, "argv", ["render_clips.py", *map(str, arguments)])
    return render_clips.main()


def test_a_row_without_steps_copies_the_samples(take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(take.read_bytes()).hexdigest()
    rows = [row(file_sha256=digest, start_s=0.25), row(file_sha256=digest, name="x-02", channels=1)]
    assert run(monkeypatch, rows, take.parent, "--target", tmp_path / "target") == 0
    original, _ = soundfile.read(take, dtype="int16")
    for name, expected in (("x-01", original[2000:6000]), ("x-02", original[:4000, 0])):
        clip, rate_hz = soundfile.read(tmp_path / "target" / "train-x" / f"{name}.flac", dtype="int16")
        assert rate_hz == 8000
        np.testing.assert_array_equal(clip, expected)


def test_another_version_of_a_file_is_refused(take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        DataError, match=r"1 of 1 files are missing or of another version, such as pack/take.wav of pack"
    ):
        run(monkeypatch, [row(file_sha256="0" * 64)], take.parent, "--target", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_loud_master_reaches_its_ceiling(take: Path) -> None:
    found = {"pack/take.wav": take}
    for kind in ("limit", "clip"):
        clip = make_clip(row(peak_db=-1, width=0.2, noise_db=-60, drive_db=12, ceiling=f"{kind} 32391"), found)
        assert clip.shape == (4000, 2)
        assert np.abs(clip.astype(int)).max() == 32391
    assert np.array_equal(
        clip, make_clip(row(peak_db=-1, width=0.2, noise_db=-60, drive_db=12, ceiling="clip 32391"), found)
    )


def test_another_rate_is_resampled_and_channels_are_mixed(take: Path) -> None:
    clip = make_clip(row(peak_db=-6, rate_hz=4000, channels=1), {"pack/take.wav": take})
    assert clip.shape == (2000, 1)
    assert abs(int(np.abs(clip.astype(int)).max()) - 32767 * 10 ** (-6 / 20)) < 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate_hz": 16000}, r"is PCM_16 at 8000 Hz, but only PCM_16 at 16000 Hz can be copied"),
        ({"start_s": 0.75}, r"ends before the excerpt"),
    ],
)
def test_impossible_excerpts_are_rejected(take: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_clip(row(**changes), {"pack/take.wav": take})


def test_a_mono_recording_makes_no_stereo(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    soundfile.write(path, np.ones(8000, np.int16), 8000, subtype="PCM_16")
    with pytest.raises(DataError, match="has 1 of 2 channels"):
        make_clip(row(peak_db=-3), {"pack/take.wav": path})


def test_another_fluidsynth_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(render_midi, "version", lambda: "FluidSynth 9.9")
    font = next(iter(yaml.safe_load(CORPORA.read_text())["sound_fonts"]))
    with pytest.raises(DataError, match=r"FluidSynth 9\.9 is installed, but the sets were rendered with FluidSynth \d"):
        run(monkeypatch, [row(font=font)], tmp_path, "--target", tmp_path / "target")


def test_a_missing_fluidsynth_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="apt-get install fluidsynth"):
        render_midi.version()


def test_voices_follow_the_keys_of_all_channels_but_the_drums() -> None:
    orchestra = render_midi._orchestrate("0-52:43 48-127:48").splitlines()
    assert orchestra[:3] == ["prog 0 43", "cc 0 10 20", "cc 0 91 60"]
    assert "prog 1 48" in orchestra
    bass = orchestra.index("router_par1 0 52 1 0")
    assert orchestra[bass - 2 : bass] == ["router_begin note", "router_chan 0 8 0 0"]
    treble = orchestra.index("router_par1 48 127 1 0")
    assert orchestra[treble - 1] == "router_chan 0 8 0 1"
    heard = [line.split()[1:3] for line in orchestra if line.startswith("router_chan")]
    assert {channel for low, high in heard for channel in range(int(low), int(high) + 1)} == {*range(16)} - {9}


def test_the_list_keeps_validation_apart_and_names_known_sources() -> None:
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    corpora, sources = read_corpora(CORPORA)
    fonts = yaml.safe_load(CORPORA.read_text(encoding="utf-8"))["sound_fonts"]
    for one in rows:
        assert one["source"] in sources
        assert not one["font"] or one["font"] in fonts
        assert bool(one["drive_db"]) == bool(one["ceiling"])
    names = [(one["set"], one["name"]) for one in rows]
    assert len(set(names)) == len(rows)
    for name in {one["set"] for one in rows}:
        assert corpora[name].clips == sum(one["set"] == name for one in rows)
    validation = {one["file_sha256"] for one in rows if one["set"].startswith("validation-")}
    assert not validation & {one["file_sha256"] for one in rows if one["set"].startswith("train-")}


def test_nothing_of_a_held_out_set_is_in_the_list() -> None:
    corpora, _ = read_corpora(CORPORA)
    held_out = [corpus for name, corpus in corpora.items() if name.startswith("held-out-")]
    with LIST.open(encoding="utf-8", newline="") as file:
        for one in csv.DictReader(file):
            assert not any(corpus.source == one["source"] and corpus.wants(one["file"]) for corpus in held_out)


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="needs fluidsynth")
def test_an_invalid_font_is_named(tmp_path: Path) -> None:
    midi, font = tmp_path / "note.mid", tmp_path / "none.sf2"
    notes = b"\x00\x90\x3c\x64\x83\x60\x80\x3c\x00\x00\xff\x2f\x00"
    midi.write_bytes(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(notes)) + notes)
    font.write_bytes(b"no font")
    with pytest.raises(DataError, match=r"note\.mid: (silent|FluidSynth rendered).*none\.sf2"):
        render_midi.render(midi, font, start_seconds=0, seconds=0.5, rate_hz=8000, voices="", reverb=0.0)
