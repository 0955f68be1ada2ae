"""Data sets: their clips, the files of the clips, and the part of the split to which each belongs.

:mod:`idf.datasets.splits` assigns names to parts, :mod:`idf.audio.pcm` reads audio, and
:mod:`idf.datasets.batches` makes training batches.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from idf.audio.pcm import SAMPLE_MAX, SAMPLE_MIN, Pcm, probe_pcm16, read_pcm16
from idf.config.schema import DataConfig
from idf.datasets import ljspeech
from idf.datasets.demo import demo_folder, read_demo_manifest
from idf.datasets.splits import Split, split_by_hash, split_by_lists
from idf.errors import DataError
from idf.text import printable

_SUFFIXES = (".wav", ".flac")
_SHOWN_PROBLEMS = 5
_BAR_FROM_FILES = 1000


@dataclass(frozen=True)
class Clip:
    """A recording as described by its header."""

    name: str
    """Unique name in its data set: the path below the root without suffix, with ``/`` between folders.

    Unprintable characters, such as bytes that are not UTF-8, are escaped."""
    path: Path
    samples: int
    """Samples per channel, after resampling if the data set resamples."""
    rate_hz: int
    """Rate of those samples."""
    channels: int = 1

    @property
    def all_samples(self) -> int:
        """Samples of all channels together."""
        return self.samples * self.channels


class Change(Protocol):
    """A transformation of clips as they are read.

    Attributes:
        name: identifies the transformation in the cache; it changes whenever :meth:`apply` does.
    """

    @property
    def name(self) -> str: ...

    def apply(self, samples: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return transformed 16-bit samples, int32 (time,), of the same length."""


