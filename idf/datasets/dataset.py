"""Data sets: which clips there are, where they lie, and which part of the split each belongs to.

Not here: how a name is assigned to a part (:mod:`idf.datasets.splits`), how audio is read
(:mod:`idf.audio.pcm`), how training batches are made (:mod:`idf.datasets.batches`).
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
    """One recording, as its header describes it."""

    name: str
    """Unique in its data set: the path below the root, without suffix, with ``/`` between folders.

    What cannot be printed in it, such as bytes that are not UTF-8, is escaped."""
    path: Path
    samples: int
    """How many samples of each channel; after resampling, if the data set resamples."""
    rate_hz: int
    """Rate of those samples."""
    channels: int = 1

    @property
    def all_samples(self) -> int:
        """Samples of all channels together."""
        return self.samples * self.channels


class Change(Protocol):
    """What a data set may do to a clip as it is read.

    Attributes:
        name: changes whenever :meth:`apply` would; files derived from the clips are kept under it.
    """

    @property
    def name(self) -> str: ...

    def apply(self, samples: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """16-bit values int32 (time,) to as many others."""


@dataclass(frozen=True)
class Dataset:
    """Clips and their split. Each part is sorted by name; a part may be empty."""

    name: str
    """For tables: ``demo``, ``ljspeech``, ``ljspeech-mini`` or ``folder:<name of the root>``."""
    split: str
    """How the split was made, for tables, such as ``demo-v1`` or ``hash 0.8/0.1/0.1``."""
    rate_hz: int | None
    """The rate of all clips; None when they differ."""
    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    test: tuple[Clip, ...]
    resample_hz: int | None = None
    """Rate that clips are converted to when read; None keeps each clip's own."""
    change: Change | None = None
    """What is done to the samples of every clip when it is read, after that; None for nothing."""

    def read(self, clip: Clip) -> Pcm:
        """The samples of ``clip``, int32, (time,) if mono and (time, channels) otherwise, resampled and changed if the data set says so.

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
        """16 hexadecimal digits over names, lengths, rates and parts; the same on every machine."""
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

    Samples are read, and forgotten, for ``data.broken=skip`` only, which says on stderr what it leaves out and why.

    Raises:
        DataError: the root is missing or holds no audio, a file cannot be used (the first few are listed) and
            ``data.broken`` is ``error``, none can be used, the lists name unknown clips or overlap, or a setting does not fit the
            source.
        OutputError: a download could not be written.
    """
    if config.name not in ("demo", "ljspeech", "folder"):
        raise DataError(f"data.name={config.name!r}: the sources are demo, ljspeech and folder")
    if config.rate_hz is not None and config.name != "folder":
        raise DataError(f"data.rate_hz is for data=folder; data={config.name} keeps the rate of its clips")
    if config.rate_hz is not None and config.rate_hz <= 0:
        raise DataError(f"data.rate_hz={config.rate_hz}: must be a positive rate in Hz, or null")
    if config.download and config.name != "ljspeech":
        raise DataError(f"data.download is for data=ljspeech; data={config.name} cannot be downloaded")
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
        raise DataError(f"{missing[0]}: a demo clip is missing; install the package again with pip")
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
            "data=ljspeech needs data.root=FOLDER, which holds metadata.csv and wavs/; "
            "with data.download=true the data set is fetched into that folder"
        )
    root = Path(config.root).expanduser()
    folder = ljspeech.download_ljspeech(root) if config.download else ljspeech.find_ljspeech(root)
    if folder is None:
        state = "holds no metadata.csv and wavs/" if root.is_dir() else "no such folder"
        raise DataError(
            f"{root}: {state}; point data.root at an extracted LJSpeech, or set data.download=true to fetch it there"
        )
    clips = _probe_all(ljspeech.ljspeech_files(folder), None, config)
    mini = clips.keys() == ljspeech.MINI_CLIPS
    split = _split_by_config(config, clips)
    if mini:
        lists = split_by_lists(list(clips), ljspeech.MINI_LISTS)
        # Written out or by default, it is one split and has one name.
        if split is None or split.name == lists.name:
            split = replace(lists, name="ljspeech-mini-v1")
    if split is None:
        split = split_by_hash(list(clips), config.train_fraction, config.validation_fraction)
    return _assemble("ljspeech-mini" if mini else "ljspeech", split, clips, None)


def _open_folder(config: DataConfig) -> Dataset:
    if config.root is None:
        raise DataError("data=folder needs data.root=FOLDER, a tree of .wav and .flac files")
    root = Path(config.root).expanduser()
    if not root.exists():
        raise DataError(f"{root}: no such folder; data.root must be a tree of .wav and .flac files")
    if not root.is_dir():
        raise DataError(f"{root}: is a file; data.root must be a folder with .wav and .flac files")
    clips = _probe_all(_audio_files(root), config.rate_hz, config)
    split = _split_by_config(config, clips)
    if split is None:
        split = split_by_hash(list(clips), config.train_fraction, config.validation_fraction)
    return _assemble(f"folder:{root.resolve().name}", split, clips, config.rate_hz)


def _audio_files(root: Path) -> dict[str, Path]:
    """Name and path of every WAV and FLAC below ``root``, through links too; hidden files and folders are left out."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error

    files: dict[str, Path] = {}
    places: dict[str, str] = {}
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        place = os.path.realpath(folder)
        if place in places:
            raise DataError(
                f"{folder} and {places[place]} are one folder, by a link: its recordings would be in the data set "
                "twice; remove the link"
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
                    f"{files[name]} and {path} would both be the clip {name!r}; rename one or remove it from the tree"
                )
            files[name] = path
    if not files:
        raise DataError(f"{root}: holds no .wav or .flac files, in it or in its subfolders")
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
                read_pcm16(path, config.channels)  # an intact header may stand before corrupt audio
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
        print(f"data.broken=skip: {len(problems)} of {len(files)} files are left out", file=sys.stderr)
        return clips
    remedy = "; data.broken=skip leaves such files out" if clips else ""
    if len(problems) == 1:
        raise DataError(problems[0] + remedy)
    more = len(problems) - _SHOWN_PROBLEMS
    lines = problems[:_SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
    raise DataError(
        f"{len(problems)} of {len(files)} files cannot be used{remedy}:\n" + "\n".join(f"  - {line}" for line in lines)
    )


def _split_by_config(config: DataConfig, clips: Mapping[str, Clip]) -> Split | None:
    """The split by the explicit lists of ``config``; None when it gives none."""
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
    """Convert the rate by librosa (soxr, high quality) and round to 16 bits: int32, ``samples`` of each channel."""
    import librosa  # deferred: slow to load, and only needed when the user asks for a rate

    signal = pcm.samples.astype(np.float32) / (SAMPLE_MAX + 1)
    converted: npt.NDArray[np.float32] = librosa.resample(
        signal, orig_sr=pcm.rate_hz, target_sr=rate_hz, res_type="soxr_hq", fix=False, axis=0
    )
    converted = librosa.util.fix_length(converted, size=samples, axis=0)
    rounded = np.clip(np.rint(converted.astype(np.float64) * (SAMPLE_MAX + 1)), SAMPLE_MIN, SAMPLE_MAX)
    return Pcm(samples=rounded.astype(np.int32), rate_hz=rate_hz)


def spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """``count`` clips evenly spread over ``clips``; all of them when ``count`` is 0 or too large."""
    if not count or count >= len(clips):
        return list(clips)
    return [clips[index * len(clips) // count] for index in range(count)]
