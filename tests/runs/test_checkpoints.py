from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from idf.errors import OutputError, RunError
from idf.runs.checkpoints import Checkpoint, CheckpointFolder, load_checkpoint, save_checkpoint


def checkpoint(step: int) -> Checkpoint:
    rng = np.random.default_rng(step)
    return Checkpoint(
        step=step,
        parameters={"a/b": rng.normal(size=(3, 4)).astype(np.float32), "c": rng.normal(size=5).astype(np.float32)},
        average={"a/b": rng.normal(size=(3, 4)).astype(np.float32), "c": rng.normal(size=5).astype(np.float32)},
        optimizer=(np.array(step), *(rng.normal(size=i).astype(np.float32) for i in range(12))),
        constants={"permutation/0": rng.permutation(16).astype(np.int32)},
        meta={"best": 8.123456789012345, "losses": [float(np.float32(0.1))], "config": {"seed": 3}, "tracker_id": None},
    )


def assert_same(one: Checkpoint, two: Checkpoint) -> None:
    assert one.step == two.step
    assert one.meta == two.meta
    for group in ("parameters", "average", "constants"):
        first, second = getattr(one, group), getattr(two, group)
        assert list(first) == list(second)
        for name in first:
            assert first[name].dtype == second[name].dtype
            assert first[name].tobytes() == second[name].tobytes()
    assert len(one.optimizer) == len(two.optimizer)
    for a, b in zip(one.optimizer, two.optimizer, strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def test_everything_comes_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.npz", checkpoint(7))
    assert_same(load_checkpoint(tmp_path / "x.npz"), checkpoint(7))
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_weights_are_the_average_where_there_is_one() -> None:
    one = checkpoint(1)
    assert one.weights is one.average
    plain = Checkpoint(1, one.parameters, {}, one.optimizer, {})
    assert plain.weights is one.parameters


def test_the_latest_and_the_best_are_kept(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=2)
    assert folder.latest() == (None, ())
    for step in (5, 10, 99_999_999, 100_000_000):
        folder.save(checkpoint(step))
        if step == 5:
            folder.save_best(checkpoint(step))
    assert [path.name for path in folder.paths()] == ["step-99999999.npz", "step-100000000.npz"]
    assert load_checkpoint(folder.best_path).step == 5
    latest, warnings = folder.latest()
    assert latest is not None
    assert (latest.step, warnings) == (100_000_000, ())


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign"])
def test_a_damaged_checkpoint_is_skipped_with_a_warning(tmp_path: Path, damage: str) -> None:
    folder = CheckpointFolder(tmp_path, keep=3)
    folder.save(checkpoint(1))
    path = folder.save(checkpoint(2))
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[data.index(checkpoint(2).parameters["c"].tobytes()) + 3] ^= 1
    path.write_bytes({"cut": data[: len(data) // 2], "flip": data, "empty": b"", "foreign": b"hello" * 99}[damage])
    latest, warnings = folder.latest()
    assert latest is not None
    assert_same(latest, checkpoint(1))
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    assert "damaged" in warnings[0]


def test_nothing_readable_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=3)
    folder.save(checkpoint(1)).write_bytes(b"")
    with pytest.raises(RunError, match="force=true"):
        folder.latest()
    with pytest.raises(RunError, match="is missing"):
        load_checkpoint(tmp_path / "no.npz")


def test_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idf.runs.checkpoints.FORMAT", 99)
    save_checkpoint(tmp_path / "x.npz", checkpoint(1))
    monkeypatch.undo()
    with pytest.raises(RunError, match="format 99"):
        load_checkpoint(tmp_path / "x.npz")


def test_a_checkpoint_cannot_contain_code(tmp_path: Path) -> None:
    with open(tmp_path / "x.npz", "wb") as file:
        np.savez(file, **{"meta.json": np.array([{"format": 1}], dtype=object)})
    with pytest.raises(RunError, match="damaged"):
        load_checkpoint(tmp_path / "x.npz")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "x.npz", checkpoint(1))

    def full(file: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="the disk is full"):
        save_checkpoint(tmp_path / "x.npz", checkpoint(2))
    monkeypatch.undo()
    assert_same(load_checkpoint(tmp_path / "x.npz"), checkpoint(1))
    assert len(list(tmp_path.iterdir())) == 1
