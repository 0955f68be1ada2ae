"""An audio block: samples of any supported kind as runs of 16-bit integers that a model codes.

Channels lose the low bits that are zero in all their samples; what is then still wider than 16 bits
gives its lowest bits away to be stored as they are; pairs of channels are made less alike
(:mod:`idf.coding.stereo`); and each resulting *plane* of 16-bit integers is coded by the model, or
stored in a simpler way where that is shorter. Everything is chosen anew in each block. The bytes are
specified in ``docs/format.md``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from idf.coding import bits, stereo
from idf.coding.stereo import Step
from idf.errors import FormatError

PCM, PLANES = range(2)
"""Forms of a block: interleaved PCM, or planes."""
CODED, RAW, CONSTANT = range(3)
"""Kinds of planes: the model's code, packed bits, one number."""
LOW_RAW, LOW_CONSTANT = range(2)
"""Kinds of low bits."""

PLANE_BITS = 16
MAX_LOW_BITS = 8

_U32 = struct.Struct("<I")
_I16 = struct.Struct("<h")
_STEP = struct.Struct("<Bb")


class ChunkCodec(Protocol):
    """What a file needs of a model. Runs of samples are coded each by itself.

    Attributes:
        fingerprint: 16 bytes that change whenever the meaning of the coded bytes does.
        chunk_samples: the longest run, 1 ... 2^20.
    """

    @property
    def fingerprint(self) -> bytes: ...

    @property
    def chunk_samples(self) -> int: ...

    def encode(self, samples: np.ndarray) -> bytes:
        """int32 (n,) with 1 <= n <= chunk_samples, 16-bit values, to bytes. May be called by several threads."""
        ...

    def decode(self, data: bytes, count: int) -> np.ndarray:
        """Undo :meth:`encode`; ``count`` is n. Raises FormatError, and nothing else, for any other bytes."""
        ...


@dataclass
class _Plane:
    """One channel on its way: sample = (high << low_bits | low) << shift."""

    shift: int
    low_bits: int
    high: np.ndarray
    low: np.ndarray


def encode_block(codec: ChunkCodec, samples: np.ndarray, sample_bits: int) -> bytes:
    """Samples int32 (n, channels) of ``sample_bits`` bits as the payload of an audio block.

    Never longer than the samples as PCM and one byte.
    """
    planes = [_split(channel) for channel in samples.T]
    parts = [bytes([PLANES])]
    for first, second in _pairs(planes):
        step = _join(first, second)
        parts.append(_STEP.pack(step.mode, step.coefficient))
    for number, plane in enumerate(planes):
        parts += _encode_plane(codec, plane, last=number == len(planes) - 1)
    payload = b"".join(parts)
    if len(payload) <= samples.size * sample_bits // 8:
        return payload
    return bytes([PCM]) + pcm_bytes(samples, sample_bits)


