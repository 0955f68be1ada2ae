"""Conversion of samples to interleaved PCM bytes and back, little-endian or in the layout of a file.

>>> stereo = np.array([[1, -1], [2, -2]], np.int32)
>>> pcm_bytes(stereo, 16).hex(" ")
'01 00 ff ff 02 00 fe ff'
>>> from_pcm_bytes(pcm_bytes(stereo, 24), 2, 24)
array([[ 1, -1],
       [ 2, -2]], dtype=int32)
>>> Layout(is_big_endian=True).to_bytes(stereo, 16).hex(" ")
'00 01 ff ff 00 02 ff fe'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_TYPES = {8: "i1", 16: "<i2", 32: "<i4"}


def pcm_bytes(samples: np.ndarray, sample_bits: int) -> bytes:
    """Return samples (n, channels) as interleaved little-endian signed PCM of 8, 16, 24 or 32 bits."""
    if sample_bits == 24:
        return np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return samples.astype(_TYPES[sample_bits]).tobytes()


def from_pcm_bytes(data: bytes, channels: int, sample_bits: int) -> np.ndarray:
    """Invert :func:`pcm_bytes`. Returns int32 (n, channels)."""
    if sample_bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (padded.view("<i4").astype(np.int32) >> 8).reshape(-1, channels)
    return np.frombuffer(data, _TYPES[sample_bits]).astype(np.int32).reshape(-1, channels)


@dataclass(frozen=True)
class Layout:
    """Byte layout of interleaved samples in a file. The default is that of WAV.

    Attributes:
        is_big_endian: whether samples of more than 8 bits are big-endian.
        is_signed: whether 8-bit samples are signed rather than offset by 128. Wider samples always are.
    """

    is_big_endian: bool = False
    is_signed: bool = False

    def to_bytes(self, samples: np.ndarray, sample_bits: int) -> bytes:
        """Return samples (n, channels) of 8, 16, 24 or 32 bits as the bytes of the file."""
        if sample_bits == 8 and not self.is_signed:
            return (samples + 128).astype(np.uint8).tobytes()
        data = pcm_bytes(samples, sample_bits)
        return _swapped(data, sample_bits // 8) if self.is_big_endian else data

    def from_bytes(self, data: bytes, channels: int, sample_bits: int) -> np.ndarray:
        """Invert :meth:`to_bytes`. Returns int32 (n, channels)."""
        if sample_bits == 8 and not self.is_signed:
            return np.frombuffer(data, np.uint8).astype(np.int32).reshape(-1, channels) - 128
        return from_pcm_bytes(_swapped(data, sample_bits // 8) if self.is_big_endian else data, channels, sample_bits)


PLAIN = Layout()


def signed_layout(sample_bits: int, *, is_big_endian: bool) -> Layout:
    """Return the layout of files whose 8-bit samples are signed too."""
    return Layout(is_big_endian and sample_bits > 8, sample_bits == 8)


def _swapped(data: bytes, width: int) -> bytes:
    return np.frombuffer(data, np.uint8).reshape(-1, width)[:, ::-1].tobytes()
