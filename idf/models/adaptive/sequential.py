"""Codecs of flows that predict sample by sample: messages from intervals, and samples from messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from idf.coding.alphabet import Alphabet
from idf.coding.kernels import RING
from idf.coding.listing import choose, pop_alphabets, push_alphabets, told_bits
from idf.coding.message import Message
from idf.coding.mixture import PRECISION
from idf.coding.tables import coding_tables
from idf.models.adaptive.loops import Tables


class SequentialCoder(ABC):
    """Codes samples whose distributions become known one after another, as one rANS message."""

    @abstractmethod
    def intervals(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each latent's interval in [0, 2^28): int64 starts and widths, in the order of decoding.

        Args:
            samples: int32 (n, channels) in [-32768, 32767].
        """

    @abstractmethod
    def _pop(self, message: Message, count: int, channels: int) -> np.ndarray:
        """Pop samples from a message: int32 (count, channels)."""

    def encode(self, samples: np.ndarray) -> bytes:
        """Return samples, int32 (n, channels) in [-32768, 32767], as one rANS message for :meth:`decode`."""
        message = Message()
        message.push_intervals(*self.intervals(samples))
        return message.to_bytes()

    def bits(self, samples: np.ndarray) -> float:
        """Return the bits that :meth:`encode` needs, without the overhead of a message."""
        _, freqs = self.intervals(samples)
        return float(PRECISION * len(freqs) - np.log2(freqs).sum())

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """Return the ``count`` samples of a message: int32 (count, channels).

        Raises:
            FormatError: the message is damaged or from another model.
        """
        message = Message.from_bytes(data)
        samples = self._pop(message, count, channels)
        message.finish()
        return samples

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Return audio sampled from the model by decoding random bits: int32 (count,)."""
        words = np.random.default_rng(seed).integers(0, 1 << 32, count + 2, dtype=np.uint32)
        words[0] >>= 1  # the head of a message has 63 bits, the highest of which is set
        words[0] |= 1 << 30
        return self._pop(Message.from_bytes(words.astype("<u4").tobytes()), count, 1)[:, 0]


class AlphabetCoder(SequentialCoder):
    """A :class:`SequentialCoder` whose messages start with the alphabet of each channel, the values that occur."""

    @abstractmethod
    def intervals(
        self, samples: np.ndarray, alphabets: Sequence[Alphabet] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each sample's interval in [0, 2^28): int64 starts and widths, in the order of decoding.

        Args:
            samples: int32 (n, channels) in [-32768, 32767].
            alphabets: one per channel, containing all its samples; all 16-bit values by default.
        """

    @abstractmethod
    def _pop(
        self, message: Message, count: int, channels: int, alphabets: Sequence[Alphabet] | None = None
    ) -> np.ndarray:
        """Pop samples from a message: int32 (count, channels)."""

    def encode(self, samples: np.ndarray) -> bytes:
        """Return samples, int32 (n, channels) in [-32768, 32767], as one rANS message: alphabets, then samples."""
        alphabets = [choose(channel) for channel in samples.T]
        return packed(self.intervals(samples, alphabets), alphabets)

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """Return the ``count`` samples of a message: int32 (count, channels).

        Raises:
            FormatError: the message is damaged or from another model.
        """
        message = Message.from_bytes(data)
        alphabets = pop_alphabets(message, channels)
        samples = self._pop(message, count, channels, alphabets)
        message.finish()
        return samples

    def bits(self, samples: np.ndarray) -> float:
        """Return the bits that :meth:`encode` needs, without the overhead of a message."""
        alphabets = [choose(channel) for channel in samples.T]
        _, freqs = self.intervals(samples, alphabets)
        return float(PRECISION * len(freqs) - np.log2(freqs).sum()) + sum(map(told_bits, alphabets))


def packed(intervals: tuple[np.ndarray, np.ndarray], alphabets: Sequence[Alphabet]) -> bytes:
    """Return the message of samples with these starts and widths, preceded by the alphabets."""
    message = Message()
    message.push_intervals(*intervals)
    push_alphabets(message, alphabets)
    return message.to_bytes()


def loop_tables(alphabets: Sequence[Alphabet]) -> Tables:
    """Return the entropy coder's tables for the compiled loops.

    Args:
        alphabets: one per channel.
    """
    tables, symbols = coding_tables(), [len(alphabet.values) for alphabet in alphabets]
    values = np.zeros((len(alphabets), RING), np.int32)
    for row, alphabet in zip(values, alphabets, strict=True):
        row[: len(alphabet.values)] = alphabet.values
    return Tables(
        *(np.array(tables.sigma), np.array(tables.exp), np.array(tables.inverse), PRECISION),
        *(np.array(symbols, np.int64), values),
        np.stack([alphabet.edges for alphabet in alphabets]),
        np.stack([alphabet.ranks for alphabet in alphabets]),
    )
