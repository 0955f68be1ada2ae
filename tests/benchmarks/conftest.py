from __future__ import annotations

import importlib
import types
from pathlib import Path

import pytest


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The codecs of ``tests/evaluation/evaluation_fakes.py``, importable in this process and in workers."""
    folder = str(Path(__file__).resolve().parents[1] / "evaluation")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)
    return importlib.import_module("evaluation_fakes")
