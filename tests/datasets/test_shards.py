"""Shards: valid TFRecords of exactly the clips' samples, built once, completely or not at all."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from idf.audio.pcm import write_wav16
from idf.config.schema import DataConfig
from idf.datasets import shards as shards_module
from idf.datasets.dataset import Dataset, open_dataset
from idf.datasets.shards import build_shards
from idf.errors import DataError, OutputError

from .conftest import MakeClips, noise


@dataclass(frozen=True)
class Halved:
    """A transformation of clips that halves samples."""

    name: str

    def apply(self, samples: np.ndarray) -> np.ndarray:
        return samples // 2


LENGTHS = {"a": 101, "b": 1, "c": 5000, "d": 32}


@pytest.fixture
def dataset(make_clips: MakeClips) -> Dataset:
    return open_folder(make_clips(LENGTHS))


def open_folder(root: Path) -> Dataset:
    return open_dataset(DataConfig(name="folder", root=str(root), train_clips=["*"]))


@pytest.mark.parametrize("shard_bytes", [1, 150, 1 << 20])
def test_both_kinds_of_reader_find_the_samples(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int
) -> None:
    import tensorflow as tf

    monkeypatch.setattr(shards_module, "_SHARD_BYTES", shard_bytes)
    shards = build_shards(dataset, tmp_path / "cache")
    expected = [dataset.read(clip).samples for clip in dataset.train]
    streamed = tf.data.TFRecordDataset([str(path) for path in shards.files]).as_numpy_iterator()
    for record, found in zip(expected, streamed, strict=True):
        np.testing.assert_array_equal(np.frombuffer(found, "<i2"), record)
    maps = shards.open()
    assert len(maps) == {1: 4, 150: 3, 1 << 20: 1}[shard_bytes]
    for clip, entry, samples in zip(dataset.train, shards.records, expected, strict=True):
        assert (entry.clip, entry.samples) == (clip.name, clip.samples)
        np.testing.assert_array_equal(maps[entry.shard][entry.offset :][: entry.samples], samples)


def test_built_once(dataset: Dataset, tmp_path: Path) -> None:
    first = build_shards(dataset, tmp_path / "cache")
    state = first.files[0].stat()
    assert build_shards(dataset, tmp_path / "cache") == first
    assert first.files[0].stat().st_mtime_ns == state.st_mtime_ns
    assert first.files[0].stat().st_ino == state.st_ino


def test_other_sources_have_other_folders(dataset: Dataset, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folders = {build_shards(dataset, cache).folder}
    root = dataset.train[0].path.parent
    resampled = open_dataset(DataConfig(name="folder", root=str(root), train_clips=["*"], rate_hz=4000))
    folders.add(build_shards(resampled, cache).folder)
    # Same length and size but different samples: only the modification time differs.
    folders.add(build_shards(replace(open_folder(root), change=Halved("a")), cache).folder)
    folders.add(build_shards(replace(open_folder(root), change=Halved("b")), cache).folder)
    write_wav16(root / "a.wav", noise(101, 77), 8000)
    os.utime(root / "a.wav", ns=(1, 1))
    folders.add(build_shards(open_folder(root), cache).folder)
    assert len(folders) == 5


def test_clips_are_changed_as_they_are_read(dataset: Dataset, tmp_path: Path) -> None:
    changed = replace(dataset, change=Halved("a"))
    expected = [dataset.read(clip).samples // 2 for clip in dataset.train]
    shards = build_shards(changed, tmp_path / "cache")
    maps = shards.open()
    for clip, record, samples in zip(dataset.train, shards.records, expected, strict=True):
        np.testing.assert_array_equal(changed.read(clip).samples, samples)
        np.testing.assert_array_equal(maps[record.shard][record.offset :][: record.samples], samples)


@pytest.mark.parametrize("damage", ["short file", "no file", "no meta", "bad meta"])
def test_damaged_shards_are_rebuilt(dataset: Dataset, tmp_path: Path, damage: str) -> None:
    shards = build_shards(dataset, tmp_path / "cache")
    whole = shards.files[0].read_bytes()
    if damage == "short file":
        shards.files[0].write_bytes(whole[:-3])
    elif damage == "no file":
        shards.files[0].unlink()
    elif damage == "no meta":
        (shards.folder / "meta.json").unlink()
    else:
        (shards.folder / "meta.json").write_text("{")
    assert build_shards(dataset, tmp_path / "cache").files[0].read_bytes() == whole


def test_a_clip_that_fails_leaves_nothing(dataset: Dataset, tmp_path: Path) -> None:
    write_wav16(dataset.train[2].path, noise(4999), 8000)
    with pytest.raises(DataError, match=r"c\.wav: the file has changed"):
        build_shards(dataset, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_a_clip_that_is_gone(dataset: Dataset, tmp_path: Path) -> None:
    dataset.train[1].path.unlink()
    with pytest.raises(DataError, match=r"b\.wav: cannot be read"):
        build_shards(dataset, tmp_path / "cache")


def test_an_impossible_cache(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="a file exists where a folder is needed"):
        build_shards(dataset, tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_a_full_disk(number: int) -> str:
        return "/dev/full"

    monkeypatch.setattr(shards_module, "_shard_name", on_a_full_disk)
    with pytest.raises(OutputError, match=r"cannot write training shards to .*No space left"):
        build_shards(dataset, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_no_training_clips(dataset: Dataset, tmp_path: Path) -> None:
    root = dataset.train[0].path.parent
    empty = open_dataset(DataConfig(name="folder", root=str(root), test_clips=["*"]))
    with pytest.raises(DataError, match=r"no training clips in the split 'lists .* of 4 clips"):
        build_shards(empty, tmp_path / "cache")


def _build(root: Path, cache: Path) -> None:
    build_shards(open_folder(root), cache)


def test_two_processes_at_once(make_clips: MakeClips, tmp_path: Path) -> None:
    root = make_clips(LENGTHS)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_build, args=(root, tmp_path / "cache")) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    folders = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert folders == [build_shards(open_folder(root), tmp_path / "cache").folder]
