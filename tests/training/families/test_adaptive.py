"""Whole runs of the adaptive flow: trained, stopped, resumed, coded, exported and measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.audio.pcm import read_pcm16, write_wav16
from idf.cli.main import main as command
from idf.config import Config, run_folder
from idf.config.compose import compose
from idf.errors import ConfigError
from idf.evaluation.command import main as evaluate
from idf.models.build import build_model
from idf.runs.history import read_history
from idf.runs.run import Run
from idf.training.loop import Loop
from tests.tiny import TINY, TINY_ADAPTIVE
from tests.training.test_session import assert_same_run, killed_after, train
from tests.training.test_train import start


@pytest.fixture
def adaptive(clips: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """A function that returns the command line of a tiny adaptive run with more settings."""
    return lambda *more: [*TINY_ADAPTIVE, f"data.root={clips}", f"outputs={tmp_path / 'outputs'}", *more]


@pytest.fixture(scope="module")
def whole(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    config = compose([*TINY_ADAPTIVE, f"data.root={clips}", f"outputs={folder}"])
    assert train(config).status == "finished"
    return run_folder(config)


def test_a_run_learns_codes_draws_and_exports(adaptive: Callable[..., list[str]]) -> None:
    config = compose(
        adaptive(
            "training.steps=60",
            "training.validate_every=20",
            "training.code_every=60",
            "training.code_clips=1",
            "training.audio_every=60",
            "optimizer.averaging=0",
        )
    )
    outcome = train(config)
    folder = run_folder(config)
    assert (outcome.status, outcome.step) == ("finished", 60)
    history = read_history(folder / "history.jsonl")
    validated = [record["bits_per_dim"] for record in history if record["kind"] == "validation"]
    assert len(validated) == 3
    assert validated[-1] < validated[0]
    assert {"log_scale/residual/mean", "loss"} <= history[0].keys()
    (coded,) = (record for record in history if record["kind"] == "coded")
    assert coded["bits_per_dim"] == pytest.approx(coded["likelihood_bits_per_dim"], abs=90 * 8 / 1000 + 0.05)
    drawn = read_pcm16(folder / "samples" / "drawn-00000060.wav")
    assert np.unique(drawn.samples).size > 10
    assert (folder / "model.idfm").is_file()


def test_killed_and_resumed_equals_uninterrupted(
    adaptive: Callable[..., list[str]], whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = compose(adaptive())
    with killed_after(4, monkeypatch):
        train(config)
    assert Run(run_folder(config)).status()["status"] == "running"
    assert train(config).status == "finished"
    assert_same_run(whole, run_folder(config))


def test_stopped_and_resumed_with_its_rows_lost_equals_uninterrupted(
    adaptive: Callable[..., list[str]], whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = compose(adaptive())
    advance = Loop._advance

    def stopped(self: Loop, windows: Any) -> None:
        advance(self, windows)
        if self.position.step == 3:
            self._stop.request("preempted")

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_advance", stopped)
        outcome = train(config)
    assert (outcome.status, outcome.step) == ("preempted", 3)
    shutil.rmtree(Path(config.outputs) / "cache")
    assert train(config).status == "finished"
    assert_same_run(whole, run_folder(config))


def test_one_batch_is_repeated(adaptive: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    advance, seen = Loop._advance, []

    def watched(self: Loop, rows: Any) -> None:
        seen.append(rows.numpy())
        advance(self, rows)

    monkeypatch.setattr(Loop, "_advance", watched)
    train(compose(adaptive("training.one_batch=true")))
    assert len(seen) == 8
    assert all(np.array_equal(rows, seen[0]) for rows in seen)


def test_the_command_uses_the_model_that_a_run_exports(
    whole: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IDF_MODEL", raising=False)
    model, packed, back = str(whole / "model.idfm"), str(tmp_path / "d.idf"), str(tmp_path / "d.wav")
    assert command(["compress", "--model", model, str(clips / "d.wav"), "-o", packed]) == 0
    assert command(["verify", "--model", model, packed]) == 0
    capsys.readouterr()
    assert command(["info", packed]) == 0
    assert "8000" in capsys.readouterr().out.replace(",", "").replace(" ", "")
    assert command(["decompress", "--model", model, packed, "-o", back]) == 0
    assert Path(back).read_bytes() == (clips / "d.wav").read_bytes()
    assert Path(packed).stat().st_size < 0.9 * Path(back).stat().st_size


def test_evaluation_codes_and_scores_the_same(whole: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / whole.name
    shutil.copytree(whole, folder)
    assert evaluate([f"run={folder}", "baselines=flac"]) == 0
    results = json.loads((folder / "evaluation" / "results.json").read_text())
    row, flac = results["rows"]
    assert flac["codec"] == "FLAC -8"
    assert row["lossless"] is True
    # one clip of 1,000 samples: the file adds about 60 bytes
    assert 0 < row["bits_per_sample"] - row["nll_bits_per_sample"] < 90 * 8 / 1000 + 0.05


def test_deterministic_runs_and_two_devices(adaptive: Callable[..., list[str]]) -> None:
    more = ["deterministic=true", "threads=1", "training.log_every=1"]
    runs = {
        name: adaptive(*more, f"study={name}", f"devices={devices}")
        for name, devices in (("one", 1), ("again", 1), ("two", 2))
    }
    processes = [start(arguments) for arguments in runs.values()]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert err.strip() == ""
    one, again, two = (run_folder(compose(arguments)) for arguments in runs.values())
    assert_same_run(one, again)
    first, second = (read_history(folder / "history.jsonl") for folder in (one, two))
    for a, b in zip(first, second, strict=True):
        for name in {"loss", "bits_per_dim"} & a.keys():
            assert b[name] == pytest.approx(a[name], rel=1e-4), name


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.adaptive.hidden=50", "multiple of 32"),
        ("model.adaptive.stages=4", r"order 1 to stages=4"),
        ("model.adaptive.cascades=[9]", "there is no expert 9"),
        ("model.adaptive.filter_rates=[0.1, 0.1]", "for each of filter_orders"),
        ("model.adaptive.forgetting=[0.99]", "8 numbers"),
        ("model.window=256", "must be 1"),
    ],
)
def test_impossible_settings_are_named(adaptive: Callable[..., list[str]], setting: str, message: str) -> None:
    def checked() -> Config:
        config = compose(adaptive(setting))
        build_model(config)
        return config

    with pytest.raises(ConfigError, match=message) as caught:
        checked()
    assert setting.partition("=")[0].rpartition(".")[0] in str(caught.value)


def test_pairs_of_channels_are_trained_coded_and_measured(tmp_path: Path, capsys: Any) -> None:
    rng, clips = np.random.default_rng(6), tmp_path / "clips"
    for name in "abcd":
        left = np.cumsum(rng.normal(0, 200, 1200)).clip(-20000, 20000)
        right = np.roll(left, 3) * 0.7 + rng.normal(0, 10, 1200)
        pair = np.stack([left, right], axis=1) if name != "b" else left[:, None]
        write_wav16(clips / f"{name}.wav", pair.astype(np.int32), 8000)
    more = ["data.channels=2", "model.adaptive.joint_orders=[4, 4]", "training.code_every=8", "training.audio_every=8"]
    config = compose([*TINY_ADAPTIVE, f"data.root={clips}", f"outputs={tmp_path / 'outputs'}", *more])
    assert train(config).status == "finished"
    run = run_folder(config)
    coded = [record for record in read_history(run / "history.jsonl") if record["kind"] == "coded"]
    assert coded[0]["likelihood_bits_per_dim"] < coded[0]["bits_per_dim"] < coded[0]["likelihood_bits_per_dim"] + 1
    assert evaluate([f"run={run}", "baselines=none"]) == 0
    assert ", 2,400 samples" in capsys.readouterr().out
    assert read_pcm16(run / "samples" / "input-00000008.wav", 2).samples.shape == (1200, 2)


def test_pairs_of_channels_are_for_the_adaptive_flow(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.channels=2: windows have one channel"):
        compose([*TINY, f"data.root={clips}", f"outputs={tmp_path}", "data.channels=2"])
