"""Try to install what makes comparisons better but is not needed: pyflac, which compiles libFLAC's binding.

Run by ``make``. Where there is no C compiler the attempt fails, one line says what is lost, and the
set-up goes on.
"""

from __future__ import annotations

import subprocess
import sys

PYFLAC = "pyflac==3.0.0"


def main() -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", PYFLAC]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        print(
            f"{PYFLAC} could not be built here (no C compiler?): FLAC rows at chosen block sizes need it or the flac command."
        )


if __name__ == "__main__":
    main()
