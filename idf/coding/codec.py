"""The interfaces that a codec offers: coding runs of samples, and access to the latent blocks of window flows.

A window flow factors its latents out in blocks, and a decoder recovers one block after another, each given the previous
ones. So the first k blocks alone give an approximation of the signal: set every missing latent to the median of its
distribution given the known ones, and apply the inverse flow. Progressive reconstruction and figures of the flow use
this. The codecs are in :mod:`idf.models.window.codec` and :mod:`idf.models.adaptive`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from idf.errors import FormatError


@dataclass(frozen=True)
class LatentBlock:
    """One latent block of a clip. Arrays have one entry per latent, in order of time.

    Attributes:
        name: name of the block in the flow, such as ``z3`` or ``base``.
        span: samples of the signal per latent of the block.
        times: position of each latent in samples of the clip, int64 (latents,).
        latents: the latents, int32 (latents,).
        medians: median of each latent's distribution given the blocks decoded before and, in autoregressive blocks,
            the latents before it, int32 (latents,).
        log_scales: weighted mean of the log-scales of the mixture's logistics, in nats on the [-1, 1) amplitude
            scale, float32 (latents,).
        bits: bits of each latent (−log2 of its share of the coder's range), float32 (latents,).
    """

    name: str
    span: int
    times: np.ndarray
    latents: np.ndarray
    medians: np.ndarray
    log_scales: np.ndarray
    bits: np.ndarray


@runtime_checkable
class BlockwiseCodec(Protocol):
    """A codec whose model is a window flow."""

    @property
    def block_names(self) -> tuple[str, ...]:
        """The names of all blocks, in decoding order."""
        ...

    def latent_blocks(self, samples: np.ndarray) -> list[LatentBlock]:
        """Return the latent blocks of a clip, int32 (n,) of 16-bit values, in decoding order."""
        ...

    def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
        """Reconstruct a clip from its first ``blocks`` blocks; all of them give the exact clip.

        Args:
            samples: int32 (n, channels) of 16-bit values.
            blocks: number of blocks to use, 0 … ``len(block_names)``, in decoding order.

        Returns:
            int32 (n, channels), 16-bit values.
        """
        ...


MAX_CHUNK_SAMPLES = 1 << 20
"""Longest block of a codec. Bounds the memory that a reader allocates for one block."""


LOW_SEGMENT = 1 << 12
"""Samples that share one number of low bits."""


class ChunkCodec(Protocol):
    """The interface of a model to the compressed file. Codes runs of samples independently, all channels at once.

    To work in several processes (``--jobs``) it must be picklable; reloading its file when unpickled is enough.

    Attributes:
        fingerprint: 16 bytes that change whenever the meaning of the coded bytes does.
        chunk_samples: longest run in samples per channel, 1 ... 2^20.
        joins_channels: whether the model itself exploits redundancy between channels. Pairs of channels are then
            decorrelated beforehand only if that makes the message of an excerpt shorter.
        max_low_bits: bits below the upper 16 that it can code with them; 0 unless it is a :class:`WideCodec`.
    """

    @property
    def fingerprint(self) -> bytes: ...

    @property
    def chunk_samples(self) -> int: ...

    @property
    def joins_channels(self) -> bool: ...

    @property
    def max_low_bits(self) -> int: ...

    def encode(self, samples: np.ndarray) -> bytes:
        """Code a run. May be called by several threads.

        Args:
            samples: int32 (n, channels), 1 <= n <= chunk_samples and 1 <= channels <= 8, 16-bit values.
                Channels that are constant over the run are omitted, so a run may have fewer channels than the
                file.
        """
        ...

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """Invert :meth:`encode`. Returns int32 (count, channels). Raises only FormatError, for invalid bytes."""
        ...


class WideCodec(ChunkCodec, Protocol):
    """A codec of samples with more than 16 bits: high + low / 2^k, with 0 <= low < 2^k."""

    def encode_wide(self, highs: np.ndarray, lows: np.ndarray, low_bits: np.ndarray) -> bytes:
        """Code a run. May be called by several threads.

        Args:
            highs: upper parts, int32 (n, channels), as in :meth:`encode`.
            lows: low parts, int32 (n, channels).
            low_bits: k for each segment of :data:`LOW_SEGMENT` samples, 0 ... ``max_low_bits``, int64
                (segments, channels).
        """
        ...

    def decode_wide(self, data: bytes, count: int, low_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Invert :meth:`encode_wide`. Returns highs and lows. Raises only FormatError, for invalid bytes."""
        ...


class JointCodec(ChunkCodec, Protocol):
    """A codec that codes two runs at once in less time than one after the other, with the same bytes."""

    def encode_together(self, runs: Sequence[np.ndarray]) -> list[bytes]:
        """Return :meth:`encode` of each of one or two runs. May be called by several threads."""
        ...

    def decode_together(self, coded: Sequence[tuple[bytes, int, int]]) -> list[np.ndarray | FormatError]:
        """Return :meth:`decode` of one or two messages, given its arguments, or the error it raises."""
        ...
