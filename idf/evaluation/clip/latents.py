"""The latent blocks of one clip, and the bits they take over time.

A window flow gives its blocks (:class:`idf.coding.codec.BlockwiseCodec`). The adaptive flow has no blocks but
gives the bits of each sample. :mod:`idf.evaluation.clip.latent_plots` draws both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np

from idf.coding.codec import BlockwiseCodec, LatentBlock
from idf.coding.mixture import PRECISION
from idf.errors import RunError


@dataclass(frozen=True)
class CodedClip:
    """A clip, its latent blocks and its bits.

    Attributes:
        name: of the clip.
        rate_hz: samples per second.
        samples: int32 (n,), 16-bit values, at least one.
        bits: float64 (n,), bits spent at each sample: the sum over the latents at that time.
        blocks: in decoding order; empty if the codec has no blocks.
    """

    name: str
    rate_hz: int
    samples: np.ndarray
    bits: np.ndarray
    blocks: tuple[LatentBlock, ...] = ()

    @property
    def seconds(self) -> float:
        """Duration of the clip."""
        return len(self.samples) / self.rate_hz

    @property
    def bits_per_sample(self) -> float:
        """Bits per sample of the whole clip, without headers."""
        return float(self.bits.sum()) / len(self.samples)


@dataclass(frozen=True)
class BlockGroup:
    """Adjacent blocks drawn as one.

    Attributes:
        name: ``z3``, or ``z15 … z12`` for several blocks.
        blocks: in decoding order.
    """

    name: str
    blocks: tuple[LatentBlock, ...]

    @property
    def bits(self) -> float:
        """Bits of all latents of the group."""
        return float(sum(block.bits.sum(dtype=np.float64) for block in self.blocks))


@runtime_checkable
class _SampleCoder(Protocol):
    """A codec that codes sample by sample, as the adaptive flow does."""

    chunk_samples: int

    def intervals(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


def has_blocks(codec: object) -> TypeGuard[BlockwiseCodec]:
    """Return whether a codec's model is a window flow with latent blocks."""
    return isinstance(codec, BlockwiseCodec) and len(codec.block_names) > 0


def look_into(codec: object, name: str, samples: np.ndarray, rate_hz: int) -> CodedClip:
    """Return a clip with its latent blocks and the bits that coding it takes.

    Args:
        codec: of a model file.
        name: of the clip.
        samples: int32 (n,), 16-bit values.
        rate_hz: samples per second.

    Raises:
        RunError: the clip is empty, or the codec gives neither its blocks nor the bits of each sample.
    """
    samples = np.asarray(samples, np.int32)
    if not len(samples):
        raise RunError(f"the clip {name} is empty; choose another")
    if has_blocks(codec):
        blocks = tuple(codec.latent_blocks(samples))
        return CodedClip(name, rate_hz, samples, _bits_at_samples(blocks, len(samples)), blocks)
    if isinstance(codec, _SampleCoder):
        # Predictors are reset in every chunk of a file.
        starts = range(0, len(samples), codec.chunk_samples)
        parts = [codec.intervals(samples[start : start + codec.chunk_samples, None])[1] for start in starts]
        return CodedClip(name, rate_hz, samples, PRECISION - np.log2(np.concatenate(parts)))
    raise RunError(f"{type(codec).__name__} does not report its bits per sample; choose a model of another family")


def group_blocks(blocks: Sequence[LatentBlock], most: int) -> list[BlockGroup]:
    """Group adjacent blocks into at most ``most`` groups.

    Blocks of different spans stay in different groups if possible. A sequence of blocks of equal span is divided
    evenly, into more groups the more bits it takes.

    Args:
        blocks: in decoding order.
        most: at least 1.
    """
    runs: list[list[LatentBlock]] = []
    for block in blocks:
        if runs and runs[-1][-1].span == block.span:
            runs[-1].append(block)
        else:
            runs.append([block])
    if len(runs) > most:
        runs = [list(blocks)]
    bits = [BlockGroup("", tuple(run)).bits for run in runs]
    counts = [1] * len(runs)
    while sum(counts) < min(most, len(blocks)):
        divisible = [index for index, run in enumerate(runs) if counts[index] < len(run)]
        counts[max(divisible, key=lambda index: bits[index] / counts[index])] += 1
    groups = []
    for run, count in zip(runs, counts, strict=True):
        for part in np.array_split(np.arange(len(run)), count):
            chosen = tuple(run[index] for index in part)
            several = f"{chosen[0].name} … {chosen[-1].name}"
            groups.append(BlockGroup(chosen[0].name if len(chosen) == 1 else several, chosen))
    return groups


def pick_evenly(count: int, most: int) -> list[int]:
    """Return up to ``most`` evenly spaced numbers from 0 to ``count`` − 1, including both ends (just the last if 1)."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count - 1]
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]


def binned(times: np.ndarray, values: np.ndarray, samples: int, bins: int) -> np.ndarray:
    """Return the sums of ``values`` over equal intervals of time.

    Args:
        times: int (m,), sample index of each value.
        values: (m,).
        samples: length of the clip.
        bins: number of intervals, at most ``samples``.

    Returns:
        float64 (bins,).
    """
    where = np.clip(times, 0, samples - 1).astype(np.int64) * bins // samples
    return np.bincount(where, weights=values, minlength=bins)


def bin_means(times: np.ndarray, values: np.ndarray, samples: int, bins: int) -> np.ndarray:
    """Return the mean of ``values`` in each interval of :func:`binned`; empty intervals repeat the one before.

    The arguments are those of :func:`binned`; there must be at least one value.

    Returns:
        float64 (bins,).
    """
    counts = binned(times, np.ones(len(values)), samples, bins)
    sums = binned(times, values, samples, bins)
    # An empty interval uses the last interval with latents before it, at the beginning the first one after it.
    filled = np.flatnonzero(counts)
    before = np.maximum(np.searchsorted(filled, np.arange(bins), side="right") - 1, 0)
    source = filled[before]
    return sums[source] / counts[source]


def spectrogram(samples: np.ndarray, rate_hz: int, columns: int) -> np.ndarray:
    """Return the spectrogram in dB relative to its maximum, clipped to [−80, 0], with windows of about 23 ms.

    Args:
        samples: (n,), at least one.
        rate_hz: samples per second.
        columns: largest number of columns.

    Returns:
        float64 (frequencies, times); frequencies from 0 to half the rate.
    """
    size = 1 << min(max(round(math.log2(max(0.023 * rate_hz, 1.0))), 5), 11)
    count = max(1, min(columns, 4 * len(samples) // size))
    padded = np.pad(samples.astype(np.float64), size // 2)
    centres = np.linspace(0, len(samples) - 1, count).round().astype(int)
    frames = padded[centres[:, None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    return 10 * np.log10(np.maximum(power / max(power.max(), 1.0), 1e-8)).T


def _bits_at_samples(blocks: Sequence[LatentBlock], samples: int) -> np.ndarray:
    total = np.zeros(samples)
    for block in blocks:
        total += binned(block.times, block.bits, samples, samples)
    return total
