from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
from idf.evaluation.machine import use_one_core
use_one_core()
import subprocess, sys
print(subprocess.check_output([sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"], text=True))
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin processes to cores")
def test_children_share_the_one_core() -> None:
    printed = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["1", "1"]
