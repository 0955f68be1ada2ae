"""A minimal codec for tests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from idf.coding.coders import new_message, read_message
from idf.coding.mixture import IntegerMixture


@dataclass(frozen=True)
class StaticCodec:
    """A minimal ChunkCodec with one fixed two-component mixture for every sample."""

    chunk_samples: int = 1000
    scale: int = 220
    coder: str = "rans"
    joins_channels: bool = False
    max_low_bits: int = 0

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(f"static {self.scale}".encode()).digest()[:16]

    def encode(self, samples: np.ndarray) -> bytes:
        message = new_message(self.coder)
        message.push(samples.T.reshape(-1), self._mixture(samples.size))
        return message.to_bytes()

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        message = read_message(self.coder, data)
        samples = message.pop(self._mixture(count * channels))
        message.finish()
        return samples.reshape(channels, count).T

    def _mixture(self, count: int) -> IntegerMixture:
        def rows(*values: int) -> np.ndarray:
            return np.tile(np.array(values, np.int32), (count, 1))

        return IntegerMixture(rows(0, -64), rows(0, 0), rows(self.scale, self.scale + 64))
