"""TFRecord shards: the training clips of a data set in a few large files, built once and cached.

A record contains only the samples of one clip, 16-bit little-endian, and the files are uncompressed. With TFRecord's
framing (12 bytes before and 4 after each record), the offsets of the samples follow from the clip lengths alone.
Readers can either stream the records (``tf.data.TFRecordDataset``) or map the files and read windows anywhere.
Training maps them, which needs no memory beyond the system's cache, for minutes of speech as for days.

``meta.json`` beside the shards lists clips and lengths. The folder appears by an atomic rename after everything in it
is written.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from idf.datasets.cache import cached
from idf.datasets.dataset import Clip, Dataset
from idf.errors import DataError, OutputError
from idf.files import output_errors

_FORMAT = 1
_HEAD_BYTES, _FOOT_BYTES = 12, 4
_SHARD_BYTES = 256 << 20
"""Size at which a shard is closed, so that there are few files that are still easy to copy."""


@dataclass(frozen=True)
class Record:
    """The position of a clip's samples."""

    clip: str
    shard: int
    offset: int
    """Position of the first sample, in samples (not bytes) from the start of the shard."""
    samples: int


@dataclass(frozen=True)
class Shards:
    """An opened cache folder. It is picklable, because :meth:`open` maps the files."""

    folder: Path
    files: tuple[Path, ...]
    records: tuple[Record, ...]
    """In the order of the training clips."""

    def open(self) -> list[npt.NDArray[np.int16]]:
        """Map each shard read-only, including the framing: int16 (file bytes / 2,). See :class:`Record`."""
        return [np.memmap(path, dtype="<i2", mode="r") for path in self.files]


def build_shards(dataset: Dataset, cache: Path) -> Shards:
    """Return the shards of ``dataset.train`` under ``cache``; build them if they are missing or damaged.

    Different data, a different rate or a changed source file give a different entry of the cache.

    Raises:
        DataError: there are no training clips, or one cannot be read.
        OutputError: the cache cannot be written, or the disk is full.
    """
    if not dataset.train:
        raise DataError(
            f"{dataset.name}: no training clips in the split {dataset.split!r} of {len(dataset.clips)} clips; "
            f"add clips, or change data.train_fraction or data.train_clips"
        )
    return cached(cache / source_hash(dataset), _open_folder, lambda folder: _write(dataset, folder))


def source_hash(dataset: Dataset) -> str:
    """Return the name of the folder, a hash of format, rate, transformation and the training files.

    Of each file it covers name, path, length, rate, size and modification time.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.sha256(f"format {_FORMAT}\nrate {dataset.resample_hz}\n".encode())
    if dataset.change is not None:
        digest.update(f"change {dataset.change.name}\n".encode())
    for clip in dataset.train:
        try:
            state = clip.path.stat()
        except OSError as error:
            raise DataError(f"{clip.path}: cannot be read ({error.strerror})") from error
        row = (
            clip.name,
            str(clip.path.resolve()),
            clip.samples,
            clip.rate_hz,
            state.st_size,
            state.st_mtime_ns,
        )
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()[:24]


def _write(dataset: Dataset, folder: Path) -> None:
    """Write the shards and, last, ``meta.json``."""
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    shards = _assign_shards(dataset.train)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(
            "preparing training shards",
            total=sum(clip.samples for clip in dataset.train),
        )
        for number, clips in enumerate(shards):
            try:
                with tf.io.TFRecordWriter(str(folder / _shard_name(number))) as writer:
                    for clip, samples in zip(clips, _read_ahead(dataset, clips), strict=True):
                        writer.write(samples.astype("<i2").tobytes())
                        bar.advance(task, clip.samples)
            except tf.errors.OpError as error:
                raise OutputError(
                    f"cannot write training shards to {folder.parent}: {error.message}; "
                    f"free some space or choose another folder with data.cache=FOLDER"
                ) from error
    meta = {
        "format": _FORMAT,
        "dataset": dataset.name,
        "split": dataset.split,
        "fingerprint": dataset.fingerprint,
        "shards": [[{"name": clip.name, "samples": clip.samples} for clip in clips] for clips in shards],
    }
    with output_errors(folder):
        (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def _read_ahead(dataset: Dataset, clips: Sequence[Clip]) -> Iterator[npt.NDArray[np.int32]]:
    """Yield the samples of each clip in order, reading several in parallel because transformations may be slow."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # In groups, because all clips together may not fit into memory.
        for first in range(0, len(clips), 4 * workers):
            for pcm in pool.map(dataset.read, clips[first : first + 4 * workers]):
                yield pcm.samples


def _assign_shards(clips: Sequence[Clip]) -> list[list[Clip]]:
    shards: list[list[Clip]] = [[]]
    size = 0
    for clip in clips:
        if size >= _SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(clip)
        size += _record_bytes(clip.samples)
    return shards


def _open_folder(folder: Path) -> Shards | None:
    """Return the shards in ``folder``; None if it is missing or unreadable, or a file has the wrong size."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if meta["format"] != _FORMAT:
            return None
        files = []
        records = []
        for number, clips in enumerate(meta["shards"]):
            path = folder / _shard_name(number)
            position = 0
            for clip in clips:
                offset = (position + _HEAD_BYTES) // 2
                records.append(
                    Record(
                        clip=clip["name"],
                        shard=number,
                        offset=offset,
                        samples=clip["samples"],
                    )
                )
                position += _record_bytes(clip["samples"])
            if path.stat().st_size != position:
                return None
            files.append(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Shards(folder=folder, files=tuple(files), records=tuple(records))


def _shard_name(number: int) -> str:
    return f"train-{number:05d}.tfrecord"


def _record_bytes(samples: int) -> int:
    return _HEAD_BYTES + 2 * samples + _FOOT_BYTES
