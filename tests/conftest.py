"""What tests of several folders share: small models and made-up codecs."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path

import pytest

from idf.config import to_yaml
from idf.config.compose import compose
from idf.models.build import build_model
from idf.models.load import save_model
from tests import evaluation_fakes
from tests.paths import ROOT


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
