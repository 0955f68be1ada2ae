"""Rebuild the training clips of the shipped adaptive models.

`training_mix.csv` beside this file lists every clip: its set, the number of samples used from its start, the
number of channels (1: the first; 2: both), and the digest of these samples. The sets are those of
`build_corpora.py`; `ljspeech` is the folder of LJ Speech with at least the clips LJ001-0001 to LJ001-0022.

    python tools/build_corpora.py *.deb OTHER_SOURCES --target corpora
    python tools/build_training_mix.py --corpora corpora --ljspeech LJSpeech-1.1 --target mix
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from pathlib import Path

import soundfile
from rich.console import Console
from rich.progress import track

from idf.errors import DataError, run_main
from idf.files import atomic_write

LIST = Path(__file__).resolve().with_name("training_mix.csv")


def main() -> int:
    """Write the clips and return 0.

    Raises:
        DataError: a clip is missing or differs from the list.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="output folder of build_corpora.py")
    parser.add_argument("--ljspeech", type=Path, required=True, help="folder of LJ Speech, with wavs/")
    parser.add_argument("--target", type=Path, required=True, help="output folder for FLAC files")
    arguments = parser.parse_args()
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = [row["file"] for row in rows if not _source(row, arguments).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(rows)} clips are missing, such as {missing[0]}; "
            "build all train sets first (tools/build_corpora.py), and give the folder of LJ Speech"
        )
    for row in track(rows, "writing clips", console=Console(stderr=True), transient=True):
        _write(row, arguments)
    samples = sum(int(row["samples"]) * int(row["channels"]) for row in rows)
    print(f"{len(rows)} clips, {samples:,} samples over all channels, in {arguments.target}")
    return 0


def _source(row: dict[str, str], arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.ljspeech / "wavs" if row["set"] == "ljspeech" else arguments.corpora / row["set"]
    return folder / row["file"]


def _write(row: dict[str, str], arguments: argparse.Namespace) -> None:
    source = _source(row, arguments)
    samples, rate_hz = soundfile.read(str(source), dtype="int16", always_2d=True)
    kept = samples[: int(row["samples"]), : int(row["channels"])]
    if hashlib.sha256(kept.astype("<i2").tobytes()).hexdigest() != row["sha256"]:
        raise DataError(f"{source}: its samples differ from {LIST.name}; get the listed version of the file")
    with atomic_write(arguments.target / f"{row['name']}.flac") as file:
        soundfile.write(file, kept, rate_hz, format="FLAC", subtype="PCM_16")


if __name__ == "__main__":
    sys.exit(run_main(main))
