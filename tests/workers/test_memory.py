"""The allocator setting helps with glibc and is harmless elsewhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

from idf.workers import memory

_CHURN = """
import resource, sys
import numpy as np
from idf.workers.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
np.zeros(10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(300):
    arrays = [np.ones(40_000) for _ in range(20)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(choice: str) -> int:
    child = subprocess.run([sys.executable, "-c", _CHURN, choice], capture_output=True, text=True, check=True)
    return int(child.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_freed_arrays_are_used_again() -> None:
    assert page_faults("keep") < 0.2 * page_faults("default")


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: pytest.fail("loaded"))
    memory.keep_freed_memory()


def test_the_peak_grows_with_what_was_held() -> None:
    program = "from idf.workers.memory import peak_memory_mib as peak\nbefore = peak()\nblock = b'x' * (64 << 20)\nprint(peak() - before)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 60 < float(child.stdout) < 70
