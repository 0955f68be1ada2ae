"""Training rows of the adaptive flow: their batches and their cache."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from idf.config import Config
from idf.config.compose import compose
from idf.datasets.dataset import Dataset, open_dataset
from idf.errors import DataError, OutputError
from idf.models.adaptive.model import AdaptiveModel, build_adaptive
from idf.training.families import features_cache as rows_module
from idf.training.families.features_cache import Rows, decoded, encoded, row_batches, training_rows
from tests.tiny import TINY_ADAPTIVE

Settings = Callable[..., Config]


@pytest.fixture(scope="module")
def config(clips: Path) -> Config:
    return compose([*TINY_ADAPTIVE, f"data.root={clips}"])


@pytest.fixture(scope="module")
def dataset(config: Config) -> Dataset:
    return open_dataset(config.data)


@pytest.fixture(scope="module")
def model(config: Config) -> AdaptiveModel:
    return build_adaptive(config)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def rows(config: Config, model: AdaptiveModel, dataset: Dataset, cache: Path) -> Rows:
    return training_rows(config, model, dataset, cache)


def numbered(count: int) -> Rows:
    """Return rows whose targets are their own number."""
    targets = np.arange(count, dtype=np.float32)[:, None] * np.ones(2, np.float32)
    return Rows(np.zeros((count, 1), np.int8), targets, np.zeros((count, 1), np.float16), np.ones(1, np.float32), 1)


def test_rows_are_the_trace_of_all_training_clips(rows: Rows, model: AdaptiveModel, dataset: Dataset) -> None:
    traces = [model.trace(dataset.read(clip).samples[:, None]) for clip in dataset.train]
    inputs, targets = (np.concatenate([getattr(trace, part) for trace in traces]) for part in ("inputs", "targets"))
    np.testing.assert_array_equal(rows.targets, targets[:, :2])
    np.testing.assert_array_equal(rows.deviations, targets[:, 2:].astype(np.float16))
    kept, logs = decoded(rows.codes, rows.logs), rows.logs
    np.testing.assert_allclose(kept[:, :logs], inputs[:, :logs], atol=1 / 16)  # half a step
    np.testing.assert_allclose(kept[:, logs:], inputs[:, logs:], rtol=0.014, atol=0.007)


def test_inputs_fit_in_a_byte() -> None:
    everything = np.arange(-127, 128).astype(np.int8)[:, None] * np.ones(2, np.int8)
    np.testing.assert_array_equal(encoded(decoded(everything, 1), 1), everything)
    np.testing.assert_array_equal(decoded(-everything, 1), -decoded(everything, 1))
    beyond = np.array([[1e9, 1e9], [-1e9, -1e9]], np.float32)
    np.testing.assert_allclose(decoded(encoded(beyond, 1), 1), [[127 / 8, 16], [-127 / 8, -16]], rtol=1e-6)


def test_a_batch_is_a_function_of_data_seed_and_step(
    rows: Rows, config: Config, model: AdaptiveModel, dataset: Dataset, cache: Path
) -> None:
    batch = rows.batch_at(3, 256, 7, flip=True)
    assert batch.dtype == np.float32
    assert batch.shape == (256, rows.width)
    again = training_rows(config, model, dataset, cache)
    again.batch_at(5, 256, 7, flip=True)
    np.testing.assert_array_equal(again.batch_at(3, 256, 7, flip=True), batch)
    assert not np.array_equal(rows.batch_at(3, 256, 8, flip=True), batch)
    assert not np.array_equal(rows.batch_at(4, 256, 7, flip=True), batch)


def test_a_resumed_run_gets_the_remaining_batches(rows: Rows, config: Config) -> None:
    whole = [batch.numpy() for batch in row_batches(rows, config, 0)]
    rest = [batch.numpy() for batch in row_batches(rows, config, 5)]
    assert (len(whole), len(rest)) == (config.training.steps, config.training.steps - 5)
    np.testing.assert_array_equal(np.stack(whole[5:]), np.stack(rest))
    np.testing.assert_array_equal(whole[2], rows.batch_at(2, 256, config.seed, flip=config.training.sign_flips))


def test_each_epoch_visits_every_row_once_in_a_different_order() -> None:
    rows = numbered(1000)
    epochs = [
        np.stack([rows.batch_at(step, 100, 1, flip=False)[:, 2] for step in range(10 * e, 10 * e + 10)]) for e in (0, 1)
    ]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch.ravel()), np.arange(1000))
    assert not np.array_equal(*epochs)


def test_batches_across_the_end_of_an_epoch_lose_no_row() -> None:
    rows = numbered(100)
    seen = np.concatenate([rows.batch_at(step, 64, 1, flip=True)[:, 2] for step in range(25)])  # 16 epochs
    np.testing.assert_array_equal(np.bincount(seen.astype(int), minlength=100), 16)


def test_batches_larger_than_the_data() -> None:
    seen = numbered(10).batch_at(2, 35, 1, flip=False)[:, 2]
    assert set(np.bincount(seen.astype(int), minlength=10)) <= {3, 4}


def test_flips_negate_what_follows_the_sign_of_the_signal(rows: Rows) -> None:
    plain, flipped = (rows.batch_at(1, 256, 7, flip=flip) for flip in (False, True))
    width = rows.codes.shape[1]
    odd = np.concatenate([rows.signs, np.where(np.arange(rows.width - width) == 1, 1, -1)]).astype(np.float32)
    assert odd[width + 1] == 1  # the level
    changed = (flipped != plain).any(axis=1)
    assert 0.3 < changed.mean() < 0.7
    np.testing.assert_array_equal(flipped[changed], plain[changed] * odd)


def test_a_flipped_row_is_the_row_of_the_negated_signal(model: AdaptiveModel, rows: Rows, dataset: Dataset) -> None:
    samples = dataset.read(dataset.train[0]).samples[:, None]
    one, other = model.trace(samples), model.trace(-samples)
    np.testing.assert_allclose(other.inputs, one.inputs * rows.signs, rtol=1e-5, atol=1e-5)
    odd = np.where(np.arange(one.targets.shape[1]) == 1, 1, -1)
    np.testing.assert_allclose(other.targets, one.targets * odd, rtol=1e-5, atol=1e-3)
    assert {-1.0, 1.0} == set(rows.signs.tolist())


def test_statistics_are_those_of_the_inputs(rows: Rows) -> None:
    mean, deviation = rows.statistics()
    inputs = decoded(rows.codes, rows.logs).astype(np.float64)
    np.testing.assert_allclose(mean, inputs.mean(0), rtol=1e-5, atol=1e-6)
    moving = inputs.std(0) > 1e-4
    np.testing.assert_allclose(deviation[moving], inputs.std(0)[moving], rtol=1e-5)
    assert (mean.dtype, deviation.dtype) == (np.float32, np.float32)


def test_an_input_that_never_changes_has_deviation_one() -> None:
    codes, targets = np.full((50, 2), 24, np.int8), np.zeros((50, 2), np.float32)
    rows = Rows(codes, targets, np.zeros((50, 1), np.float16), np.ones(2, np.float32), 2)
    mean, deviation = rows.statistics()
    assert mean.tolist() == [3, 3]
    assert deviation.tolist() == [1, 1]


def folders(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("rows-*"))


def test_the_cache_is_reused(
    rows: Rows, config: Config, model: AdaptiveModel, dataset: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: AdaptiveModel, samples: np.ndarray) -> None:
        raise AssertionError("the predictors ran again")

    monkeypatch.setattr(AdaptiveModel, "trace", never)
    again = training_rows(config, model, dataset, cache)
    np.testing.assert_array_equal(again.codes, rows.codes)


@pytest.mark.parametrize("part", ["inputs-0.npy", "targets-0.npy", "deviations-0.npy"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut in its header", "cut", "foreign", "shorter", "narrower"])
def test_damaged_rows_are_rebuilt(
    rows: Rows, config: Config, model: AdaptiveModel, dataset: Dataset, tmp_path: Path, part: str, damage: str
) -> None:
    training_rows(config, model, dataset, tmp_path)
    (name,) = folders(tmp_path)
    file = tmp_path / name / part
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage in ("shorter", "narrower"):
        values = np.load(file)
        np.save(file, values[:-1] if damage == "shorter" else values[:, :-1])
    else:
        file.write_bytes(
            {"empty": b"", "cut in its header": data[:20], "cut": data[:-100], "foreign": b"x" * 500}[damage]
        )
    again = training_rows(config, model, dataset, tmp_path)
    np.testing.assert_array_equal(again.codes, rows.codes)
    np.testing.assert_array_equal(again.targets, rows.targets)
    assert folders(tmp_path) == [name]


def test_rows_are_cached_by_what_they_depend_on(clips: Path, config: Config, dataset: Dataset, tmp_path: Path) -> None:
    def count_after(*more: str) -> int:
        changed = compose([*TINY_ADAPTIVE, f"data.root={clips}", *more])
        training_rows(changed, build_adaptive(changed), dataset, tmp_path)
        return len(folders(tmp_path))

    assert count_after() == 1
    assert (
        count_after("model.adaptive.hidden=64", "model.adaptive.layers=2", "model.adaptive.components=4", "seed=3") == 1
    )
    assert count_after("model.adaptive.experts=[[1, 4], [3, 8], [6, 7]]") == 2
    assert count_after("model.adaptive.past=5") == 3
    assert count_after("training.max_rows=700") == 4
    fewer = dataclasses.replace(dataset, train=dataset.train[:1])
    training_rows(config, build_adaptive(config), fewer, tmp_path)
    assert len(folders(tmp_path)) == 5


def test_an_even_part_is_kept_of_too_many_rows(clips: Path, rows: Rows, dataset: Dataset, tmp_path: Path) -> None:
    thin = compose([*TINY_ADAPTIVE, f"data.root={clips}", "training.max_rows=500"])
    some = training_rows(thin, build_adaptive(thin), dataset, tmp_path)
    assert len(some.codes) == 500
    kept = np.concatenate([np.linspace(first, first + 999, 250).astype(np.int64) for first in (0, 1000)])
    np.testing.assert_array_equal(some.targets, rows.targets[kept])
    np.testing.assert_array_equal(some.codes, rows.codes[kept])


def test_no_training_clips(config: Config, model: AdaptiveModel, dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training clips in the split"):
        training_rows(config, model, dataclasses.replace(dataset, train=()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written(config: Config, model: AdaptiveModel, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        training_rows(config, model, dataset, tmp_path / "file")


def test_a_disk_that_fills_up(
    config: Config, model: AdaptiveModel, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Space is reserved first, because a signal would kill the process if the disk filled up under a mapped file."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(rows_module, "reserve", full)
    with pytest.raises(OutputError, match="the disk is full; free some space"):
        training_rows(config, model, dataset, tmp_path)
    assert not list(tmp_path.rglob("*.npy"))


def test_a_clip_that_cannot_be_read_leaves_no_rows(
    config: Config, model: AdaptiveModel, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(self: Dataset, clip: object) -> None:
        raise DataError("b.wav: cut off")

    monkeypatch.setattr(Dataset, "read", unreadable)
    with pytest.raises(DataError, match=r"b\.wav"):
        training_rows(config, model, dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []
