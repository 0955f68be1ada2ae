"""Tiny whole runs in this process: the files they write, and that stopping anywhere changes nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.config import Config, run_folder
from idf.config.compose import compose
from idf.datasets.dataset import open_dataset
from idf.errors import OutputError
from idf.models.build import build_model
from idf.models.load import load_codec
from idf.runs.checkpoints import load_checkpoint
from idf.runs.history import History, read_history
from idf.runs.run import Run, claimed_run
from idf.training import session
from idf.training.loop import Loop, Outcome
from idf.training.session import ended, export, fit, resume_point
from tests.tiny import TINY

Tiny = Callable[..., Config]


def train(config: Config) -> Outcome:
    """Train like ``train.py``, but in this process."""
    dataset = open_dataset(config.data)
    with claimed_run(config, data_fingerprint=dataset.fingerprint) as run:
        checkpoint = resume_point(run)
        model = build_model(config, checkpoint.constants if checkpoint else None)
        return fit(config, model, dataset, run, checkpoint)


@pytest.fixture(scope="module")
def whole(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run, for comparison."""
    folder = tmp_path_factory.mktemp("whole")
    config = compose([*TINY, f"data.root={clips}", f"outputs={folder}"])
    train(config)
    return run_folder(config)


def stripped_history(folder: Path) -> list[dict[str, Any]]:
    """Return the history without measurements of the machine."""
    clock = {"seconds", "samples_per_second", "peak_memory_mib"}
    return [
        {name: value for name, value in record.items() if name not in clock}
        for record in read_history(folder / "history.jsonl")
    ]


def assert_same_run(one: Path, two: Path) -> None:
    assert stripped_history(one) == stripped_history(two)
    for name in ("best.npz", "step-00000008.npz"):
        first, second = (load_checkpoint(folder / "checkpoints" / name) for folder in (one, two))
        for group in ("parameters", "average", "constants"):
            assert {k: v.tobytes() for k, v in getattr(first, group).items()} == {
                k: v.tobytes() for k, v in getattr(second, group).items()
            }
        assert [v.tobytes() for v in first.optimizer] == [v.tobytes() for v in second.optimizer]


class Killed(BaseException):
    """An exception that stands in for a fatal signal."""


