"""Taking a WAV file apart so that it can be put together again byte for byte.

A file is ``head + samples + tail``: the head is everything before the payload of the ``data`` chunk,
the tail everything after it (tag chunks, padding, whatever follows). Neither is understood beyond
what is needed to find the samples. Not here: reading audio for training (:mod:`idf.audio`).

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from idf.errors import DataError

PCM_TAG = 1
EXTENSIBLE_TAG = 0xFFFE
SAMPLE_BYTES = 2

_CANONICAL = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM_SUBFORMAT = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
_MAX_DATA = 0xFFFFFFFF - _CANONICAL.size


@dataclass(frozen=True)
class WavAround:
    """The bytes of a WAV file before and after its samples."""

    head: bytes
    tail: bytes


@dataclass(frozen=True)
class WavParts:
    """A WAV file in parts.

    Attributes:
        samples: int32 (time,), 16-bit values.
        rate_hz: samples a second.
        around: the rest of the file.
    """

    samples: np.ndarray
    rate_hz: int
    around: WavAround


def canonical_head(samples: int, rate_hz: int) -> bytes:
    """The usual 44 bytes before the samples of a mono 16-bit WAV file.

    Raises:
        DataError: more samples than a WAV file can count (4 GiB).
    """
    data_bytes = SAMPLE_BYTES * samples
    if data_bytes > _MAX_DATA:
        raise DataError(f"{samples} samples do not fit a WAV file (4 GiB); write a .flac file instead")
    return _CANONICAL.pack(
        *(b"RIFF", _CANONICAL.size - 8 + data_bytes, b"WAVE"),
        *(b"fmt ", 16, PCM_TAG, 1, rate_hz, min(rate_hz * SAMPLE_BYTES, 0xFFFFFFFF), SAMPLE_BYTES, 8 * SAMPLE_BYTES),
        *(b"data", data_bytes),
    )


def is_canonical(around: WavAround, samples: int, rate_hz: int) -> bool:
    """Whether ``around`` is what :func:`canonical_head` makes and nothing else."""
    if around.tail or len(around.head) != _CANONICAL.size or SAMPLE_BYTES * samples > _MAX_DATA:
        return False
    return around.head == canonical_head(samples, rate_hz)


def is_wav(data: bytes) -> bool:
    """Whether the bytes begin as a WAV file does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"


def split_wav(data: bytes, name: str) -> WavParts:
    """Take a mono 16-bit WAV file apart; ``head + samples + tail`` is the file.

    A data chunk that claims more bytes than there are, or none (a recording broken off, or written to
    a pipe), goes on to the end of the file.

    Args:
        data: the whole file.
        name: what to call it in messages.

    Raises:
        DataError: not a WAV file, no samples chunk, or samples of an unsupported kind.
    """
    if not is_wav(data):
        raise DataError(f"{name} is not a WAV file")
    rate_hz = None
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        position += 8
        if kind == b"fmt ":
            rate_hz = _checked_rate(data[position : position + size], name)
        if kind == b"data":
            if rate_hz is None:
                raise DataError(f"{name}: the WAV file has samples before it says of what kind they are")
            left = len(data) - position
            count = (left if size == 0 else min(size, left)) // SAMPLE_BYTES
            end = position + SAMPLE_BYTES * count
            samples = np.frombuffer(data, "<i2", count, position).astype(np.int32)
            return WavParts(samples, rate_hz, WavAround(data[:position], data[end:]))
        position += size + (size & 1)
    raise DataError(f"{name}: the WAV file has no samples (no data chunk); it is cut off or damaged")


def _checked_rate(fmt: bytes, name: str) -> int:
    """The rate that a fmt chunk gives, if it describes mono 16-bit integers."""
    if len(fmt) < 16:
        raise DataError(f"{name}: the WAV file's format chunk is cut off")
    tag, channels, rate_hz, _, block, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == EXTENSIBLE_TAG and fmt[24:40] == _PCM_SUBFORMAT:
        tag = PCM_TAG
    if tag != PCM_TAG:
        raise DataError(f"{name} holds samples of WAV format {tag:#06x}; only integer PCM (0x0001) can be compressed")
    if channels != 1:
        raise DataError(f"{name} has {channels} channels; only mono can be compressed: split or mix the channels first")
    if bits != 8 * SAMPLE_BYTES or block != SAMPLE_BYTES:
        raise DataError(f"{name} has samples of {bits} bits; only 16-bit PCM can be compressed")
    if rate_hz == 0:
        raise DataError(f"{name}: the WAV file says 0 samples a second")
    return int(rate_hz)
