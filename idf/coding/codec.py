"""The latent blocks of a window flow one by one: what progressive reconstruction and pictures of the flow are made of.

A window flow's latents leave in blocks, and a decoder gets them back one block after another, each given those
before it. So the first k blocks by themselves already say something of the signal: with every missing latent at
the median of its distribution given what is known, the inverse flow gives an approximation. This module says what
a codec offers for that; the codecs themselves are in :mod:`idf.models.window.codec` and :mod:`idf.models.adaptive`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class LatentBlock:
    """One block of a clip, a number a latent, in the order of time.

    Attributes:
        name: as the flow names it, such as ``z3`` or ``base``.
        span: samples of the signal for each latent of the block.
        times: int64 (latents,), the sample of the clip at which each latent stands.
        latents: int32 (latents,).
        medians: int32 (latents,), of each latent's distribution given the blocks decoded before and, in
            autoregressive blocks, the latents before it.
        log_scales: float32 (latents,), nats on the [-1, 1) amplitude scale: the mean over the mixture's
            logistics, by their weights.
        bits: float32 (latents,), what each latent costs: −log2 of its share of the coder's range.
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
        """All blocks in the order of decoding."""
        ...

    def latent_blocks(self, samples: np.ndarray) -> list[LatentBlock]:
        """What the flow makes of a clip, int32 (n,) of 16-bit values: its blocks in the order of decoding."""
        ...

    def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
        """The clip as far as its first ``blocks`` blocks tell it; with all of them, the clip itself.

        Args:
            samples: int32 (n, channels) of 16-bit values.
            blocks: 0 … ``len(block_names)``, in the order of decoding.

        Returns:
            int32 (n, channels), 16-bit values.
        """
        ...


MAX_CHUNK_SAMPLES = 1 << 20
"""So that what one block can make a reader allocate is bounded."""


LOW_SEGMENT = 1 << 12
"""Samples for which a codec is told once how many low bits they have."""


class ChunkCodec(Protocol):
    """What a file needs of a model. Runs of samples are coded each by itself, all channels at once.

    To work in several processes (``--jobs``) it must pickle; loading its file again there is enough.

    Attributes:
        fingerprint: 16 bytes that change whenever the meaning of the coded bytes does.
        chunk_samples: the longest run, 1 ... 2^20.
        joins_channels: whether the model itself uses what channels have in common. Pairs of channels are
            then made less alike only where an excerpt shows that it takes fewer bytes.
        max_low_bits: bits below the 16 that it codes together with them; 0 unless it is a :class:`WideCodec`.
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
                Channels that are constant over the run are left out, so that there may be fewer here
                than in the file, and another number in each run.
        """
        ...

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """Undo :meth:`encode`: int32 (count, channels). Raises FormatError, and nothing else, for any other bytes."""
        ...


class WideCodec(ChunkCodec, Protocol):
    """A codec that knows samples finer than to 16 bits: high + low / 2^k, with 0 <= low < 2^k."""

    def encode_wide(self, highs: np.ndarray, lows: np.ndarray, low_bits: np.ndarray) -> bytes:
        """Code a run. May be called by several threads.

        Args:
            highs: int32 (n, channels), as :meth:`encode` takes them.
            lows: int32 (n, channels).
            low_bits: int64 (segments, channels): k, 0 ... ``max_low_bits``, for each run of
                :data:`LOW_SEGMENT` samples.
        """
        ...

    def decode_wide(self, data: bytes, count: int, low_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Undo :meth:`encode_wide`. Raises FormatError, and nothing else, for any other bytes."""
        ...
