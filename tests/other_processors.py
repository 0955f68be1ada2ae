"""Running a program as on a processor without vector extensions."""

from __future__ import annotations

import os
import subprocess
import sys


def printed_without_extensions(program: str) -> str:
    """Return the stripped output of Python code whose compiled loops use only the baseline instruction set."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "NUMBA_CPU_NAME": "generic",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
