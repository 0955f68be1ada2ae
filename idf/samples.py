"""Conversion of arrays (int8, int16, int32, float32, as in soundfile) to the codec's integers and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from idf.audio.format import MAX_CHANNELS, AudioFormat
from idf.container.records import Header
from idf.errors import DataError

_BITS = {"int8": 8, "int16": 16, "int32": 24, "float32": 32}
"""Bits of each type. An int32 array with nonzero lowest bytes has 32 bits."""


def to_integers(samples: Any, rate_hz: int | None) -> tuple[np.ndarray, AudioFormat]:
    """Convert an array to int32 (time, channels).

    Args:
        samples: int8, int16, int32 or float32, (time,) or (time, channels).
        rate_hz: sampling rate in Hz.

    Returns:
        The integers and their format.

    Raises:
        DataError: an unsupported type, shape or sampling rate; the message says what to do.
    """
    array = np.asarray(samples)
    if not isinstance(rate_hz, int | np.integer) or not 0 < rate_hz < 1 << 32:
        raise DataError(f"rate_hz is {rate_hz!r}; it must be an integer, 1 to 2^32 - 1")
    if array.dtype.name not in _BITS:
        raise DataError(f"samples are {array.dtype}; {_remedy(array)}")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not 1 <= array.shape[1] <= MAX_CHANNELS:
        raise DataError(
            f"samples have shape {np.shape(samples)}; the shape must be (time,) or (time, channels) with up to 8 channels"
        )
    bits = _BITS[array.dtype.name]
    if array.dtype.kind == "f":
        whole = np.ascontiguousarray(array, np.float32).view(np.int32)
        return whole, AudioFormat(int(rate_hz), array.shape[1], bits, is_float=True)
    whole = array.astype(np.int32)
    if bits == 24 and np.any(whole & 255):
        bits = 32
    return whole >> 8 if bits == 24 else whole, AudioFormat(int(rate_hz), array.shape[1], bits)


def _remedy(array: np.ndarray) -> str:
    if array.dtype.kind == "f":
        return 'pass float32 if the file holds floats (soundfile.read(path, dtype="float32")), integers otherwise'
    if array.dtype == np.uint8:
        return "for unsigned 8-bit audio pass (samples.astype(np.int16) - 128).astype(np.int8)"
    return "pass int16 (or int8 for 8-bit, int32 with 24 bits in the upper three bytes)"


def from_integers(samples: np.ndarray, header: Header) -> np.ndarray:
    """Invert :func:`to_integers` for samples of a file with this header."""
    if header.is_float:
        whole: np.ndarray = np.ascontiguousarray(samples, np.int32).view(np.float32)
    elif header.sample_bits == 24:
        whole = samples << 8
    else:
        whole = samples.astype({8: np.int8, 16: np.int16, 32: np.int32}[header.sample_bits])
    return whole[:, 0] if header.channels == 1 and not header.is_column else whole
