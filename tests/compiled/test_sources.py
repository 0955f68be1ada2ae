"""A loop's key covers the files that its module imports according to Python's own parser."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from idf.coding import flags, kernels
from idf.compiled.sources import source_files
from idf.models.adaptive.loops import LOOPS as ADAPTIVE
from idf.models.bands.loops import LOOPS as BANDS
from idf.models.prediction.loops import LOOPS as PREDICTION
from tests.paths import ROOT


def closure(path: Path) -> set[Path]:
    found, waiting = set(), [path]
    while waiting:
        if (path := waiting.pop()) in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module), *(f"{node.module}.{name}" for name in names)]
            places = [ROOT.joinpath(*name.split(".")) for name in names]
            files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
            waiting += [file for file in files if file.is_file()]
    return found


@pytest.mark.parametrize("loop", [ADAPTIVE.pop, BANDS.pop, PREDICTION.forward, kernels.push, flags._code])
def test_all_files_count(loop: object) -> None:
    own = Path(loop.function.__code__.co_filename)  # type: ignore[attr-defined]
    assert own.is_relative_to(ROOT)
    files = set(source_files(loop.function))  # type: ignore[attr-defined]
    assert closure(own) <= files
    assert ROOT / "idf/coding/tables.py" in files or "prediction" in str(own)


def test_files_of_the_adaptive_flow() -> None:
    names = {str(file.relative_to(ROOT / "idf")) for file in source_files(ADAPTIVE.pop.function)}  # type: ignore[attr-defined]
    parts = ("loops", "steps", "network", "online", "state", "least_squares", "vectors", "products")
    assert {f"models/adaptive/{part}.py" for part in parts} < names
    assert {"coding/kernels.py", "coding/tables.py", "config/schema.py", "compiled/build.py"} < names
