"""Codecs that let another codec work elsewhere or later: in a worker process, or together with a second block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from idf.coding.codec import ChunkCodec


class ForwardingCodec(ABC):
    """A :class:`~idf.coding.codec.WideCodec` that forwards each block to another codec.

    Args:
        codec: the other codec.
    """

    def __init__(self, codec: ChunkCodec) -> None:
        self.fingerprint, self.chunk_samples = codec.fingerprint, codec.chunk_samples
        self.joins_channels, self.max_low_bits = codec.joins_channels, codec.max_low_bits

    def encode(self, samples: np.ndarray) -> bytes:
        """See :class:`idf.coding.codec.ChunkCodec`."""
        return bytes(self._ask("encode", samples))

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """See :class:`idf.coding.codec.ChunkCodec`."""
        samples: np.ndarray = self._ask("decode", data, count, channels)
        return samples

    def encode_wide(self, highs: np.ndarray, lows: np.ndarray, low_bits: np.ndarray) -> bytes:
        """See :class:`idf.coding.codec.WideCodec`."""
        return bytes(self._ask("encode_wide", highs, lows, low_bits))

    def decode_wide(self, data: bytes, count: int, low_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`idf.coding.codec.WideCodec`."""
        highs, lows = self._ask("decode_wide", data, count, low_bits)
        return highs, lows

    @abstractmethod
    def close(self) -> None:
        """Let calls that wait for their turn, and new ones, raise RuntimeError."""

    @abstractmethod
    def _ask(self, way: str, *arguments: Any) -> Any:
        """Return the result of the other codec's method ``way``."""
