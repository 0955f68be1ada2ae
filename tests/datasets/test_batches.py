"""Training batches are a pure function of (seed, step), cover all samples evenly, and are fast."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idf.audio.pcm import write_wav16
from idf.config.schema import DataConfig
from idf.datasets.batches import CropSource, hash64, permuted, select_clips, training_batches
from idf.datasets.dataset import Dataset, open_dataset
from idf.datasets.shards import build_shards
from idf.errors import DataError

from .conftest import MakeClips

LENGTHS = {"a": 64, "b": 1000, "c": 333, "d": 70}
SETTINGS: dict[str, Any] = {"window": 64, "batch": 5, "seed": 7, "sign_flips": True}


@pytest.fixture
def dataset(make_clips: MakeClips) -> Dataset:
    return open_folder(make_clips(LENGTHS))


def open_folder(root: Path) -> Dataset:
    return open_dataset(DataConfig(name="folder", root=str(root), train_clips=["*"]))


def drawn(dataset: Dataset, cache: Path, first_step: int, steps: int, **settings: Any) -> list[npt.NDArray[np.int32]]:
    batches = training_batches(dataset, first_step=first_step, steps=steps, cache=cache, **(SETTINGS | settings))
    return list(batches.as_numpy_iterator())


def test_shape_dtype_and_number(dataset: Dataset, tmp_path: Path) -> None:
    batches = training_batches(dataset, first_step=3, steps=4, cache=tmp_path / "cache", **SETTINGS)
    assert batches.element_spec.shape == (5, 64)
    assert batches.element_spec.dtype == "int32"
    assert [array.shape for array in batches.as_numpy_iterator()] == [(5, 64)] * 4


def test_a_resumed_run_sees_the_same_batches(dataset: Dataset, tmp_path: Path) -> None:
    whole = drawn(dataset, tmp_path / "cache", 0, 60)
    for first in (0, 1, 17, 59):
        rest = drawn(dataset, tmp_path / "elsewhere", first, 60 - first)
        np.testing.assert_array_equal(rest, whole[first:])


def test_seeds_steps_and_epochs_differ(dataset: Dataset, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    batches = drawn(dataset, cache, 0, 40) + drawn(dataset, cache, 0, 40, seed=8)
    assert len({batch.tobytes() for batch in batches}) == 80


def test_seeds_of_any_size(dataset: Dataset, tmp_path: Path) -> None:
    one, two = (drawn(dataset, tmp_path / "cache", 0, 1, seed=seed) for seed in (-1, 2**70))
    assert not np.array_equal(one, two)


def test_frozen_batches(tmp_path: Path) -> None:
    """A change would affect every run that is resumed with a newer version."""
    source = ramp_source(tmp_path, {"a": 1000, "b": 3000}, window=16, batch=6, seed=3)
    assert source.batch_at(0)[:, 0].tolist() == [2882, 2764, 1409, 2619, 2028, 1854]
    assert source.flipped_batch(10**9)[:, 0].tolist() == [-1725, -682, 1441, -3032, -1530, 3233]


def ramp_source(folder: Path, lengths: dict[str, int], window: int, batch: int, seed: int) -> CropSource:
    """Return a source whose samples count up across clips from 1, so that values identify clip and position."""
    root = folder / "ramps"
    root.mkdir()
    start = 1
    for name, length in lengths.items():
        write_wav16(root / f"{name}.wav", np.arange(start, start + length), 8000)
        start += length
    shards = build_shards(open_folder(root), folder / "cache")
    return CropSource.of(shards, set(lengths), window, batch, seed)


def test_crops_are_consecutive_samples_of_one_clip(tmp_path: Path) -> None:
    source = ramp_source(tmp_path, {"a": 40, "b": 16, "c": 333}, window=16, batch=7, seed=0)
    edges = {0, 40, 56}
    for step in range(200):
        crops = source.batch_at(step)
        np.testing.assert_array_equal(np.diff(crops, axis=1), 1)
        # No crop extends into the next clip.
        assert not any(first <= edge < last for edge in edges for first, last in crops[:, [0, -1]].tolist())


def test_an_epoch_draws_every_share_once_and_long_clips_more(tmp_path: Path) -> None:
    source = ramp_source(tmp_path, {"a": 40, "b": 16, "c": 333}, window=16, batch=1, seed=0)
    slots = 2 + 1 + 20
    for epoch in range(5):
        starts = [int(source.batch_at(step)[0, 0]) for step in range(epoch * slots, (epoch + 1) * slots)]
        assert sum(start <= 40 for start in starts) == 2
        assert sum(40 < start <= 56 for start in starts) == 1
        # One start in each twentieth of the possible starts in clip c.
        shares = sorted((start - 57) * 20 // (333 - 16 + 1) for start in starts if start > 56)
        assert len(shares) == 20
        assert np.abs(np.array(shares) - np.arange(20)).max() <= 1


def test_every_start_is_drawn_eventually(tmp_path: Path) -> None:
    source = ramp_source(tmp_path, {"a": 100}, window=16, batch=50, seed=0)
    starts = np.concatenate([source.batch_at(step)[:, 0] for step in range(100)])
    counts = np.bincount(starts, minlength=86)[1:]
    assert len(counts) == 100 - 16 + 1
    assert counts.min() > 20
    assert counts.max() < 120


def test_signs_flip_half_the_time_and_stay_within_16_bits(make_clips: MakeClips, tmp_path: Path) -> None:
    root = make_clips({})
    write_wav16(root / "a.wav", np.tile([-32768, -32768, 5], 400), 8000)
    dataset = open_folder(root)
    plain = np.concatenate(drawn(dataset, tmp_path / "cache", 0, 100, sign_flips=False))
    flipped = np.concatenate(drawn(dataset, tmp_path / "cache", 0, 100))
    same = (plain == flipped).all(axis=1)
    assert 180 < same.sum() < 320
    np.testing.assert_array_equal(flipped[~same], np.where(plain == -32768, 32767, -5)[~same])
    assert plain.min() == flipped.min() == -32768


@given(size=st.integers(1, 3000), key=st.integers(0, 2**64 - 1))
def test_permuted_is_a_permutation(size: int, key: int) -> None:
    order = permuted(np.arange(size, dtype=np.uint64), size, np.array(key, np.uint64))
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


def test_permuted_accepts_a_key_for_each_entry() -> None:
    index = np.arange(50, dtype=np.uint64)
    keys = np.repeat(np.array([3, 4], np.uint64), 25)
    mixed = permuted(index, 50, keys)
    np.testing.assert_array_equal(mixed[:25], permuted(index, 50, np.array(3, np.uint64))[:25])
    np.testing.assert_array_equal(mixed[25:], permuted(index, 50, np.array(4, np.uint64))[25:])


def test_permuted_spreads_evenly() -> None:
    """Over many keys, each place gets each entry about equally often (chi-square, 99 degrees of freedom)."""
    keys = hash64(np.uint64(0), np.arange(20_000, dtype=np.uint64))
    for index in (0, 1, 99):
        counts = np.bincount(permuted(np.full(20_000, index, np.uint64), 100, keys).astype(np.int64), minlength=100)
        assert ((counts - 200) ** 2 / 200).sum() < 160


def test_hash64_bits_are_balanced() -> None:
    values = hash64(np.uint64(1), np.arange(10_000, dtype=np.uint64))
    bits = (values[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.025


def test_short_clips_are_an_error_that_names_them(dataset: Dataset) -> None:
    with pytest.raises(DataError) as caught:
        select_clips(dataset, 256, "error")
    message = str(caught.value)
    assert "2 of 4 training clips are shorter than the window of 256 samples: a (64), d (70)" in message
    assert "data.short_clips=skip" in message


def test_short_clips_may_be_skipped(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert [clip.name for clip in select_clips(dataset, 256, "skip")] == ["b", "c"]
    expected = "skipped 2 of 4 training clips, which are shorter than 256 samples: a ("
    assert expected in capsys.readouterr().err


def test_skipping_all_clips_is_an_error(dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"all of 4 training clips .* choose a model with a shorter window"):
        select_clips(dataset, 2000, "skip")


def test_many_short_clips_are_counted(make_clips: MakeClips) -> None:
    dataset = open_folder(make_clips({f"clip{number}": 10 for number in range(9)}))
    with pytest.raises(DataError, match=r"clip4 \(10\) and 4 more"):
        select_clips(dataset, 64, "error")


def test_an_unknown_choice(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="choose error or skip"):
        select_clips(dataset, 64, "ignore")


def test_no_training_clips(make_clips: MakeClips) -> None:
    root = make_clips({"a": 100})
    dataset = open_dataset(DataConfig(name="folder", root=str(root), test_clips=["*"]))
    with pytest.raises(DataError, match="no training clips"):
        select_clips(dataset, 64, "error")


def test_faster_than_any_training(tmp_path: Path) -> None:
    """At least 2 million samples per second of CPU time at window 256, without delay before a late first step."""
    dataset = open_dataset(DataConfig())
    batches = training_batches(
        dataset,
        window=256,
        batch=64,
        seed=0,
        first_step=10**7,
        steps=300,
        cache=tmp_path,
        sign_flips=True,
    )
    iterator = batches.as_numpy_iterator()
    next(iterator)
    start = time.process_time()
    samples = sum(array.size for array in iterator)
    assert samples / (time.process_time() - start) > 2e6
