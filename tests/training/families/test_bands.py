"""Whole runs of the subband flow: trained, stopped, resumed, coded, exported and measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from idf.audio.pcm import read_pcm16
from idf.config import run_folder
from idf.config.compose import compose
from idf.evaluation.command import main as evaluate
from idf.runs.history import read_history
from idf.runs.run import Run
from tests.tiny import TINY_BANDS
from tests.training.test_session import assert_same_run, killed_after, train
from tests.training.test_train import start


@pytest.fixture
def bands(clips: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """A function that returns the command line of a tiny run with more settings."""
    return lambda *more: [*TINY_BANDS, f"data.root={clips}", f"outputs={tmp_path / 'outputs'}", *more]


@pytest.fixture(scope="module")
def whole(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    config = compose([*TINY_BANDS, f"data.root={clips}", f"outputs={folder}"])
    assert train(config).status == "finished"
    return run_folder(config)


def test_a_run_learns_codes_draws_and_exports(bands: Callable[..., list[str]]) -> None:
    more = ["training.steps=60", "training.validate_every=20", "training.code_every=60", "training.code_clips=1"]
    config = compose(bands(*more, "training.audio_every=60", "context=previous"))
    outcome = train(config)
    folder = run_folder(config)
    assert (outcome.status, outcome.step) == ("finished", 60)
    history = read_history(folder / "history.jsonl")
    validated = [record["bits_per_dim"] for record in history if record["kind"] == "validation"]
    assert len(validated) == 3
    assert validated[-1] < validated[0]
    assert {"log_scale/low/mean", "log_scale/z1/mean", "loss"} <= history[0].keys()
    (coded,) = (record for record in history if record["kind"] == "coded")
    assert coded["bits_per_dim"] == pytest.approx(coded["likelihood_bits_per_dim"], abs=90 * 8 / 1000 + 0.05)
    assert np.unique(read_pcm16(folder / "samples" / "drawn-00000060.wav").samples).size > 10


def test_killed_and_resumed_equals_uninterrupted(
    bands: Callable[..., list[str]], whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = compose(bands())
    with killed_after(4, monkeypatch):
        train(config)
    assert Run(run_folder(config)).status()["status"] == "running"
    assert train(config).status == "finished"
    assert_same_run(whole, run_folder(config))


def test_evaluation_codes_and_scores_the_same(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / whole.name
    shutil.copytree(whole, folder)
    assert evaluate([f"run={folder}", "baselines=none"]) == 0
    (row,) = json.loads((folder / "evaluation" / "results.json").read_text())["rows"]
    assert row["lossless"] is True
    assert row["window"] == 64
    # one clip of 1,000 samples: the file adds about 60 bytes
    assert 0 < row["bits_per_sample"] - row["nll_bits_per_sample"] < 90 * 8 / 1000 + 0.05


def test_two_devices_train_like_one(bands: Callable[..., list[str]]) -> None:
    more = ["deterministic=true", "threads=1", "training.log_every=1"]
    runs = [bands(*more, f"study=on{devices}", f"devices={devices}") for devices in (1, 2)]
    processes = [start(arguments) for arguments in runs]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    first, second = (read_history(run_folder(compose(arguments)) / "history.jsonl") for arguments in runs)
    for a, b in zip(first, second, strict=True):
        for name in {"loss", "bits_per_dim"} & a.keys():
            assert b[name] == pytest.approx(a[name], rel=1e-3), name
