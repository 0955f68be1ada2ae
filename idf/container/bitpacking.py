"""Integers packed into as few bits as they need: what raw samples and low bits are stored as.

>>> data = pack(np.array([1, -2, 3, 0, -4]), 3)
>>> len(data)
2
>>> signed(unpack(data, 5, 3), 3)
array([ 1, -2,  3,  0, -4], dtype=int32)
"""

from __future__ import annotations

import numpy as np


def packed_bytes(count: int, width: int) -> int:
    """Bytes that ``count`` numbers of ``width`` bits take."""
    return -(-count * width // 8)


def pack(values: np.ndarray, width: int) -> bytes:
    """The lower ``width`` bits (1 ... 16) of each value, one after the other, least significant bit first."""
    words = (values & ((1 << width) - 1)).astype("<u2")
    bits = np.unpackbits(words.view(np.uint8).reshape(-1, 2), axis=1, count=width, bitorder="little")
    return np.packbits(bits, bitorder="little").tobytes()


def unpack(data: bytes, count: int, width: int) -> np.ndarray:
    """Undo :func:`pack`: int32 (count,), 0 ... 2^width - 1."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * width, bitorder="little")
    padded = np.zeros((count, 16), np.uint8)
    padded[:, :width] = bits.reshape(count, width)
    return np.packbits(padded, axis=1, bitorder="little").view("<u2").reshape(-1).astype(np.int32)


def signed(values: np.ndarray, width: int) -> np.ndarray:
    """The lower ``width`` bits of each value as two's complement, of the same dtype."""
    half = 1 << (width - 1)
    return ((values + half) & ((1 << width) - 1)) - half


def signed_width(values: np.ndarray) -> int:
    """Bits that the largest of the values needs in two's complement, at least 1. Values must not be empty."""
    return 1 + max(int(values.max()), -1 - int(values.min())).bit_length()
