"""Compiled loops agree with their Python code for all arguments, freshly compiled or loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from idf.compiled import NotCompiled, compiled_loop, compiled_step, only_kept
from tests.paths import ROOT


class Inner(NamedTuple):
    table: np.ndarray
    factor: np.float32


class Outer(NamedTuple):
    inner: Inner
    shift: int
    negative: bool


@compiled_step
def _one(x: float, outer: Any) -> float:
    return -x if outer.negative else x


@compiled_loop
def combine(values: np.ndarray, outer: Outer, scale: float, out: np.ndarray) -> int:
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = _one(values[i, j] * scale + outer.inner.table[j] * outer.inner.factor, outer)
    return values.shape[0] * 10 + outer.shift


@compiled_loop
def copy(values: np.ndarray, out: np.ndarray) -> None:
    for i in range(values.shape[0]):
        out[i] = values[i]


@compiled_loop
def calls_outside(values: np.ndarray) -> None:
    for i in range(values.shape[0]):
        values[i] = np.exp(values[i])


@compiled_loop
def returns_a_float(values: np.ndarray) -> float:
    return float(values[0])


def made(things: list[int]) -> Any:
    @compiled_loop
    def shift(values: np.ndarray) -> None:
        for i in range(values.shape[0]):
            values[i] += things[0]

    return shift


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDF_CACHE", str(tmp_path / "cache"))


def test_all_kinds_of_arguments() -> None:
    values = np.arange(6.0).reshape(3, 2)
    table = np.array([0.5, -3.0], np.float32)
    for negative in (False, True):
        out = np.empty((3, 2))
        outer = Outer(Inner(table, np.float32(0.1)), 7, negative)
        assert combine(values, outer, 2.5, out) == 37
        expected = values * 2.5 + (table * np.float32(0.1)).astype(np.float64)
        np.testing.assert_array_equal(out, -expected if negative else expected)


def test_dtypes_and_empty_arrays() -> None:
    for dtype in (np.uint8, np.int32, np.uint32, np.int64, np.float32, np.float64):
        values, out = np.array([1, 2, 3], dtype), np.zeros(3, dtype)
        assert copy(values, out) == 0
        np.testing.assert_array_equal(out, values)
    copy(np.empty(0), np.empty(0))


def test_arguments_that_loops_cannot_have() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        copy(np.zeros(6)[::2], np.zeros(3))
    with pytest.raises(TypeError, match="not list"):
        copy([1.0], np.zeros(1))


def test_what_cannot_become_a_file_is_said() -> None:
    with pytest.raises(TypeError, match="calls exp"):
        calls_outside(np.ones(2))
    with pytest.raises(TypeError, match="returns float64"):
        returns_a_float(np.ones(2))
    with pytest.raises(TypeError, match="plain values"):
        made([3])(np.ones(2, np.int64))


def test_what_may_not_be_compiled_now() -> None:
    with only_kept(), pytest.raises(NotCompiled):
        copy(np.zeros(2, np.int16), np.zeros(2, np.int16))


def test_machine_code_is_loaded_without_numba(tmp_path: Path) -> None:
    program = """
import sys
import numpy as np
from idf.coding.flags import _STRETCH
from idf.coding.message import Message
message = Message()
message.push_intervals(np.array([5, 7]), np.array([3, 9]))
print(message.to_bytes().hex(), "numba" in sys.modules)
"""

    def run(**environment: str) -> list[str]:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.split()

    first = run()
    assert first[1] == "True"
    assert run() == [first[0], "False"]
    (kept,) = (tmp_path / "cache").iterdir()
    # compiled again, with the same bytes: if damaged, for other processors, and without a writable folder
    kept.write_bytes(kept.read_bytes()[:-1])
    assert run() == first
    assert run() == [first[0], "False"]
    assert run(NUMBA_CPU_NAME="generic") == first
    assert run(IDF_CACHE=str(tmp_path / "cache" / kept.name / "no folder")) == first
