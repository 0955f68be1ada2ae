"""Sets of recordings for the codec benchmark: folders or patterns of 16-bit files, any rate and channel count.

Unlike :mod:`idf.datasets`, which serves training, this module neither resamples nor splits a set.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from idf.config.schema import DataConfig
from idf.datasets.dataset import open_dataset
from idf.errors import DataError
from idf.evaluation.measurement import WorkingClip, lay_out_clip

DEMO = "demo"
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class RecordingSet:
    """Recordings measured together, for one group of rows.

    Args:
        name: for the table.
        about: which part of a larger set they are.
        files: one or more.
    """

    name: str
    about: str
    files: tuple[Path, ...]


def find_set(text: str, seconds: float | None = None) -> RecordingSet:
    """Find the recordings that a command-line argument names.

    Args:
        text: ``demo`` for the test clips of the bundled speech, a folder (searched recursively), or a file
            pattern such as ``wavs/LJ001-002[5-8].wav``.
        seconds: keep the first recordings whose total duration reaches this; None for all.

    Raises:
        DataError: there are none, or a file cannot be read.
    """
    folder = Path(text)
    if text == DEMO and not folder.exists():
        dataset = open_dataset(DataConfig(name=DEMO))
        name, about, files = DEMO, f"test of {dataset.split}", [clip.path for clip in dataset.test]
    elif folder.is_dir():
        files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
        name, about = folder.resolve().name, "all files"
    else:
        files = [Path(path) for path in sorted(glob.glob(text, recursive=True))]
        name, about = folder.resolve().parent.name, folder.name
    if not files:
        raise DataError(
            f"{text}: no {' or '.join(SUFFIXES)} file found; give a folder with such files, a file pattern, or {DEMO}"
        )
    if seconds is not None:
        files, about = _first(files, seconds), f"{about}, the first {seconds:g} s"
    return RecordingSet(name, about, tuple(files))


def lay_out_set(recordings: RecordingSet, folder: Path) -> list[WorkingClip]:
    """Write the recordings to ``folder`` in the formats that the workers read.

    Raises:
        DataError: a file is damaged or is not 16-bit, or all files are empty.
        OutputError: ``folder`` cannot be written.
    """
    clips = []
    for number, path in enumerate(recordings.files):
        try:
            with soundfile.SoundFile(path) as file:
                if file.subtype != "PCM_16":
                    raise DataError(
                        f"{path}: {file.subtype}; codecs are compared on 16-bit PCM, so remove this file from the set"
                    )
                samples, rate_hz = file.read(dtype="int16"), file.samplerate
        except (soundfile.LibsndfileError, OSError) as error:
            raise DataError(f"{path}: cannot be read ({error})") from error
        if samples.size:
            clips.append(lay_out_clip(path.stem, samples, rate_hz, folder / f"{number:05d}"))
    if not clips:
        raise DataError(f"{recordings.name}: all files are empty; choose another set")
    return clips


def _first(files: Sequence[Path], seconds: float) -> list[Path]:
    chosen: list[Path] = []
    total = 0.0
    for path in files:
        if total >= seconds:
            break
        chosen.append(path)
        try:
            total += soundfile.info(path).duration
        except (soundfile.LibsndfileError, OSError) as error:
            raise DataError(f"{path}: cannot be read ({error})") from error
    return chosen
