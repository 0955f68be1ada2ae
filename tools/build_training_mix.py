"""Rebuild the collection of clips that the shipped adaptive models are trained on.

``training_mix.csv`` beside this file lists every clip: the set it comes from, how many of its samples are taken
from the start, of how many of its channels (1: the first; 2: both), and the digest of these. Sets are those of
``build_corpora.py``; ``ljspeech`` is the folder of an LJSpeech with at least the clips LJ001-0001 to LJ001-0022.

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
    """Write the clips; returns the exit status.

    Raises:
        DataError: a clip is missing or differs from the list.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="what build_corpora.py wrote")
    parser.add_argument("--ljspeech", type=Path, required=True, help="LJSpeech's folder, which holds wavs/")
    parser.add_argument("--target", type=Path, required=True, help="folder to write FLAC files to")
    arguments = parser.parse_args()
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = [row["file"] for row in rows if not _source(row, arguments).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(rows)} clips are missing, such as {missing[0]}; "
            "build all train sets first (tools/build_corpora.py), and give LJSpeech's own folder"
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
        raise DataError(f"{source}: its samples are not those of the list; get the file of the version that is listed")
    with atomic_write(arguments.target / f"{row['name']}.flac") as file:
        soundfile.write(file, kept, rate_hz, format="FLAC", subtype="PCM_16")


if __name__ == "__main__":
    sys.exit(run_main(main))