@dataclass(frozen=True)
class Dataset:
    """Clips and their split. Each part is sorted by name; a part may be empty."""

    name: str
    """Name for tables: ``demo``, ``ljspeech``, ``ljspeech-mini`` or ``folder:<name of the root>``."""
    split: str
    """Name of the split for tables, such as ``demo-v1`` or ``hash 0.8/0.1/0.1``."""
    rate_hz: int | None
    """The rate of all clips; None if they differ."""
    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    test: tuple[Clip, ...]
    resample_hz: int | None = None
    """Rate to which clips are converted when read; None keeps the rate of each clip."""
    change: Change | None = None
    """Transformation of every clip when it is read, after resampling; None for none."""

    def read(self, clip: Clip) -> Pcm:
        """Return the samples of ``clip``, resampled and transformed if the data set does so.

        They are int32, (time,) if mono and (time, channels) otherwise.

        Raises:
            DataError: the file is corrupt, missing, or has changed since the data set was opened.
        """
        pcm = read_pcm16(clip.path, clip.channels)
        if self.resample_hz is not None and pcm.rate_hz != self.resample_hz:
            pcm = _resample(pcm, self.resample_hz, clip.samples)
        if len(pcm.samples) != clip.samples or pcm.rate_hz != clip.rate_hz:
            raise DataError(f"{clip.path}: the file has changed since the command started; run it again")
        if self.change is not None:
            pcm = replace(pcm, samples=self.change.apply(pcm.samples))
        return pcm

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All clips: train, then validation, then test."""
        return self.train + self.validation + self.test

    @property
    def fingerprint(self) -> str:
        """A hash of names, lengths, rates and parts, 16 hexadecimal digits, equal on every machine."""
        digest = hashlib.sha256(f"{self.name}\n{self.split}\n".encode())
        for part, clips in (
            ("train", self.train),
            ("validation", self.validation),
            ("test", self.test),
        ):
            for clip in clips:
                channels = f"\t{clip.channels}" if clip.channels > 1 else ""
                digest.update(f"{part}\t{clip.name}\t{clip.samples}\t{clip.rate_hz}{channels}\n".encode())
        return digest.hexdigest()[:16]


def open_dataset(config: DataConfig) -> Dataset:
    """Find the clips of ``config``, read their headers and split them.

    Only ``data.broken=skip`` also reads all samples; it reports on stderr which files it skips and why.

    Raises:
        DataError: the root is missing or contains no audio, files are unusable (the first few are listed) and
            ``data.broken`` is ``error``, all files are unusable, the lists name unknown clips or overlap, or a setting
            does not suit the source.
        OutputError: a download could not be written.
    """
    if config.name not in ("demo", "ljspeech", "folder"):
        raise DataError(f"data.name={config.name!r}: choose demo, ljspeech or folder")
    if config.rate_hz is not None and config.name != "folder":
        raise DataError(f"data.rate_hz={config.rate_hz}: only data=folder can be resampled, not data={config.name}")
    if config.rate_hz is not None and config.rate_hz <= 0:
        raise DataError(f"data.rate_hz={config.rate_hz}: must be a positive rate in Hz, or null")
    if config.download and config.name != "ljspeech":
        raise DataError(f"data.download=true: only data=ljspeech can be downloaded, not data={config.name}")
    if config.name == "demo":
        return _open_demo(config)
    if config.name == "ljspeech":
        return _open_ljspeech(config)
    return _open_folder(config)


def _open_demo(config: DataConfig) -> Dataset:
    folder = demo_folder()
    manifest = read_demo_manifest(folder)
    clips = {
        clip.name: Clip(clip.name, folder / f"{clip.name}.flac", clip.samples, manifest.rate_hz)
        for clip in manifest.clips
    }
    missing = [clip.path for clip in clips.values() if not clip.path.is_file()]
    if missing:
        raise DataError(f"{missing[0]}: this demo clip is missing; reinstall the package with pip")
    split = _split_by_config(config, clips)
    if split is None:
        of_part = {
            part: tuple(sorted(clip.name for clip in manifest.clips if clip.part == part))
            for part in ("train", "validation", "test")
        }
        split = Split(manifest.version, of_part["train"], of_part["validation"], of_part["test"])
    return _assemble("demo", split, clips, None)


def _open_ljspeech(config: DataConfig) -> Dataset:
    if config.root is None:
        raise DataError(
            "data=ljspeech needs data.root=FOLDER with metadata.csv and wavs/; "
            "data.download=true downloads the data set into that folder"
        )
    root = Path(config.root).expanduser()
    folder = ljspeech.download_ljspeech(root) if config.download else ljspeech.find_ljspeech(root)
    if folder is None:
        state = "contains no metadata.csv and wavs/" if root.is_dir() else "no such folder"
        raise DataError(
            f"{root}: {state}; set data.root to an extracted LJSpeech, or set data.download=true to download it there"
        )
    clips = _probe_all(ljspeech.ljspeech_files(folder), None, config)
    mini = clips.keys() == ljspeech.MINI_CLIPS
    split = _split_by_config(config, clips)
    if mini:
        lists = split_by_lists(list(clips), ljspeech.MINI_LISTS)
        # The same split, given explicitly or by default, has the same name.
        if split is None or split.name == lists.name:
            split = replace(lists, name="ljspeech-mini-v1")
    if split is None:
        split = split_by_hash(list(clips), config.train_fraction, config.validation_fraction)
    return _assemble("ljspeech-mini" if mini else "ljspeech", split, clips, None)


def _open_folder(config: DataConfig) -> Dataset:
    if config.root is None:
        raise DataError("data=folder needs data.root=FOLDER, a folder with .wav and .flac files")
    root = Path(config.root).expanduser()
    if not root.exists():
        raise DataError(f"{root}: no such folder; set data.root to a folder with .wav and .flac files")
    if not root.is_dir():
        raise DataError(f"{root}: is a file; set data.root to a folder with .wav and .flac files")
    clips = _probe_all(_audio_files(root), config.rate_hz, config)
    split = _split_by_config(config, clips)
    if split is None:
        split = split_by_hash(list(clips), config.train_fraction, config.validation_fraction)
    return _assemble(f"folder:{root.resolve().name}", split, clips, config.rate_hz)


def _audio_files(root: Path) -> dict[str, Path]:
    """Return the name and path of every WAV and FLAC file below ``root``, following links but skipping hidden files."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error

    files: dict[str, Path] = {}
    places: dict[str, str] = {}
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        place = os.path.realpath(folder)
        if place in places:
            raise DataError(
                f"{folder} and {places[place]} are the same folder through a link, so its recordings would be in the "
                "data set twice; remove the link"
            )
        places[place] = folder
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file_name in sorted(names):
            path = Path(folder, file_name)
            if file_name.startswith(".") or path.suffix.lower() not in _SUFFIXES:
                continue
            name = printable(path.relative_to(root).with_suffix("").as_posix())
            if name in files:
                raise DataError(
                    f"{files[name]} and {path} would both be the clip {name!r}; rename or remove one of them"
                )
            files[name] = path
    if not files:
        raise DataError(
            f"{root}: contains no .wav or .flac files, not even in subfolders; set data.root to a folder with some"
        )
    return files


