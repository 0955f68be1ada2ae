"""Variable-length integers: seven bits per byte, lowest first (LEB128).

All bytes but the last have their highest bit set. Only the shortest form of a number is written and accepted, so that
no two different files have the same content.

    >>> pack(127), pack(300)
    (b'\\x7f', b'\\xac\\x02')
    >>> unpack(pack(300))
    300
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from idf.errors import FormatError

MAX_BYTES = 8
"""Numbers are below 2^56."""

_IMPOSSIBLE = "the file is damaged or truncated: it holds an impossible number"


def pack(value: int) -> bytes:
    """Return ``value``, 0 ... 2^56 - 1, as 1 to 8 bytes."""
    packed = bytearray()
    while value > 127:
        packed.append(value & 127 | 128)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def unpack(data: bytes) -> int:
    """Invert :func:`pack`. All of ``data`` must be one number.

    Raises:
        FormatError: not a packed number.
    """
    goes_on = [byte > 127 for byte in data]
    if goes_on != [True] * (len(data) - 1) + [False] or len(data) > MAX_BYTES or (len(data) > 1 and not data[-1]):
        raise FormatError(_IMPOSSIBLE)
    return sum((byte & 127) << 7 * place for place, byte in enumerate(data))


def read(take: Callable[[int], bytes]) -> int:
    """Read the next number.

    Args:
        take: returns as many bytes as requested, or raises.

    Raises:
        FormatError: not a packed number.
    """
    data = bytearray(take(1))
    while data[-1] > 127 and len(data) < MAX_BYTES:
        data += take(1)
    return unpack(bytes(data))


def unpack_all(data: bytes, count: int) -> np.ndarray:
    """Unpack ``count`` consecutive numbers that fill ``data``. Returns int64 (count,).

    Raises:
        FormatError: they do not fill it exactly, or one is longer than 4 bytes.
    """
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets < 128)
    if len(ends) != count or (len(octets) and octets[-1] > 127):
        raise FormatError(_IMPOSSIBLE)
    sizes = np.diff(ends, prepend=-1)
    if count and (sizes.max() > 4 or np.any((sizes > 1) & (octets[ends] == 0))):
        raise FormatError(_IMPOSSIBLE)
    values = np.zeros(count, np.int64)
    for place in range(4):
        here = sizes > place
        values[here] |= (octets[(ends - sizes + 1 + place)[here]] & 127).astype(np.int64) << 7 * place
    return values
