"""A recording as far as its first latent blocks tell it, whatever its bits and channels.

The file is decoded and checked as ever; then each audio block is taken apart into the planes that the model
codes, these are approximated (:mod:`idf.coding.codec`), and put together again. Low bits that no model codes
belong to the last latent block: before it they are at the middle of their range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol, cast

import numpy as np

from idf.audio.format import AudioFormat
from idf.audio.wav import canonical_head, canonical_tail, to_wav_bytes
from idf.coding.codec import BlockwiseCodec, ChunkCodec
from idf.container.blocks import lows, stereo
from idf.container.blocks.planes import Planes, pairs, take_apart
from idf.container.index import read_index
from idf.container.stream import Decoder, Progress, checked_samples, no_progress
from idf.errors import DataError, RunError
from idf.workers.pool import ordered_map


class PartialCodec(ChunkCodec, BlockwiseCodec, Protocol):
    """A codec of files whose model has latent blocks."""


@dataclass(frozen=True)
class Spent:
    """How much of a recording its first blocks are.

    Attributes:
        names: of all blocks, in the order of decoding.
        blocks: how many of them are taken.
        bits: float64 (len(names),), what each block costs, all channels together.
        samples: in each channel.
        audio_format: rate, channels and bits.
    """

    names: tuple[str, ...]
    blocks: int
    bits: np.ndarray
    samples: int
    audio_format: AudioFormat

    @property
    def share(self) -> float:
        """Of all bits, those of the blocks that are taken: 0 … 1."""
        total = float(self.bits.sum())
        return float(self.bits[: self.blocks].sum()) / total if total else 1.0


def partial_codec(codec: ChunkCodec, blocks: int) -> PartialCodec:
    """``codec``, if it can give the first ``blocks`` blocks of a recording.

    Raises:
        RunError: its model has no latent blocks, or nothing can be approximated by them.
        DataError: it has not so many.
    """
    if not isinstance(codec, BlockwiseCodec):
        raise RunError(
            "the model is an adaptive flow, which codes sample after sample and has no latent blocks; "
            "take a window flow, such as bands-small (idf compress --model bands-small FILE)"
        )
    count = len(codec.block_names)
    if not 1 <= blocks <= count:
        raise DataError(
            f"the model that made this has {count} latent blocks, so {blocks} cannot be had; take 1 to {count}"
        )
    codec.approximate(np.zeros((0, 1), np.int32), blocks)  # refuses early what it would refuse later
    return cast(PartialCodec, codec)


def block_bits(codec: BlockwiseCodec, samples: np.ndarray) -> np.ndarray:
    """What each block costs, in the order of decoding: float64 (blocks,), bits.

    Args:
        samples: int32 (n, channels), 16-bit values.
    """
    total = np.zeros(len(codec.block_names))
    for channel in samples.T:
        found = codec.latent_blocks(np.ascontiguousarray(channel))
        total += [float(block.bits.sum(dtype=np.float64)) for block in found]
    return total


def approximate_samples(
    codec: PartialCodec, samples: np.ndarray, sample_bits: int, blocks: int
) -> tuple[np.ndarray, np.ndarray]:
    """One audio block from its first latent blocks, and what each latent block costs.

    Args:
        samples: int32 (n, channels) of ``sample_bits`` bits, n at least 1.

    Returns:
        int32 (n, channels), the samples themselves where all blocks are taken; float64 (blocks,), bits.
    """
    apart = take_apart(codec, samples)
    varying = [plane for plane in apart.planes if not plane.is_constant]
    bits = np.zeros(len(codec.block_names))
    bits[-1] = 8 * sum(lows.packed_bytes(len(samples), plane.widths, 0) for plane in apart.planes)
    if varying:
        highs = np.stack([plane.high for plane in varying], axis=1).astype(np.int32)
        bits += block_bits(codec, highs)
        if blocks < len(bits):
            for plane, high in zip(varying, codec.approximate(highs, blocks).T, strict=True):
                plane.high = high
    if blocks == len(bits):
        return samples, bits
    return _put_together(apart, sample_bits), bits


def approximate_blocks(
    codec: PartialCodec, file: IO[bytes], blocks: int, *, jobs: int = 1
) -> tuple[AudioFormat, int, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Form, samples in each channel, and block by block what :func:`approximate_samples` gives of a file.

    Args:
        file: an open ``.idf`` file that seeks.
        jobs: blocks worked on at the same time, by threads of this process.

    Raises:
        FormatError: damaged, or made with another model; at the latest after the last block.
    """
    count = read_index(file).end.samples
    file.seek(0)
    decoder = Decoder(file)
    if decoder.header.is_float:
        raise DataError("a recording of floats cannot be had from its first blocks; decompress all of it")
    decoder.kept_head()
    bits = decoder.audio_format.sample_bits

    def approximate(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return approximate_samples(codec, samples, bits, blocks)

    return decoder.audio_format, count, ordered_map(approximate, checked_samples(codec, decoder), jobs)


def approximate_stream(
    codec: PartialCodec,
    file: IO[bytes],
    write: Callable[[bytes], object],
    blocks: int,
    *,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Spent:
    """Write a file's first blocks as WAV.

    Args:
        file, blocks, jobs: see :func:`approximate_blocks`.
        write: is given the bytes, in order. They count only once this function returns.

    Raises:
        FormatError: the file is damaged, or was made with another model.
        DataError: the samples are too many for a WAV file.
    """
    audio_format, count, found = approximate_blocks(codec, file, blocks, jobs=jobs)
    total = np.zeros(len(codec.block_names))
    write(canonical_head(count, audio_format))
    for samples, bits in found:
        write(to_wav_bytes(samples, audio_format.sample_bits))
        total += bits
        progress(len(samples))
    write(canonical_tail(count, audio_format))
    return Spent(codec.block_names, blocks, total, count, audio_format)


def _put_together(apart: Planes, sample_bits: int) -> np.ndarray:
    """Samples of planes whose high parts are not exact: int32 (n, channels), clipped to ``sample_bits``."""
    for step, (first, second) in zip(apart.steps, pairs(apart.planes), strict=True):
        first.high, second.high = stereo.clipped_inverse(first.high, second.high, step)
    channels = []
    for plane in apart.planes:
        low = (1 << plane.low_bits) >> 1
        channels.append(plane.lattice.values(plane.high.astype(np.int64) << plane.low_bits | low))
    limit = 1 << (sample_bits - 1)
    return np.clip(np.stack(channels, axis=1), -limit, limit - 1).astype(np.int32)