@contextlib.contextmanager
def killed_after(records: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Raise :class:`Killed` while the history is written for the n-th time."""
    append, count = History.append, 0

    def dying(self: History, record: Any) -> None:
        nonlocal count
        count += 1
        if count == records:
            raise Killed
        append(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(History, "append", dying)
        with pytest.raises(Killed):
            yield


def test_a_run_writes_all_its_files(tiny: Tiny) -> None:
    config = tiny("training.code_every=4", "training.code_clips=1", "training.audio_every=8")
    outcome = train(config)
    folder = run_folder(config)
    assert (outcome.status, outcome.step) == ("finished", 8)
    status = json.loads((folder / "status.json").read_text())
    assert (status["status"], status["step"], status["best"]) == ("finished", 8, outcome.best)
    history = read_history(folder / "history.jsonl")
    assert [r["step"] for r in history if r["kind"] == "train"] == [2, 4, 6, 8]
    assert [r["step"] for r in history if r["kind"] == "validation"] == [4, 8]
    assert [r["step"] for r in history if r["kind"] == "coded"] == [4, 8]
    names = {"loss", "compression_ratio", "sharpness", "learning_rate", "samples_per_second"}
    assert names <= history[0].keys()
    assert 100 < history[0]["peak_memory_mib"] <= status["peak_memory_mib"]
    assert {"log_scale/base/mean", "log_scale/z1/max", "log_scale/z3/min"} <= history[0].keys()
    for record in history:
        if record["kind"] == "coded":
            # 1,000 samples: the file adds 53 bytes and the head of its one message.
            bound = 1.005 * record["likelihood_bits_per_dim"] + 90 * 8 / 1000
            assert 0.99 * record["likelihood_bits_per_dim"] < record["bits_per_dim"] < bound
    assert [path.name for path in Run(folder).checkpoints.paths()] == [
        "step-00000004.npz",
        "step-00000006.npz",
        "step-00000008.npz",
    ]
    assert (folder / "checkpoints" / "best.npz").exists()
    assert (folder / "model.idfm").exists()
    assert (folder / "samples" / "input-00000008.wav").exists()
    assert (folder / "samples" / "drawn-00000008.wav").exists()
    assert not (folder / "now.idfm").exists()


def test_the_exported_model_is_the_best_checkpoint(tiny: Tiny, whole: Path, figures: None) -> None:
    from idf.models.load import load_codec

    config = tiny()
    run = Run(run_folder(config))
    shutil.copytree(whole, run.folder)
    run.model_path.unlink()
    best = load_checkpoint(run.checkpoints.best_path)
    export(config, run)
    codec = load_codec(run.model_path)
    assert codec.fingerprint == load_codec(whole / "model.idfm").fingerprint
    assert codec.provenance["step"] == best.step == best.meta["best_step"]
    assert codec.provenance["validation_bits_per_dim"] == best.meta["best"]
    assert any(run.plots.glob("*.svg"))


@pytest.mark.parametrize("records", [1, 3, 6])
def test_killed_at_any_moment_and_resumed_equals_uninterrupted(
    tiny: Tiny, whole: Path, monkeypatch: pytest.MonkeyPatch, records: int
) -> None:
    # Six records are written: at steps 2, 4, 4, 6, 8, 8.
    parts = tiny()
    with killed_after(records, monkeypatch):
        train(parts)
    assert json.loads((run_folder(parts) / "status.json").read_text())["status"] == "running"
    assert train(parts).status == "finished"
    assert_same_run(whole, run_folder(parts))


@pytest.mark.parametrize(("kind", "at"), [("preempted", 3), ("interrupted", 4), ("preempted", 8)])
def test_stopped_by_a_signal_and_resumed_equals_uninterrupted(
    tiny: Tiny, whole: Path, monkeypatch: pytest.MonkeyPatch, kind: str, at: int
) -> None:
    parts = tiny()
    advance = Loop._advance

    def stopped(self: Loop, windows: Any) -> None:
        advance(self, windows)
        if self.position.step == at:
            self._stop.request(kind)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_advance", stopped)
        outcome = train(parts)
    assert (outcome.status, outcome.step) == (kind, at)
    assert json.loads((run_folder(parts) / "status.json").read_text())["status"] == kind
    assert train(parts).status == "finished"
    assert_same_run(whole, run_folder(parts))


def test_a_run_stopped_before_its_first_record_has_nothing_to_export(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny()
    advance = Loop._advance

    def stopped(self: Loop, windows: Any) -> None:
        advance(self, windows)
        self._stop.request("preempted")

    monkeypatch.setattr(Loop, "_advance", stopped)
    assert train(config).step == 1
    run = Run(run_folder(config))
    export(config, run)
    assert not run.history.path.exists()
    assert not run.model_path.exists()


@pytest.mark.parametrize(
    ("kind", "asked", "exit_status", "expected"),
    [
        ("preempted", False, 143, ["preempted", "finish 143"]),
        ("preempted", True, 0, ["finish 0"]),
        ("interrupted", False, 130, ["finish 130"]),
        ("interrupted", True, 0, ["finish 0"]),
    ],
)
def test_a_tracker_is_told_why_a_run_stopped(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, kind: str, asked: bool, exit_status: int, expected: list[str]
) -> None:
    calls: list[str] = []

    class Listener:
        def scalars(self, step: int, values: Any) -> None:
            pass

        def asked_to_stop(self) -> bool:
            return asked

        def preempted(self) -> None:
            calls.append("preempted")

        def finish(self, status: int, summary: Any, files: Any) -> None:
            calls.append(f"finish {status}")

    advance = Loop._advance

    def stopped(self: Loop, windows: Any) -> None:
        advance(self, windows)
        self._stop.request(kind)

    monkeypatch.setattr(Loop, "_advance", stopped)
    monkeypatch.setattr(session, "open_trackers", lambda *_: ([Listener()], None))
    config = tiny()
    outcome = train(config)
    assert (outcome.status, outcome.exit_status) == (kind, exit_status)
    assert calls == expected
    status = Run(run_folder(config)).status()
    assert status["status"] == kind
    assert ("stopped early by the sweep" in status.get("reason", "")) == asked


def test_one_batch_is_repeated(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    advance, seen = Loop._advance, []

    def watched(self: Loop, windows: Any) -> None:
        seen.append(windows.numpy())
        advance(self, windows)

    monkeypatch.setattr(Loop, "_advance", watched)
    train(tiny("training.one_batch=true"))
    assert len(seen) == 8
    assert all(np.array_equal(windows, seen[0]) for windows in seen)
    seen.clear()
    train(tiny())
    assert not np.array_equal(seen[0], seen[1])


def test_a_profiled_run_leaves_a_trace_of_one_step_and_is_the_same_run(
    tiny: Tiny, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny("profile=true")
    assert train(config).status == "finished"
    folder = run_folder(config)
    assert folder.name == whole.name
    assert_same_run(whole, folder)
    (trace,) = folder.glob("tensorboard/plugins/profile/*/*.xplane.pb")
    assert b"MatMul" in trace.read_bytes()
    assert "step 8 traced: tensorboard --logdir" in capsys.readouterr().out


def test_a_finished_run_is_reported_and_force_starts_over(
    tiny: Tiny, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole, run_folder(tiny()))
    assert ended(Run(run_folder(tiny()))) == 0
    assert "is finished (step 8, best " in capsys.readouterr().out
    with claimed_run(tiny("force=true"), data_fingerprint="any") as run:
        assert ended(run) is None
        assert resume_point(run) is None


def test_a_non_finite_loss_ends_the_run_as_diverged(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    advance = Loop._advance

    def poisoned(self: Loop, windows: Any) -> None:
        if self.position.step == 4:
            for variable in self._state.parameters.values():
                variable.assign(variable * np.nan)
        advance(self, windows)

    monkeypatch.setattr(Loop, "_advance", poisoned)
    config = tiny()
    outcome = train(config)
    run = Run(run_folder(config))
    assert outcome.status == "diverged"
    assert "the loss became nan at step 5" in str(outcome.reason)
    assert run.status()["status"] == "diverged"
    assert "nan" in run.status()["reason"]
    assert ended(run) == 3
    assert "diverged at step 6" in capsys.readouterr().out
    # The earlier weights are kept, and the poisoned ones are not.
    latest, _ = run.checkpoints.latest()
    assert latest is not None
    assert latest.step == 4
    assert all(np.isfinite(value).all() for value in latest.parameters.values())
    assert read_history(run.history.path)[-1]["event"] == "diverged"
    assert run.model_path.exists()


def test_a_damaged_checkpoint_costs_only_its_steps(tiny: Tiny, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = tiny()
    shutil.copytree(whole, run_folder(parts))
    run = Run(run_folder(parts))
    run.checkpoints.paths()[-1].write_bytes(b"damaged")
    run.write_status("running")
    capsys.readouterr()
    assert train(parts).status == "finished"
    output = capsys.readouterr().out
    assert "using the previous checkpoint" in output
    assert "at step 6" in output
    assert_same_run(whole, run_folder(parts))


def test_a_full_disk_gives_one_message_and_the_run_can_resume(
    tiny: Tiny, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny()
    savez, count = np.savez, 0

    def full(file: Any, **arrays: Any) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise OSError(28, "No space left on device")
        savez(file, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OutputError, match="the disk is full"):
            train(config)
    assert Run(run_folder(config)).status()["status"] == "failed"
    assert train(config).status == "finished"
    assert_same_run(whole, run_folder(config))


SMALL_WAVENETS = [
    *("width.wavenet_layers=1", "width.wavenet_channels=4"),
    # settings that the original's layout does not use, at their defaults
    *("width.hidden=64", "width.blocks=2", "width.context_frames=4", "width.experts=16"),
]


@pytest.mark.parametrize(
    ("layout", "sharpness", "optimizer"),
    [("channelwise", "step", "adadelta"), ("original", "learned", "adadelta"), ("original", "step", "adam")],
)
def test_every_kind_of_model_trains(tiny: Tiny, layout: str, sharpness: str, optimizer: str) -> None:
    config = tiny(
        f"layout={layout}",
        f"sharpness={sharpness}",
        f"optimizer={optimizer}",
        "layout.channels=4",
        "layout.steps_per_factor=1" if layout == "original" else "layout.steps_per_factor=0",
        "layout.factor_channels=2" if layout == "original" else "layout.factor_channels=1",
        "layout.scales=1",
        *(SMALL_WAVENETS if layout == "original" else []),
        "optimizer.warmup_steps=1",
        "training.steps=2",
    )
    outcome = train(config)
    assert outcome.status == "finished"
    record = read_history(run_folder(config) / "history.jsonl")[0]
    expected = -6.5 if sharpness == "step" else -4.0
    assert record["sharpness"] == pytest.approx(expected, abs=1.5)
    if sharpness == "step":
        assert record["log_scale/base/mean"] == pytest.approx(record["sharpness"], abs=0.02)


@pytest.mark.parametrize(
    ("permutation", "sharpness", "more"),
    [
        ("random", "learned", ()),
        ("reverse", "step", ("layout.coupling=predict",)),
        ("rotate", "cosine", ("layout.steps_per_factor=2", "layout.coupling=split")),
        ("identity", "linear", ("training.start=random",)),
        ("bit_reversal", "constant", ("layout.scales=2",)),
        ("random", "learned", ("layout.coupling=none",)),
    ],
)
def test_the_flow_trains_and_its_export_codes(
    tiny: Tiny, permutation: str, sharpness: str, more: tuple[str, ...]
) -> None:
    """The flow trains a few steps; its exported model codes a clip exactly, with the bits of the validation."""
    config = tiny(
        *("layout=flow", f"permutation={permutation}", f"sharpness={sharpness}", "layout.channels=4"),
        *("layout.scales=1", "width.coupling_hidden=4", "whitening.classes=2", "whitening.order=4"),
        *("whitening.stages=8", "whitening.experts=[[1, 4], [3, 8]]"),
        # a much too sharp last block costs fewer bits than its likelihood, because the coder spends 28 at most
        *([] if sharpness == "learned" else ["sharpness.end=-2.5"]),
        *([] if sharpness in ("learned", "constant") else ["sharpness.start=-2"]),
        *more,
    )
    assert train(config).status == "finished"
    folder = run_folder(config)
    best = load_checkpoint(folder / "checkpoints" / "best.npz")
    assert "layout.coupling=none" in more or best.parameters["coupling/last"].any()
    export(config, Run(folder))
    codec, dataset = load_codec(folder / "model.idfm"), open_dataset(config.data)
    samples = dataset.read(dataset.validation[0]).samples[:, None]
    message = codec.encode(samples)
    assert np.array_equal(codec.decode(message, len(samples), 1), samples)
    assert 8 * len(message) / len(samples) == pytest.approx(best.meta["best"], rel=0.02, abs=8 * 12 / len(samples))
