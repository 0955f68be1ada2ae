"""What tests of several folders share: small models and made-up codecs."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from idf.audio.pcm import write_wav16
from idf.config import Config, to_yaml
from idf.config.compose import compose
from idf.models.build import build_model
from idf.models.load import save_model
from tests import evaluation_fakes
from tests.paths import ROOT
from tests.tiny import TINY


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The codecs of ``tests/evaluation_fakes.py``, importable in worker processes too."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return evaluation_fakes


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Export an untrained, tiny model with windows of 64 samples, its configuration beside it; takes overrides."""

    def make(*overrides: str) -> Path:
        tiny = [
            "model.window=64",
            "layout=channelwise",
            "layout.channels=8",
            "width.hidden=8",
            "width.blocks=1",
            "width.experts=2",
        ]
        tiny += ["width.context_frames=1", "width.wavenet_layers=1", "width.wavenet_channels=8", *overrides]
        config = compose(tiny)
        model = build_model(config)
        path = tmp_path_factory.mktemp("model") / "model.idfm"
        log_scale = None if config.sharpness.kind == "learned" else -4.0
        save_model(path, config, model, model.initial_parameters(0), log_scale, {"step": 0})
        (path.parent / "config.yaml").write_text(to_yaml(config))
        return path

    return make


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[..., Path]) -> Path:
    """An untrained model whose flow leaves samples in place."""
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
