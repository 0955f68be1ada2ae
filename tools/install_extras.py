"""Try to install pyflac, an optional binding of libFLAC that improves comparisons and needs a C compiler.

``make`` runs this. If the installation fails, a message says what is missing, and the set-up continues.
"""

from __future__ import annotations

import subprocess
import sys

PYFLAC = "pyflac==3.0.0"


def main() -> None:
    """Install pyflac, or print why comparisons lack it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", PYFLAC]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        print(
            f"{PYFLAC} could not be built (is a C compiler installed?); FLAC rows with a set block size need it or the flac command"
        )


if __name__ == "__main__":
    main()
