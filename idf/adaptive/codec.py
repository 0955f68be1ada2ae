"""A trained adaptive flow as a coder of samples: the same compiled loop encodes and decodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from idf.adaptive.loops import LOOPS, Tables
from idf.adaptive.state import Constants, first_state
from idf.adaptive.steps import make_scratch
from idf.coding.message import Message
from idf.coding.mixture import PRECISION
from idf.coding.tables import coding_tables

CHUNK_SAMPLES = 1 << 19
"""Of a block: 24 s at 22 kHz. The predictors begin anew in each, which costs some hundred bytes."""


class AdaptiveCodec:
    """A :class:`~idf.coding.planes.ChunkCodec`.

    Args:
        constants: of the configuration.
        weights: float32, in the order of the compiled loops.
        fingerprint: 16 bytes that name weights, configuration and tables.
        provenance: what is kept with the model.
    """

    joins_channels = True

    def __init__(
        self,
        constants: Constants,
        weights: np.ndarray,
        fingerprint: bytes,
        *,
        provenance: Mapping[str, Any] | None = None,
        chunk_samples: int = CHUNK_SAMPLES,
    ) -> None:
        self.constants, self.weights, self.fingerprint = constants, weights, fingerprint
        self.provenance = dict(provenance or {})
        self.chunk_samples = chunk_samples
        tables = coding_tables()
        self._tables = Tables(*(np.array(x) for x in (tables.sigma, tables.exp, tables.inverse)), PRECISION)

    def encode(self, samples: np.ndarray) -> bytes:
        """Samples int32 (n, channels) in [-32768, 32767] as one rANS message. :meth:`decode` undoes it."""
        starts, freqs = self.intervals(samples)
        message = Message()
        message.push_intervals(starts, freqs)
        return message.to_bytes()

    def intervals(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each sample lies in [0, 2^28): int64 starts and widths, in the order of decoding."""
        samples = np.ascontiguousarray(samples, np.int32)
        starts, freqs = (np.empty(samples.size, np.int64) for _ in range(2))
        LOOPS.intervals(samples, *self._loop_arguments(samples.shape[1]), starts, freqs)
        return starts, freqs

    def bits(self, samples: np.ndarray) -> float:
        """What :meth:`encode` needs, without the message's ends."""
        _, freqs = self.intervals(samples)
        return float(PRECISION * len(freqs) - np.log2(freqs).sum())

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """The ``count`` samples of a message: int32 (count, channels).

        Raises:
            FormatError: the message is damaged, or of another model.
        """
        message = Message.from_bytes(data)
        samples = np.empty((count, channels), np.int32)
        arguments = self._loop_arguments(channels)
        message.pop_with(lambda heads, words, left: LOOPS.pop(samples, *arguments, heads, words, left))
        message.finish()
        return samples

    def _loop_arguments(self, channels: int) -> tuple[Any, ...]:
        state, scratch = first_state(self.constants, channels), make_scratch(self.constants.plan)
        return self.constants, self.weights, self._tables, state, scratch
