"""One clip under the microscope: the blocks that a codec makes of it, and where its bits go.

Codecs whose model is a window flow show their blocks (:class:`idf.coding.codec.BlockwiseCodec`); the adaptive
flow has none, but says what each sample costs. Pictures of both are in :mod:`idf.evaluation.clip.latent_plots`.
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
    """A clip and what a codec makes of it.

    Attributes:
        name: of the clip.
        rate_hz: samples a second.
        samples: int32 (n,), 16-bit values, at least one.
        bits: float64 (n,), what is spent at each sample; the latents that stand there added up.
        blocks: in the order of decoding; none where the codec has no blocks.
    """

    name: str
    rate_hz: int
    samples: np.ndarray
    bits: np.ndarray
    blocks: tuple[LatentBlock, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.samples) / self.rate_hz

    @property
    def bits_per_sample(self) -> float:
        """Over the whole clip, without headers."""
        return float(self.bits.sum()) / len(self.samples)


@dataclass(frozen=True)
class BlockGroup:
    """Neighbouring blocks that are drawn as one.

    Attributes:
        name: ``z3``, or ``z15 … z12`` of several.
        blocks: in the order of decoding.
    """

    name: str
    blocks: tuple[LatentBlock, ...]

    @property
    def bits(self) -> float:
        """Of all its latents."""
        return float(sum(block.bits.sum(dtype=np.float64) for block in self.blocks))


@runtime_checkable
class _SampleCoder(Protocol):
    """A codec that codes sample by sample, as the adaptive flow does."""

    chunk_samples: int

    def intervals(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


def has_blocks(codec: object) -> TypeGuard[BlockwiseCodec]:
    """Whether a codec's model is a window flow, whose blocks can be shown."""
    return isinstance(codec, BlockwiseCodec) and len(codec.block_names) > 0


def look_into(codec: object, name: str, samples: np.ndarray, rate_hz: int) -> CodedClip:
    """Code a clip and keep what is to be seen on the way.

    Args:
        codec: of a model file.
        name: of the clip.
        samples: int32 (n,), 16-bit values.
        rate_hz: samples a second.

    Raises:
        RunError: the clip is empty, or the codec shows neither its blocks nor what a sample costs.
    """
    samples = np.asarray(samples, np.int32)
    if not len(samples):
        raise RunError(f"the clip {name} is empty: there is nothing to see in it; choose another")
    if has_blocks(codec):
        blocks = tuple(codec.latent_blocks(samples))
        return CodedClip(name, rate_hz, samples, _bits_at_samples(blocks, len(samples)), blocks)
    if isinstance(codec, _SampleCoder):
        # Predictors are reset in every chunk of a file.
        starts = range(0, len(samples), codec.chunk_samples)
        parts = [codec.intervals(samples[start : start + codec.chunk_samples, None])[1] for start in starts]
        return CodedClip(name, rate_hz, samples, PRECISION - np.log2(np.concatenate(parts)))
    raise RunError(f"{type(codec).__name__} does not show what it spends its bits on; choose a model of another family")


def group_blocks(blocks: Sequence[LatentBlock], most: int) -> list[BlockGroup]:
    """Put neighbouring blocks together until there are at most ``most`` groups.

    Blocks of different spans stay apart if that is possible. Runs of equal span are divided evenly, the more
    parts the more bits they take.

    Args:
        blocks: in the order of decoding.
        most: 1 or more.
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
    """Up to ``most`` of the numbers 0 … ``count`` − 1, the first and the last among them, evenly spread."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count - 1]
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]


def binned(times: np.ndarray, values: np.ndarray, samples: int, bins: int) -> np.ndarray:
    """Add up ``values`` in equal stretches of time.

    Args:
        times: int (m,), samples of the clip.
        values: (m,).
        samples: of the clip.
        bins: how many stretches, at most ``samples``.

    Returns:
        float64 (bins,).
    """
    where = np.clip(times, 0, samples - 1).astype(np.int64) * bins // samples
    return np.bincount(where, weights=values, minlength=bins)


def bin_means(times: np.ndarray, values: np.ndarray, samples: int, bins: int) -> np.ndarray:
    """The mean of ``values``, at least one, in each stretch as in :func:`binned`; of the one before where there is none.

    Returns:
        float64 (bins,).
    """
    counts = binned(times, np.ones(len(values)), samples, bins)
    sums = binned(times, values, samples, bins)
    # Each stretch takes the last one that has latents; the first few the next one.
    filled = np.flatnonzero(counts)
    before = np.maximum(np.searchsorted(filled, np.arange(bins), side="right") - 1, 0)
    source = filled[before]
    return sums[source] / counts[source]


def spectrogram(samples: np.ndarray, rate_hz: int, columns: int) -> np.ndarray:
    """Power over frequency and time, in dB below the loudest, between −80 and 0.

    Windows of about 23 ms.

    Args:
        samples: (n,), at least one.
        rate_hz: samples a second.
        columns: the most that the picture may have.

    Returns:
        float64 (frequencies, times), from 0 to half the rate.
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
