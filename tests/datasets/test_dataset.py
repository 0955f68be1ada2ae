"""Opening data sets: the right clips in the right parts, or one clear message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from idf.audio.pcm import write_wav16
from idf.config.schema import DataConfig
from idf.datasets.dataset import open_dataset
from idf.datasets.shards import build_shards
from idf.errors import DataError

from .conftest import MakeClips, noise


def folder_config(root: Path, **settings: object) -> DataConfig:
    return DataConfig(name="folder", root=str(root), **settings)  # type: ignore[arg-type]


class TestFolder:
    def test_finds_wav_and_flac_in_any_case_and_depth(self, tmp_path: Path) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / ".hidden").mkdir()
        write_wav16(tmp_path / "one.wav", noise(10), 8000)
        write_wav16(tmp_path / "a" / "Two.x.WAV", noise(20), 8000)
        soundfile.write(tmp_path / "a" / "b" / "three.Flac", noise(30).astype(np.int16), 8000, format="FLAC")
        write_wav16(tmp_path / "._one.wav", noise(10), 8000)
        write_wav16(tmp_path / ".hidden" / "four.wav", noise(10), 8000)
        (tmp_path / "notes.txt").write_text("no audio")
        dataset = open_dataset(folder_config(tmp_path, train_clips=["*"]))
        assert [(clip.name, clip.samples) for clip in dataset.train] == [
            ("a/Two.x", 20),
            ("a/b/three", 30),
            ("one", 10),
        ]
        assert dataset.name == f"folder:{tmp_path.name}"
        assert dataset.rate_hz == 8000
        np.testing.assert_array_equal(dataset.read(dataset.train[1]).samples, noise(30))

    def test_splits_by_hash_unless_lists_are_given(self, make_clips: MakeClips) -> None:
        root = make_clips({f"clip{number}": 10 for number in range(40)})
        dataset = open_dataset(folder_config(root))
        assert dataset.split == "hash 0.8/0.1/0.1"
        assert len(dataset.train) > len(dataset.validation) + len(dataset.test)
        assert len({clip.name for clip in dataset.clips}) == 40
        (root / "clip1.wav").unlink()
        smaller = open_dataset(folder_config(root))
        assert [c for c in dataset.test if c.name != "clip1"] == list(smaller.test)

    def test_mixed_rates_are_allowed(self, tmp_path: Path) -> None:
        write_wav16(tmp_path / "a.wav", noise(10), 8000)
        write_wav16(tmp_path / "b.wav", noise(10), 16000)
        dataset = open_dataset(folder_config(tmp_path))
        assert dataset.rate_hz is None
        assert sorted(dataset.read(clip).rate_hz for clip in dataset.clips) == [8000, 16000]

    @pytest.mark.parametrize("source_hz", [8000, 11025, 22050, 44100, 16000])
    def test_resamples_only_when_asked(self, tmp_path: Path, source_hz: int) -> None:
        seconds = np.arange(1001) / source_hz
        tone = np.rint(20000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int32)
        write_wav16(tmp_path / "a.wav", tone, source_hz)
        kept = open_dataset(folder_config(tmp_path, train_clips=["a"]))
        np.testing.assert_array_equal(kept.read(kept.train[0]).samples, tone)
        dataset = open_dataset(folder_config(tmp_path, rate_hz=16000, train_clips=["a"]))
        pcm = dataset.read(dataset.train[0])
        assert dataset.rate_hz == dataset.train[0].rate_hz == pcm.rate_hz == 16000
        assert len(pcm.samples) == dataset.train[0].samples == -(-1001 * 16000 // source_hz)
        assert pcm.samples.dtype == np.int32
        expected = 20000 * np.sin(2 * np.pi * 440 * np.arange(len(pcm.samples)) / 16000)
        middle = slice(len(expected) // 4, 3 * len(expected) // 4)
        assert np.abs(pcm.samples - expected)[middle].max() < 200

    def test_full_scale_stays_within_16_bits_when_resampled(self, tmp_path: Path) -> None:
        square = np.where(np.arange(2000) % 50 < 25, 32767, -32768)
        write_wav16(tmp_path / "a.wav", square, 8000)
        dataset = open_dataset(folder_config(tmp_path, rate_hz=11025, train_clips=["a"]))
        samples = dataset.read(dataset.train[0]).samples
        assert samples.max() == 32767
        assert samples.min() == -32768

    def test_no_root_setting(self) -> None:
        with pytest.raises(DataError, match=r"data=folder needs data.root=FOLDER"):
            open_dataset(DataConfig(name="folder"))

    def test_missing_root(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="nowhere: no such folder"):
            open_dataset(folder_config(tmp_path / "nowhere"))

    def test_root_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "x.wav").write_bytes(b"")
        with pytest.raises(DataError, match=r"x\.wav: is a file; set data\.root to a folder"):
            open_dataset(folder_config(tmp_path / "x.wav"))

    def test_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"contains no .wav or .flac files"):
            open_dataset(folder_config(tmp_path))

    def test_two_files_of_one_name(self, tmp_path: Path) -> None:
        write_wav16(tmp_path / "a.wav", noise(10), 8000)
        soundfile.write(tmp_path / "a.flac", noise(10).astype(np.int16), 8000)
        with pytest.raises(DataError, match=r"a\.flac and .*a\.wav would both be the clip 'a'"):
            open_dataset(folder_config(tmp_path))

    def test_links_are_followed_once(self, make_clips: MakeClips, tmp_path: Path) -> None:
        root, other = make_clips({"a": 10}), make_clips({"b": 10, "c": 10}, folder="other")
        (root / "linked").symlink_to(other)
        (root / "d.wav").symlink_to(other / "c.wav")
        assert [clip.name for clip in open_dataset(folder_config(root)).clips] == ["a", "d", "linked/b", "linked/c"]
        (root / "again").symlink_to(other)
        with pytest.raises(DataError, match=r"linked and \S*again are the same folder through a link"):
            open_dataset(folder_config(root))
        (root / "again").unlink()
        (root / "loop").symlink_to(root)
        with pytest.raises(DataError, match=r"loop and \S*clips are the same folder"):
            open_dataset(folder_config(root))

    def test_a_link_to_nothing(self, make_clips: MakeClips) -> None:
        root = make_clips({"a": 10})
        (root / "b.wav").symlink_to(root / "gone.wav")
        with pytest.raises(DataError, match=r"b\.wav: no such file"):
            open_dataset(folder_config(root))

    @pytest.mark.skipif(sys.platform == "darwin", reason="the file system takes UTF-8 only")
    def test_names_that_are_not_utf8(self, make_clips: MakeClips, tmp_path: Path) -> None:
        root = make_clips({"a": 100})
        os.rename(root / "a.wav", os.fsencode(root) + b"/caf\xe9.wav")
        dataset = open_dataset(folder_config(root, train_clips=["*"]))
        assert [clip.name for clip in dataset.train] == [r"caf\xe9"]
        assert len(dataset.read(dataset.train[0]).samples) == 100
        assert dataset.fingerprint
        assert build_shards(dataset, tmp_path / "cache").records[0].clip == r"caf\xe9"

    def test_broken_files_may_be_skipped(self, make_clips: MakeClips, capsys: pytest.CaptureFixture[str]) -> None:
        root = make_clips({"a": 10, "b": 10})
        soundfile.write(root / "c.wav", np.zeros((10, 2), np.int16), 8000)
        soundfile.write(root / "d.flac", noise(5000).astype(np.int16), 8000)
        damaged = bytearray((root / "d.flac").read_bytes())
        damaged[len(damaged) // 2] ^= 255  # the header stays intact
        (root / "d.flac").write_bytes(damaged)
        (root / "e.wav").write_bytes(b"")
        with pytest.raises(DataError, match=r"2 of 5 files cannot be used; data\.broken=skip skips such files"):
            open_dataset(folder_config(root))
        dataset = open_dataset(folder_config(root, broken="skip"))
        assert [clip.name for clip in dataset.clips] == ["a", "b"]
        output = capsys.readouterr().err
        assert "c.wav: found 2 channels" in output
        assert "d.flac: corrupt audio" in output
        assert "e.wav: the file is empty" in output
        assert "data.broken=skip: skipped 3 of 5 files" in output
        for name in "ab":
            (root / f"{name}.wav").unlink()
        with pytest.raises(DataError, match="3 of 3 files cannot be used:"):
            open_dataset(folder_config(root, broken="skip"))

    def test_one_unsupported_file_gives_its_message(self, tmp_path: Path) -> None:
        write_wav16(tmp_path / "a.wav", noise(10), 8000)
        soundfile.write(tmp_path / "b.wav", np.zeros((10, 2), np.int16), 8000)
        with pytest.raises(DataError, match=r"^\S*b\.wav: found 2 channels"):
            open_dataset(folder_config(tmp_path))

    def test_many_unsupported_files_are_counted_and_the_first_listed(self, tmp_path: Path) -> None:
        for number in range(7):
            soundfile.write(tmp_path / f"{number}.wav", np.zeros(10), 8000, subtype="FLOAT")
        with pytest.raises(DataError, match="7 of 7 files cannot be used") as caught:
            open_dataset(folder_config(tmp_path))
        assert "4.wav" in str(caught.value)
        assert "5.wav" not in str(caught.value)
        assert "and 2 more" in str(caught.value)

    def test_a_file_that_changed(self, make_clips: MakeClips) -> None:
        root = make_clips({"a": 10})
        dataset = open_dataset(folder_config(root, train_clips=["a"]))
        write_wav16(root / "a.wav", noise(11), 8000)
        with pytest.raises(DataError, match="has changed since the command started"):
            dataset.read(dataset.train[0])

    def test_bad_lists(self, make_clips: MakeClips) -> None:
        root = make_clips({"alpha": 10, "beta": 10})
        with pytest.raises(DataError, match=r"data\.test_clips: there is no clip 'alpah'; did you mean alpha"):
            open_dataset(folder_config(root, test_clips=["alpah"]))
        with pytest.raises(DataError, match=r"data\.train_clips and data\.test_clips share beta"):
            open_dataset(folder_config(root, train_clips=["*"], test_clips=["beta"]))


class TestFingerprint:
    def test_does_not_depend_on_the_place(self, make_clips: MakeClips, tmp_path: Path) -> None:
        root = make_clips({"a": 10, "b": 20})
        before = open_dataset(folder_config(root)).fingerprint
        (tmp_path / "elsewhere").mkdir()
        assert open_dataset(folder_config(root.rename(tmp_path / "elsewhere" / "clips"))).fingerprint == before

    def test_depends_on_lengths_and_parts(self, make_clips: MakeClips) -> None:
        root = make_clips({"a": 10, "b": 20})
        prints = {open_dataset(folder_config(root, train_clips=["a"])).fingerprint}
        prints.add(open_dataset(folder_config(root, train_clips=["a"], test_clips=["b"])).fingerprint)
        prints.add(open_dataset(folder_config(root, test_clips=["a"])).fingerprint)
        write_wav16(root / "a.wav", noise(11), 8000)
        prints.add(open_dataset(folder_config(root, train_clips=["a"])).fingerprint)
        assert len(prints) == 4


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DataConfig(name="librivox"), "choose demo, ljspeech or folder"),
        (DataConfig(rate_hz=16000), "only data=folder can be resampled"),
        (DataConfig(name="ljspeech", root="x", rate_hz=16000), "only data=folder can be resampled"),
        (DataConfig(name="folder", root="x", rate_hz=-1), "must be a positive rate"),
        (DataConfig(download=True), "only data=ljspeech can be downloaded"),
    ],
)
def test_settings_that_do_not_fit_the_source(config: DataConfig, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(config)


def test_neither_import_nor_reading_loads_tensorflow() -> None:
    code = (
        "import sys; from idf.datasets.dataset import open_dataset; from idf.config.schema import DataConfig\n"
        "d = open_dataset(DataConfig()); d.read(d.test[0])\n"
        "assert 'tensorflow' not in sys.modules and 'librosa' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
