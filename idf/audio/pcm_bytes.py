"""Samples as interleaved little-endian PCM, and back.

>>> stereo = np.array([[1, -1], [2, -2]], np.int32)
>>> pcm_bytes(stereo, 16).hex(" ")
'01 00 ff ff 02 00 fe ff'
>>> from_pcm_bytes(pcm_bytes(stereo, 24), 2, 24)
array([[ 1, -1],
       [ 2, -2]], dtype=int32)
"""

from __future__ import annotations

import numpy as np

_TYPES = {8: "i1", 16: "<i2", 32: "<i4"}


def pcm_bytes(samples: np.ndarray, sample_bits: int) -> bytes:
    """Samples (n, channels) as interleaved little-endian signed PCM of 8, 16, 24 or 32 bits."""
    if sample_bits == 24:
        return np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return samples.astype(_TYPES[sample_bits]).tobytes()


def from_pcm_bytes(data: bytes, channels: int, sample_bits: int) -> np.ndarray:
    """Undo :func:`pcm_bytes`: int32 (n, channels)."""
    if sample_bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (padded.view("<i4").astype(np.int32) >> 8).reshape(-1, channels)
    return np.frombuffer(data, _TYPES[sample_bits]).astype(np.int32).reshape(-1, channels)
