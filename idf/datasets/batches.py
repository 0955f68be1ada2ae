"""Training batches with ``tf.data``: the batch of step i is a pure function of (data, seed, i).

A clip of n samples has n // window *slots*, so long clips are drawn more often. An epoch visits every
slot once, in the order of a keyed permutation. A small Feistel network computes each entry of the
permutation directly, so nothing is shuffled, replayed or kept in memory, and starting at step
1,000,000 is as fast as starting at step 0. The possible starts in a clip, 0 … n - window, are divided
evenly among its slots, and each epoch draws the start of each slot from its share.

Random numbers are 64-bit hashes (splitmix64) of (seed, epoch, slot). They use only integer arithmetic
and are the same on every machine.

Sources: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA
2014 (splitmix64); J. Black, P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002 (the
permutation: Feistel with cycle walking).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from idf.audio.pcm import SAMPLE_MAX
from idf.datasets.dataset import Clip, Dataset
from idf.datasets.shards import Shards, build_shards
from idf.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

_U64 = npt.NDArray[np.uint64]
_FEISTEL_ROUNDS = 6
_PREFETCH = 8
_SHOWN_CLIPS = 5


def training_batches(
    dataset: Dataset,
    *,
    window: int,
    batch: int,
    seed: int,
    first_step: int,
    steps: int,
    cache: Path,
    sign_flips: bool,
    change: Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int32]] | None = None,
) -> tf.data.Dataset:
    """Return the batches of steps ``first_step`` … ``first_step + steps - 1``.

    The first use builds the shards under ``cache``. Shards are memory-mapped; only a few batches are in memory.

    Args:
        window: samples in a window.
        batch: windows in a batch.
        sign_flips: multiply each window by a random sign (-32768 becomes 32767).
        change: applied last to the windows of a batch, int32 (batch, window); None for nothing.

    Returns:
        A ``tf.data.Dataset`` of ``steps`` tensors int32 (batch, window).

    Raises:
        DataError: there are no training clips, some are shorter than a window, or one cannot be read.
        OutputError: the cache cannot be written.
    """
    source = CropSource.of(
        build_shards(dataset, cache),
        {clip.name for clip in select_clips(dataset, window, "error")},
        window,
        batch,
        seed,
    )
    draw = source.flipped_batch if sign_flips else source.batch_at

    def make(step: int) -> npt.NDArray[np.int32]:
        windows = draw(step)
        return windows if change is None else change(windows)

    from idf.quiet_tensorflow import tf  # deferred: slow to load

    def load(step: tf.Tensor) -> tf.Tensor:
        crops = tf.numpy_function(make, [step], tf.int32, stateful=False)
        return tf.ensure_shape(crops, (batch, window))

    # Sequential calls keep the order, and a batch takes far less time than a training step.
    return tf.data.Dataset.range(first_step, first_step + steps).map(load).prefetch(_PREFETCH)


def select_clips(dataset: Dataset, window: int, short_clips: str) -> tuple[Clip, ...]:
    """Return the training clips that contain at least one window; report those that ``skip`` skips on stderr.

    Raises:
        DataError: some clips are shorter and ``short_clips`` is ``error``, or all of them are shorter.
    """
    if short_clips not in ("error", "skip"):
        raise DataError(f"data.short_clips={short_clips!r}: choose error or skip")
    if not dataset.train:
        raise DataError(
            f"{dataset.name}: no training clips in the split {dataset.split!r} of {len(dataset.clips)} clips; "
            f"add clips, or change data.train_fraction or data.train_clips"
        )
    short = [clip for clip in dataset.train if clip.samples < window]
    if short and (short_clips == "error" or len(short) == len(dataset.train)):
        all_short = len(short) == len(dataset.train)
        remedy = "" if all_short else "set data.short_clips=skip to train without them, or "
        raise DataError(
            f"{'all' if all_short else len(short)} of {len(dataset.train)} training clips are shorter than "
            f"the window of {window} samples: {_named(short)}; {remedy}choose a model with a shorter window"
        )
    if short:
        skipped = f"data.short_clips=skip: skipped {len(short)} of {len(dataset.train)} training clips"
        print(f"{skipped}, which are shorter than {window} samples: {_named(short)}", file=sys.stderr)
    return tuple(clip for clip in dataset.train if clip.samples >= window)


def _named(clips: Sequence[Clip]) -> str:
    named = ", ".join(f"{clip.name} ({clip.samples})" for clip in clips[:_SHOWN_CLIPS])
    return named + (f" and {len(clips) - _SHOWN_CLIPS} more" if len(clips) > _SHOWN_CLIPS else "")


@dataclass(frozen=True)
class CropSource:
    """Draws the windows of any step. Arrays have one entry per clip."""

    maps: list[npt.NDArray[np.int16]]
    """The memory-mapped shards."""
    shard: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    """Position of the clip's first sample, in samples from the start of its shard."""
    samples: npt.NDArray[np.int64]
    first_slot: npt.NDArray[np.int64]
    """Number of the clip's first slot; one more entry at the end gives the total number of slots."""
    window: int
    batch: int
    seed: int

    @classmethod
    def of(cls, shards: Shards, names: set[str], window: int, batch: int, seed: int) -> CropSource:
        """Return a source over the clips ``names``, each at least ``window`` samples long."""
        records = [record for record in shards.records if record.clip in names]
        samples = np.array([record.samples for record in records], np.int64)
        return cls(
            maps=shards.open(),
            shard=np.array([record.shard for record in records], np.int64),
            offset=np.array([record.offset for record in records], np.int64),
            samples=samples,
            first_slot=np.concatenate([[0], np.cumsum(samples // window)]),
            window=window,
            batch=batch,
            seed=seed,
        )

    def batch_at(self, step: int) -> npt.NDArray[np.int32]:
        """Return the windows of ``step``: int32 (batch, window)."""
        clip, start, _ = self._draw(int(step))
        return self._gather(clip, start)

    def flipped_batch(self, step: int) -> npt.NDArray[np.int32]:
        """Return the windows of :meth:`batch_at`, each with a random sign."""
        clip, start, sign = self._draw(int(step))
        # Only -(-32768) exceeds 16 bits.
        return np.minimum(self._gather(clip, start) * sign[:, None], SAMPLE_MAX)

    def _draw(self, step: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Return the clip, the start in the clip, and the sign of each window of ``step``, each (batch,)."""
        slots = int(self.first_slot[-1])
        position = np.arange(step * self.batch, (step + 1) * self.batch, dtype=np.int64)
        epoch = position // slots
        key = hash64(np.uint64(self.seed % 2**64), epoch.astype(np.uint64))
        slot = permuted((position % slots).astype(np.uint64), slots, key).astype(np.int64)
        clip = np.searchsorted(self.first_slot, slot, side="right") - 1
        # Slot j of k in a clip with s possible starts draws from floor(j s / k) … floor((j + 1) s / k) - 1.
        own, count = (
            slot - self.first_slot[clip],
            self.first_slot[clip + 1] - self.first_slot[clip],
        )
        starts = self.samples[clip] - self.window + 1
        low, high = own * starts // count, (own + 1) * starts // count
        random = hash64(key, slot.astype(np.uint64))
        # The low 63 bits choose the start (with a bias below starts / 2^63), the top bit the sign.
        width = np.maximum(high - low, 1)
        start = np.minimum(low + (random & np.uint64(2**63 - 1)).astype(np.int64) % width, starts - 1)
        sign = np.where(random >> np.uint64(63), -1, 1).astype(np.int32)
        return clip, start, sign

    def _gather(self, clip: npt.NDArray[np.int64], start: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        crops = np.empty((len(clip), self.window), np.int32)
        for row, (shard, first) in enumerate(zip(self.shard[clip], self.offset[clip] + start, strict=True)):
            crops[row] = self.maps[shard][first : first + self.window]
        return crops


def hash64(key: npt.ArrayLike, value: npt.ArrayLike) -> _U64:
    """Return a 64-bit hash of (key, value), elementwise: the finaliser of splitmix64, applied to each in turn."""
    return _mix(_mix(np.asarray(key, np.uint64)) ^ np.asarray(value, np.uint64))


def permuted(index: _U64, size: int, key: _U64) -> _U64:
    """Return entry ``index`` of the permutation of 0 … size - 1 that ``key`` selects, elementwise.

    A Feistel network permutes 0 … m - 1, where m is the smallest square of a power of two that is at least
    ``size``. It is applied again to results outside the range, a few times at most on average, since m < 4 ``size``.
    """
    half = np.uint64(max(1, (max(size - 1, 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half)) - 1)
    result = np.array(index, np.uint64)
    keys = np.broadcast_to(np.asarray(key, np.uint64), result.shape)
    walking = np.arange(result.size)
    while walking.size:
        left, right = result[walking] >> half, result[walking] & mask
        for number in range(_FEISTEL_ROUNDS):
            step = hash64(keys[walking] + np.uint64(number), right)
            left, right = right, left ^ (step & mask)
        result[walking] = (left << half) | right
        walking = walking[result[walking] >= size]
    return result


def _mix(value: _U64) -> _U64:
    # Sums and products wrap modulo 2^64 on purpose, which arrays do without a warning.
    mixed = np.atleast_1d(value) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
