"""The examples in docstrings are correct: doctest runs every module that has one.

Examples show arrays, Python numbers and bytes, but not NumPy scalars, which NumPy 1.26 and 2 print differently.
"""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.paths import ROOT

FOLDERS = ("idf", "experiments", "benchmarks")


def modules() -> list[str]:
    """Return the dotted names of all modules with an example."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if ">>> " in path.read_text()]
    return sorted(_dotted(path) for path in found)


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_there_are_examples() -> None:
    assert "idf.coding.message" in modules()


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted
    assert not results.failed
