"""The low bits of a plane: those below the 16 bits that a model codes.

In recordings that were partly processed (faded in, for example), low bits are zero for long stretches. So each segment
of :data:`~idf.coding.codec.LOW_SEGMENT` samples has a width: its low bits less those that are zero throughout. The upper
bits of that width may go to the model's message; the lower ones are stored. The bytes are specified in
``docs/format.md``.

    >>> low = np.array([0b1100, 0b0100], np.int32)
    >>> widths = find_widths(low, 4)
    >>> widths
    array([2])
    >>> pack(low, 4, widths, 0), unpack(pack(low, 4, widths, 0), 2, 4, widths, 0)
    (b'\\x07', array([12,  4], dtype=int32))
    >>> modelled(low, 4, widths, 1), pack(low, 4, widths, 1)
    (array([1, 0], dtype=int32), b'\\x03')
"""

from __future__ import annotations

import numpy as np

from idf.coding.codec import LOW_SEGMENT
from idf.container.blocks import bitpacking


def segments(count: int) -> int:
    """Return the number of segments in ``count`` samples."""
    return -(-count // LOW_SEGMENT)


def find_widths(low: np.ndarray, low_bits: int) -> np.ndarray:
    """Return the width of each segment of low bits, int64 (segments,), 0 … ``low_bits``."""
    used = np.bitwise_or.reduceat(low.astype(np.int64), np.arange(0, len(low), LOW_SEGMENT))
    zeros = np.frexp((used & -used).astype(np.float64))[1] - 1
    return np.where(used, low_bits - zeros, 0).astype(np.int64)


def modelled(low: np.ndarray, low_bits: int, widths: np.ndarray, model_bits: int) -> np.ndarray:
    """Return the low bits that the model codes, at most ``model_bits`` per sample, int32 (n,)."""
    values: np.ndarray = low >> (low_bits - _each(np.minimum(widths, model_bits), len(low)))
    return values.astype(np.int32)


def pack(low: np.ndarray, low_bits: int, widths: np.ndarray, model_bits: int) -> bytes:
    """Pack the low bits that the model does not code, segment by segment."""
    return b"".join(
        bitpacking.pack(low[first : first + LOW_SEGMENT] >> (low_bits - width), width - model_bits)
        for first, width in _stored(widths, model_bits)
    )


def packed_bytes(count: int, widths: np.ndarray, model_bits: int) -> int:
    """Return the number of bytes that :func:`pack` makes of ``count`` samples."""
    return sum(
        bitpacking.packed_bytes(min(LOW_SEGMENT, count - first), width - model_bits)
        for first, width in _stored(widths, model_bits)
    )


def unpack(data: bytes, count: int, low_bits: int, widths: np.ndarray, model_bits: int) -> np.ndarray:
    """Invert :func:`pack`. Returns int32 (count,), with zeros for the bits that the model codes."""
    low, place = np.zeros(count, np.int32), 0
    for first, width in _stored(widths, model_bits):
        part = low[first : first + LOW_SEGMENT]
        size = bitpacking.packed_bytes(len(part), width - model_bits)
        stored = bitpacking.unpack(data[place : place + size], len(part), width - model_bits)
        part[:] = stored << (low_bits - width)
        place += size
    return low


def with_modelled(
    low: np.ndarray, values: np.ndarray, low_bits: int, widths: np.ndarray, model_bits: int
) -> np.ndarray:
    """Combine stored low bits with those that the model decoded. Returns int32 (n,)."""
    whole: np.ndarray = low | values << (low_bits - _each(np.minimum(widths, model_bits), len(low)))
    return whole.astype(np.int32)


def _stored(widths: np.ndarray, model_bits: int) -> list[tuple[int, int]]:
    """Return first sample and width of each segment with stored bits."""
    return [(n * LOW_SEGMENT, int(width)) for n, width in enumerate(widths) if width > model_bits]


def _each(widths: np.ndarray, count: int) -> np.ndarray:
    """Repeat a value per segment for each of its samples. Returns int64 (count,)."""
    return np.repeat(widths, LOW_SEGMENT)[:count]
