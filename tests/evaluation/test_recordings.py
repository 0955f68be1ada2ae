from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from idf.datasets.demo import read_demo_manifest
from idf.errors import DataError
from idf.evaluation.recordings import find_set, lay_out_set


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two seconds of stereo FLAC, one second of mono WAV in a subfolder, and a text file."""
    root = tmp_path / "music"
    (root / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    soundfile.write(root / "b.flac", rng.integers(-99, 99, (1600, 2)).astype(np.int16), 800, subtype="PCM_16")
    soundfile.write(root / "deep" / "c.wav", rng.integers(-99, 99, 800).astype(np.int16), 800, subtype="PCM_16")
    (root / "notes.txt").write_text("no audio")
    return root


def test_a_folder_with_mono_and_stereo(folder: Path, tmp_path: Path) -> None:
    found = find_set(str(folder))
    assert (found.name, [path.name for path in found.files]) == ("music", ["b.flac", "c.wav"])
    place = tmp_path / "place"
    place.mkdir()
    stereo, mono = lay_out_set(found, place)
    assert (stereo.samples, stereo.channels, stereo.rate_hz) == (3200, 2, 800)
    assert (mono.samples, mono.channels) == (800, 1)
    for clip, path in zip((stereo, mono), found.files, strict=True):
        expected, _ = soundfile.read(path, dtype="int16")
        assert np.array_equal(np.load(clip.pcm), expected)
        assert np.array_equal(soundfile.read(clip.wav, dtype="int16")[0], expected)


def test_a_pattern(folder: Path) -> None:
    found = find_set(f"{folder}/deep/[a-d].wav")
    assert (found.name, found.about) == ("deep", "[a-d].wav")
    assert [path.name for path in found.files] == ["c.wav"]


def test_only_the_first_seconds(folder: Path) -> None:
    assert [path.name for path in find_set(str(folder), 1.5).files] == ["b.flac"]
    assert len(find_set(str(folder), 2.5).files) == 2


def test_the_bundled_speech() -> None:
    test_clips = [clip.name for clip in read_demo_manifest().clips if clip.part == "test"]
    assert sorted(path.stem for path in find_set("demo").files) == sorted(test_clips)


def test_recordings_that_cannot_be_measured_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing: no \.wav or \.flac file found"):
        find_set(str(folder / "nothing"))
    soundfile.write(folder / "a.wav", np.zeros((10, 2)), 800, subtype="PCM_24")
    with pytest.raises(DataError, match=r"a\.wav: PCM_24; .* remove this file"):
        lay_out_set(find_set(str(folder)), tmp_path)
    (folder / "a.wav").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"a\.wav: cannot be read"):
        lay_out_set(find_set(str(folder)), tmp_path)
    soundfile.write(folder / "a.wav", np.zeros(0, np.int16), 800, subtype="PCM_16")
    with pytest.raises(DataError, match="all files are empty"):
        lay_out_set(find_set(f"{folder}/a.wav"), tmp_path)