def decode_block(codec: ChunkCodec, payload: bytes, count: int, channels: int, sample_bits: int) -> np.ndarray:
    """Undo :func:`encode_block`: int32 (count, channels).

    Raises:
        FormatError: no encoder wrote this payload.
    """
    reader = _Reader(payload)
    form = reader.byte()
    if form == PCM:
        samples = from_pcm_bytes(reader.take(count * channels * sample_bits // 8), channels, sample_bits)
    elif form == PLANES:
        steps = [reader.step() for _ in range(channels // 2)]
        planes = [_decode_plane(codec, reader, count, last=number == channels - 1) for number in range(channels)]
        for step, (first, second) in zip(steps, _pairs(planes), strict=True):
            first.high, second.high = stereo.inverse(first.high, second.high, step)
        samples = np.stack([_whole(plane, sample_bits) for plane in planes], axis=1)
    else:
        raise FormatError(f"an audio block of form {form}")
    reader.finish()
    return samples


def pcm_bytes(samples: np.ndarray, sample_bits: int) -> bytes:
    """Samples (n, channels) as interleaved little-endian signed PCM of 8, 16 or 24 bits."""
    if sample_bits == 24:
        return np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return samples.astype("<i2" if sample_bits == 16 else np.int8).tobytes()


def from_pcm_bytes(data: bytes, channels: int, sample_bits: int) -> np.ndarray:
    """Undo :func:`pcm_bytes`: int32 (n, channels)."""
    if sample_bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (padded.view("<i4").astype(np.int32) >> 8).reshape(-1, channels)
    return np.frombuffer(data, "<i2" if sample_bits == 16 else np.int8).astype(np.int32).reshape(-1, channels)


def _pairs(planes: list[_Plane]) -> list[tuple[_Plane, _Plane]]:
    """Neighbours that are coded together: 1 and 2, 3 and 4 … ; an odd last channel stays alone."""
    return list(zip(planes[0::2], planes[1::2], strict=False))


def _split(channel: np.ndarray) -> _Plane:
    ones = int(np.bitwise_or.reduce(channel))
    shift = (ones & -ones).bit_length() - 1 if ones else 0
    shifted = channel >> shift
    return _with_low_bits(shift, shifted, max(bits.signed_width(shifted) - PLANE_BITS, 0))


def _with_low_bits(shift: int, shifted: np.ndarray, low_bits: int) -> _Plane:
    return _Plane(shift, low_bits, shifted >> low_bits, shifted & ((1 << low_bits) - 1))


def _join(first: _Plane, second: _Plane) -> Step:
    """Make the planes of two channels less alike, if that helps; both then have as many low bits."""
    if first.shift != second.shift:
        return Step(stereo.NONE)
    low_bits = max(first.low_bits, second.low_bits)
    pair = [
        _with_low_bits(plane.shift, plane.high << plane.low_bits | plane.low, low_bits) for plane in (first, second)
    ]
    # giving low bits away costs them: what stays must be compared in the same units
    extra = 2 * low_bits - first.low_bits - second.low_bits
    step = stereo.choose(pair[0].high, pair[1].high, apart=stereo.cost(first.high, second.high) >> extra)
    if step.mode != stereo.NONE:
        for plane, joined in zip((first, second), pair, strict=True):
            plane.low_bits, plane.high, plane.low = low_bits, joined.high, joined.low
        first.high, second.high = stereo.forward(first.high, second.high, step)
    return step


def _encode_plane(codec: ChunkCodec, plane: _Plane, *, last: bool) -> list[bytes]:
    kind, body = _encode_high(codec, plane.high, last=last)
    low_kind, low = LOW_RAW, b""
    if plane.low_bits:
        if np.all(plane.low == plane.low[0]):
            low_kind, low = LOW_CONSTANT, bytes([int(plane.low[0])])
        else:
            low = bits.pack(plane.low, plane.low_bits)
    return [bytes([plane.shift | kind << 5, plane.low_bits | low_kind << 4]), low, body]


def _encode_high(codec: ChunkCodec, high: np.ndarray, *, last: bool) -> tuple[int, bytes]:
    """The shortest form of a plane; the length of coded bytes is left out where the block's end tells it."""
    if np.all(high == high[0]):
        return CONSTANT, _I16.pack(int(high[0]))
    width = bits.signed_width(high)
    coded = codec.encode(high)
    if not last:
        coded = _U32.pack(len(coded)) + coded
    if len(coded) <= 1 + bits.packed_bytes(len(high), width):
        return CODED, coded
    return RAW, bytes([width]) + bits.pack(high, width)


def _decode_plane(codec: ChunkCodec, reader: _Reader, count: int, *, last: bool) -> _Plane:
    a, b = reader.byte(), reader.byte()
    shift, kind, low_bits, low_kind = a & 31, a >> 5, b & 15, b >> 4
    if low_bits > MAX_LOW_BITS or low_kind > LOW_CONSTANT or shift > 23:
        raise FormatError("a plane with impossible low bits")
    if not low_bits:
        low = np.zeros(1, np.int32)
    elif low_kind == LOW_CONSTANT:
        low = np.array([reader.byte()], np.int32)
        if low[0] >> low_bits:
            raise FormatError("a plane with impossible low bits")
    else:
        low = bits.unpack(reader.take(bits.packed_bytes(count, low_bits)), count, low_bits)
    if kind == CONSTANT:
        high = np.full(count, _I16.unpack(reader.take(2))[0], np.int32)
    elif kind == RAW:
        width = reader.byte()
        if not 1 <= width <= PLANE_BITS:
            raise FormatError(f"a plane of {width} bits")
        high = bits.signed(bits.unpack(reader.take(bits.packed_bytes(count, width)), count, width), width)
    elif kind == CODED:
        high = codec.decode(reader.rest() if last else reader.take(reader.u32()), count)
        if high.shape != (count,) or high.dtype.kind != "i" or high.min() < -32768 or high.max() > 32767:
            raise FormatError("a plane decodes to something that is no 16-bit audio of its length")
    else:
        raise FormatError(f"a plane of kind {kind}")
    return _Plane(shift, low_bits, high.astype(np.int32, copy=False), low)


def _whole(plane: _Plane, sample_bits: int) -> np.ndarray:
    wide = (plane.high.astype(np.int64) << plane.low_bits | plane.low) << plane.shift
    if bits.signed_width(wide) > sample_bits:
        raise FormatError(f"a plane decodes to more than {sample_bits} bits")
    return wide.astype(np.int32)


class _Reader:
    """Takes a payload apart and never reads beyond its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def take(self, size: int) -> bytes:
        if size > len(self._data) - self._place:
            raise FormatError("an audio block is shorter than it says")
        self._place += size
        return self._data[self._place - size : self._place]

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._place)

    def byte(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def step(self) -> Step:
        mode, coefficient = _STEP.unpack(self.take(2))
        predicts = mode in (stereo.SECOND_FROM_FIRST, stereo.FIRST_FROM_SECOND)
        if mode > stereo.MID_SIDE or (coefficient and not predicts):
            raise FormatError(f"a pair of channels of mode {mode}")
        return Step(mode, coefficient)

    def finish(self) -> None:
        if self._place != len(self._data):
            raise FormatError("an audio block is longer than it should be")
