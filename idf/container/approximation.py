"""Reconstructing a recording from its first latent blocks, for any sample format.

The file is decoded and checked as usual. Then each audio block is split into the planes that the model codes, the
planes are approximated (:mod:`idf.coding.codec`), and the samples are put together again. Low bits that no model codes
count as part of the last latent block; without it they are set to the middle of their range.
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
    """A file codec whose model has latent blocks."""


@dataclass(frozen=True)
class Spent:
    """The bits that each latent block of a recording takes.

    Attributes:
        names: names of all blocks, in decoding order.
        blocks: number of blocks used.
        bits: bits of each block, all channels together, float64 (len(names),).
        samples: samples per channel.
        audio_format: rate, channels and bits.
    """

    names: tuple[str, ...]
    blocks: int
    bits: np.ndarray
    samples: int
    audio_format: AudioFormat

    @property
    def share(self) -> float:
        """Fraction of all bits that the used blocks take, 0 … 1."""
        total = float(self.bits.sum())
        return float(self.bits[: self.blocks].sum()) / total if total else 1.0


def partial_codec(codec: ChunkCodec, blocks: int) -> PartialCodec:
    """Return ``codec`` if it can reconstruct a recording from its first ``blocks`` blocks.

    Raises:
        RunError: its model has no latent blocks, or blocks that cannot approximate a recording.
        DataError: the model does not have that many blocks.
    """
    if not isinstance(codec, BlockwiseCodec):
        raise RunError(
            "the model is an adaptive flow, which codes sample by sample and has no latent blocks; "
            "use a window flow such as bands-small (idf compress --model bands-small FILE)"
        )
    count = len(codec.block_names)
    if not 1 <= blocks <= count:
        raise DataError(f"the model has {count} latent blocks, not {blocks}; choose 1 to {count}")
    codec.approximate(np.zeros((0, 1), np.int32), blocks)  # raises errors early
    return cast(PartialCodec, codec)


def block_bits(codec: BlockwiseCodec, samples: np.ndarray) -> np.ndarray:
    """Return the bits that each latent block takes, in decoding order, float64 (blocks,).

    Args:
        codec: the model.
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
    """Reconstruct one audio block from its first latent blocks.

    Args:
        codec: the model.
        samples: int32 (n, channels) of ``sample_bits`` bits, n at least 1.
        sample_bits: bits of a sample.
        blocks: number of latent blocks to use.

    Returns:
        The reconstruction, int32 (n, channels), exact if all blocks are used, and the bits that each latent block
        takes, float64 (blocks,).
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
    return _reassembled(apart, sample_bits), bits


def approximate_blocks(
    codec: PartialCodec, file: IO[bytes], blocks: int, *, jobs: int = 1
) -> tuple[AudioFormat, int, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Reconstruct a file from its first latent blocks, one audio block at a time.

    Args:
        codec: the model.
        file: a seekable ``.idf`` file.
        blocks: number of latent blocks to use.
        jobs: number of audio blocks processed at once, by threads of this process.

    Returns:
        The sample format, the samples per channel, and an iterator over the results of :func:`approximate_samples`.

    Raises:
        DataError: the file holds floats.
        FormatError: it is damaged or was made with another model; raised after the last block at the latest.
    """
    count = read_index(file).end.samples
    file.seek(0)
    decoder = Decoder(file)
    if decoder.header.is_float:
        raise DataError("float recordings cannot be reconstructed from their first blocks; decompress the whole file")
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
    """Write the reconstruction from a file's first latent blocks as WAV.

    Args:
        codec, file, blocks, jobs: see :func:`approximate_blocks`.
        write: called with the bytes, in order. They are valid only once this function returns.
        progress: called with the number of samples done.

    Raises:
        FormatError: the file is damaged or was made with another model.
        DataError: the file holds floats, or too many samples for a WAV file.
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


def _reassembled(apart: Planes, sample_bits: int) -> np.ndarray:
    """Return the samples of planes whose high parts are approximate: int32 (n, channels), clipped to ``sample_bits``."""
    for step, (first, second) in zip(apart.steps, pairs(apart.planes), strict=True):
        first.high, second.high = stereo.clipped_inverse(first.high, second.high, step)
    channels = []
    for plane in apart.planes:
        low = (1 << plane.low_bits) >> 1
        channels.append(plane.lattice.values(plane.high.astype(np.int64) << plane.low_bits | low))
    limit = 1 << (sample_bits - 1)
    return np.clip(np.stack(channels, axis=1), -limit, limit - 1).astype(np.int32)