def _probe_all(files: Mapping[str, Path], resample_hz: int | None, config: DataConfig) -> dict[str, Clip]:
    broken = config.broken
    clips: dict[str, Clip] = {}
    problems: list[str] = []
    items: Iterable[tuple[str, Path]] = files.items()
    if len(files) >= _BAR_FROM_FILES or broken == "skip":
        items = track(
            list(files.items()),
            "reading the clips" if broken == "skip" else "reading the headers of the clips",
            console=Console(stderr=True),
            transient=True,
        )
    for name, path in items:
        try:
            info = probe_pcm16(path, config.channels)
            if broken == "skip":
                read_pcm16(path, config.channels)  # the audio may be corrupt although the header is intact
        except DataError as error:
            problems.append(printable(str(error)))
            continue
        samples, rate_hz = info.samples, info.rate_hz
        if resample_hz is not None and rate_hz != resample_hz:
            samples, rate_hz = math.ceil(samples * resample_hz / rate_hz), resample_hz
        clips[name] = Clip(name, path, samples, rate_hz, info.channels)
    if not problems:
        return clips
    if broken == "skip" and clips:
        for problem in problems:
            print(f"skipped {problem}", file=sys.stderr)
        print(f"data.broken=skip: skipped {len(problems)} of {len(files)} files", file=sys.stderr)
        return clips
    remedy = "; data.broken=skip skips such files" if clips else ""
    if len(problems) == 1:
        raise DataError(problems[0] + remedy)
    more = len(problems) - _SHOWN_PROBLEMS
    lines = problems[:_SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
    raise DataError(
        f"{len(problems)} of {len(files)} files cannot be used{remedy}:\n" + "\n".join(f"  - {line}" for line in lines)
    )


def _split_by_config(config: DataConfig, clips: Mapping[str, Clip]) -> Split | None:
    """Return the split by the explicit lists of ``config``; None if it has no lists."""
    lists = {
        "train": config.train_clips,
        "validation": config.validation_clips,
        "test": config.test_clips,
    }
    if all(entries is None for entries in lists.values()):
        return None
    return split_by_lists(list(clips), lists)


def _assemble(name: str, split: Split, clips: Mapping[str, Clip], resample_hz: int | None) -> Dataset:
    rates = {clip.rate_hz for clip in clips.values()}
    return Dataset(
        name=name,
        split=split.name,
        rate_hz=rates.pop() if len(rates) == 1 else None,
        train=tuple(clips[key] for key in split.train),
        validation=tuple(clips[key] for key in split.validation),
        test=tuple(clips[key] for key in split.test),
        resample_hz=resample_hz,
    )


def _resample(pcm: Pcm, rate_hz: int, samples: int) -> Pcm:
    """Resample with librosa (soxr, high quality) and round to 16 bits: int32, ``samples`` per channel."""
    import librosa  # deferred: slow to load, and needed only for resampling

    signal = pcm.samples.astype(np.float32) / (SAMPLE_MAX + 1)
    converted: npt.NDArray[np.float32] = librosa.resample(
        signal, orig_sr=pcm.rate_hz, target_sr=rate_hz, res_type="soxr_hq", fix=False, axis=0
    )
    converted = librosa.util.fix_length(converted, size=samples, axis=0)
    rounded = np.clip(np.rint(converted.astype(np.float64) * (SAMPLE_MAX + 1)), SAMPLE_MIN, SAMPLE_MAX)
    return Pcm(samples=rounded.astype(np.int32), rate_hz=rate_hz)


def spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Return ``count`` clips evenly spread over ``clips``; all of them if ``count`` is 0 or too large."""
    if not count or count >= len(clips):
        return list(clips)
    return [clips[index * len(clips) // count] for index in range(count)]
