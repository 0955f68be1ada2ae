"""Arrays of programs: int8, int16 and int32 as soundfile gives them, and back from the codec's integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from idf.audio.format import MAX_CHANNELS, AudioFormat
from idf.errors import DataError

_BITS = {"int8": 8, "int16": 16, "int32": 24}


def to_integers(samples: Any, rate_hz: int | None) -> tuple[np.ndarray, AudioFormat]:
    """An array of a program as int32 (time, channels), and what it holds.

    Raises:
        DataError: another type or shape, or no rate; says what to do.
    """
    array = np.asarray(samples)
    if not isinstance(rate_hz, int | np.integer) or not 0 < rate_hz < 1 << 32:
        raise DataError(f"rate_hz is {rate_hz!r}; it must be a whole number of samples a second, 1 to 2^32 - 1")
    if array.dtype.name not in _BITS:
        raise DataError(f"samples are {array.dtype}; {_remedy(array)}")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not 1 <= array.shape[1] <= MAX_CHANNELS:
        raise DataError(
            f"samples have shape {np.shape(samples)}; it must be (time,) or (time, channels) with up to 8 channels"
        )
    bits = _BITS[array.dtype.name]
    whole = array.astype(np.int32)
    if bits == 24:
        if np.any(whole & 255):
            raise DataError(
                "int32 samples are taken as 24 bits in the upper three bytes (as soundfile reads them), and these use "
                "the lowest byte: for 16-bit values pass samples.astype(np.int16), for 24-bit values samples << 8; "
                "32-bit audio cannot be compressed"
            )
        whole >>= 8
    return whole, AudioFormat(int(rate_hz), array.shape[1], bits)


def _remedy(array: np.ndarray) -> str:
    if array.dtype.kind == "f":
        return (
            "float audio cannot be compressed without loss here: read the file as integers "
            '(soundfile.read(path, dtype="int16"), or "int32" for 24 bits)'
        )
    if array.dtype == np.uint8:
        return "for unsigned 8-bit audio pass (samples.astype(np.int16) - 128).astype(np.int8)"
    return "pass int16 (or int8 for 8-bit, int32 with 24 bits in the upper three bytes)"


def from_integers(samples: np.ndarray, audio_format: AudioFormat) -> np.ndarray:
    """Undo :func:`to_integers`."""
    whole = (
        samples << 8
        if audio_format.sample_bits == 24
        else samples.astype({8: np.int8, 16: np.int16}[audio_format.sample_bits])
    )
    return whole[:, 0] if audio_format.channels == 1 else whole
