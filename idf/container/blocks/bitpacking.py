"""Packing of integers at a fixed bit width, for raw samples and low bits.

>>> data = pack(np.array([1, -2, 3, 0, -4]), 3)
>>> len(data)
2
>>> signed(unpack(data, 5, 3), 3)
array([ 1, -2,  3,  0, -4], dtype=int32)
"""

from __future__ import annotations

import numpy as np


def packed_bytes(count: int, width: int) -> int:
    """Return the bytes that ``count`` numbers of ``width`` bits take."""
    return -(-count * width // 8)


def pack(values: np.ndarray, width: int) -> bytes:
    """Pack the lower ``width`` bits (1 ... 32) of each value, least significant bit first."""
    size = 2 if width <= 16 else 4
    words = (values & ((1 << width) - 1)).astype(f"<u{size}")
    bits = np.unpackbits(words.view(np.uint8).reshape(-1, size), axis=1, count=width, bitorder="little")
    return np.packbits(bits, bitorder="little").tobytes()


def unpack(data: bytes, count: int, width: int) -> np.ndarray:
    """Invert :func:`pack`. Returns (count,), 0 ... 2^width - 1, int32 (int64 for 32 bits)."""
    size = 2 if width <= 16 else 4
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * width, bitorder="little")
    padded = np.zeros((count, 8 * size), np.uint8)
    padded[:, :width] = bits.reshape(count, width)
    words = np.packbits(padded, axis=1, bitorder="little").view(f"<u{size}").reshape(-1)
    return words.astype(np.int32 if width < 32 else np.int64)


def signed(values: np.ndarray, width: int) -> np.ndarray:
    """Interpret the lower ``width`` bits of each value as two's complement, in the same dtype."""
    half = 1 << (width - 1)
    return ((values + half) & ((1 << width) - 1)) - half


def signed_width(values: np.ndarray) -> int:
    """Return the bits that all values need in two's complement, at least 1. Values must not be empty."""
    return 1 + max(int(values.max()), -1 - int(values.min())).bit_length()
