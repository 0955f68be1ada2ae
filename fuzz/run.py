"""Coverage-guided fuzzing of the decoder's parts.

    python -m fuzz.run TARGET [SECONDS]      TARGET: one of fuzz.targets.TARGETS, or all

Needs atheris (``pip install atheris``), which is not a dependency of this package. New inputs are stored under
``fuzz/found`` (not in the repository); move those worth keeping to ``fuzz/corpus/TARGET``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMPILED = ["idf.coding.kernels", "idf.coding.flags", "idf.arithmetic.exact"]
COMPILED += ["idf.models.adaptive", "idf.models.bands", "idf.models.prediction"]
"""Modules compiled by numba, which cannot compile the code that atheris inserts."""
SECONDS = 60
MAX_LENGTH = 4096
MEMORY_MB = 2048


def main() -> int:
    """Fuzz one target in this process, or all targets in sequence. Returns the exit status."""
    name = sys.argv[1] if len(sys.argv) > 1 else "all"
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    if name == "all":
        from fuzz.targets import TARGETS

        return max(
            subprocess.run([sys.executable, "-m", "fuzz.run", each, str(seconds)]).returncode for each in TARGETS
        )
    try:
        import atheris
    except ImportError:
        print("fuzzing needs atheris: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["idf"], exclude=COMPILED):
        from fuzz.targets import CORPUS, TARGETS
    # import and load compiled code first, so that a busy machine does not report them as a hang
    for target in ("planes", name):
        for known in sorted((CORPUS / target).iterdir()):
            TARGETS[target](known.read_bytes())
    found = Path(__file__).parent / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    flags = [f"-max_total_time={seconds}", f"-max_len={MAX_LENGTH}", f"-rss_limit_mb={MEMORY_MB}", "-timeout=20"]
    folders = [str(found), str(CORPUS / name)]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={found.parent}/{name}-", *folders], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
