"""Fixtures that tests of several folders share: small models and fake codecs."""

from __future__ import annotations

import json
import shutil
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.audio.pcm import write_wav16
from idf.config import Config, run_folder, to_yaml
from idf.config.compose import compose
from idf.models import registry
from idf.models.build import build_model
from idf.models.load import save_model
from tests import evaluation_fakes
from tests.paths import ROOT
from tests.paths import TINY as TINY_MODEL
from tests.tiny import TINY

MakeRun = Callable[..., Path]

LONGEST = (
    "docs/test_runs.py",
    "experiments/test_own_studies.py",
    "tools/test_portability.py",
    "training/test_train.py",
    "training/test_launcher.py",
    "experiments/test_end_to_end.py",
    "experiments/test_sweep_agent.py",
)
"""Files that take more than half a minute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, so that none runs at the end while the other worker processes are idle."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The codecs of ``tests/evaluation_fakes.py``, also importable in worker processes."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return evaluation_fakes


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Export an untrained tiny model with windows of 64 samples and its configuration; accepts overrides."""

    def make(*overrides: str) -> Path:
        if "layout=original" in overrides:
            nets = ["width.wavenet_layers=1", "width.wavenet_channels=8"]
        else:
            nets = ["width.hidden=8", "width.blocks=1", "width.experts=2", "width.context_frames=1"]
        config = compose(["model.window=64", "layout=channelwise", "layout.channels=8", *nets, *overrides])
        model = build_model(config)
        path = tmp_path_factory.mktemp("model") / "model.idfm"
        log_scale = None if config.sharpness.kind == "learned" else -4.0
        save_model(path, config, model, model.initial_parameters(0), log_scale, {"step": 0})
        (path.parent / "config.yaml").write_text(to_yaml(config))
        return path

    return make


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[..., Path]) -> Path:
    """An untrained model whose flow does not change samples."""
    return make_model()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four short clips."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(5)
    for name in "abcd":
        wave = 3000 * np.sin(np.arange(1000) * rng.uniform(0.02, 0.2)) + 50 * rng.normal(size=1000)
        write_wav16(folder / f"{name}.wav", wave.astype(np.int32), 8000)
    return folder


@pytest.fixture
def overrides(clips: Path, tmp_path: Path) -> list[str]:
    """The command line of a tiny run."""
    return [*TINY, f"data.root={clips}", f"outputs={tmp_path / 'outputs'}"]


@pytest.fixture
def tiny(overrides: list[str]) -> Callable[..., Config]:
    """Compose a tiny run with more settings."""
    return lambda *more: compose([*overrides, *more])


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def make_run(outputs: Path) -> MakeRun:
    """Write a run folder as training would leave it, without training."""

    def make(
        *overrides: str,
        status: str = "finished",
        curve: dict[int, float] | None = None,
        train: dict[int, dict[str, Any]] | None = None,
        evaluated: list[dict[str, Any]] | None = None,
        model: bool = False,
        owner: dict[str, Any] | None = None,
        updated: float | None = None,
        reason: str | None = None,
    ) -> Path:
        config = compose([*overrides, f"outputs={outputs}"])
        folder = run_folder(config)
        folder.mkdir(parents=True)
        curve = {50: 9.5, 100: 9.0} if curve is None else curve
        (folder / "config.yaml").write_text(to_yaml(config))
        environment = {"command": ["/here/train.py", *overrides], "idf": "0.1.0", "packages": {"numpy": "2"}}
        (folder / "environment.json").write_text(json.dumps(environment))
        best = min(curve.values(), default=None)
        facts = {"step": max(curve, default=0), "steps": config.training.steps, "best": best, "reason": reason}
        facts |= {"status": status, "updated": time.time() if updated is None else updated}
        (folder / "status.json").write_text(json.dumps(facts))
        lines = [{"step": step, "seconds": step / 10, "kind": "train", **row} for step, row in (train or {}).items()]
        lines += [
            {"step": step, "seconds": step / 10, "kind": "validation", "bits_per_dim": value}
            for step, value in curve.items()
        ]
        (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "lock").write_text("" if owner is None else json.dumps(owner))
        if model:
            (folder / "model.idfm").write_bytes(b"weights")
        if evaluated is not None:
            (folder / "evaluation").mkdir()
            (folder / "evaluation" / "results.json").write_text(json.dumps({"rows": evaluated}))
        return folder

    return make


@pytest.fixture
def models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one small model, the default and only model in the registry."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(TINY_MODEL, folder / "default.idfm")
    monkeypatch.setenv("IDF_MODELS", str(folder))
    monkeypatch.delenv("IDF_MODEL", raising=False)
    monkeypatch.setattr(registry, "SHIPPED", folder / "none shipped")
    return folder
