"""The portability tool: some of its processes, and its detection of differences."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from tests.paths import ROOT

TOOL = ROOT / "tools" / "portability.py"


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("portability", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["portability"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["portability"]


@pytest.fixture(scope="module")
def folder(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("portability")
    tool.prepare(place)
    return place


@pytest.fixture(scope="module")
def first(tool: ModuleType, folder: Path) -> object:
    """The first cell; the others read its files."""
    return tool.run(tool.Cell("first", work={"keep": True, "clips": [tool.CLIPS[0]]}), folder)


def test_the_same_bytes_without_vector_instructions(tool: ModuleType, folder: Path, first: object) -> None:
    plain = tool.quick_cells()[0]
    cell = tool.Cell(plain.name, plain.variables, {"clips": [tool.CLIPS[0]], "jobs": 2})
    result = tool.run(cell, folder)
    assert tool.difference(first, result) == ""
    assert {name.partition("/")[0] for name in result.digests} == {
        "flow",
        "bands",
        "channelwise",
        "original",
        "adaptive",
        "turbo",
    }
    assert "baseline" in result.in_force  # NumPy
    assert "generic" in result.in_force  # numba


def test_the_adaptive_loops_are_compiled_with_fewer_instructions(tool: ModuleType, folder: Path, first: object) -> None:
    cells = [cell for cell in tool.quick_cells() if cell.name.startswith("numba without")]
    if not cells:
        pytest.skip("this processor has no instruction sets to leave out")
    for cell in cells:
        result = tool.run(tool.Cell(cell.name, cell.variables, {"clips": [tool.CLIPS[0]]}), folder)
        assert tool.difference(first, result) == ""
        assert "without" in result.in_force


def test_another_digest_a_failure_and_nothing_are_differences(tool: ModuleType, folder: Path, first: object) -> None:
    name = next(iter(first.digests))  # type: ignore[attr-defined]
    assert name in tool.difference(first, tool.Result({name: "0" * 64}, ""))
    assert tool.difference(first, tool.Result({}, ""))
    (folder / "files" / f"bands-{tool.CLIPS[0]}.idf").rename(folder / "away.idf")
    missing = tool.run(tool.Cell("gone", work={"clips": [tool.CLIPS[0]]}), folder)
    (folder / "away.idf").rename(folder / "files" / f"bands-{tool.CLIPS[0]}.idf")
    assert "FileNotFoundError" in tool.difference(first, missing)


def test_a_difference_is_counted_and_shown(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = iter([tool.Result({"m/a": "1"}, ""), tool.Result({"m/a": "2"}, ""), tool.Result({"m/a": "1"}, "")])
    monkeypatch.setattr(tool, "run", lambda cell, folder: next(results))
    cells = [tool.Cell(name) for name in ("first", "second", "third")]
    assert tool.run_matrix(cells, tmp_path, Console(width=120)) == 1
    printed = capsys.readouterr().out
    assert "other bytes: m/a" in printed
    assert "1 of 3 differ" in printed
