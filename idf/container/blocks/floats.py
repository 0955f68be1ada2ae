"""Audio blocks of 32-bit IEEE floats, restored bit for bit, including NaN payloads, −0 and denormals.

Most float recordings are scaled integers. Such a block is coded as those integers
(:mod:`idf.container.blocks.planes`) and their scale: i × 2^-e, or i / N for programs that divide by 32767 and the like.
Other floats are split. On the scale of the channel's loudest sample, the upper 23 bits of each are an integer, coded as
usual. The remaining lower mantissa bits are stored, except in segments where they are all zero.

Samples are int32 with the bit patterns of the floats. The bytes are specified in ``docs/format.md``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from idf.audio.pcm_bytes import from_pcm_bytes, pcm_bytes
from idf.coding.codec import LOW_SEGMENT, ChunkCodec
from idf.container import varint
from idf.container.blocks import bitpacking, lows, planes
from idf.container.blocks.planes import PayloadReader
from idf.errors import FormatError

SCALED, DIVIDED, SPLIT = 3, 4, 5
"""Forms of a block, in addition to those of :mod:`idf.container.blocks.planes`."""
DIVISORS = (127, 32767, 8388607)
"""Divisors that programs use instead of powers of two, stored as an index into this tuple."""

_BITS = 24
"""Bits of a significand, including the hidden one."""
_HIDDEN = 1 << (_BITS - 1)
_BIAS = 127
_NOT_FINITE = 255
_MAX_SCALE = 149
"""2^-149 is the smallest denormal."""
_MAX_WIDTH = 31
_HIGH_BITS = 23
"""Bits of the loudest sample's magnitude in the integers of a split channel."""
_SCALE = struct.Struct("<h")
_NEGATIVE_ZEROS = 1


@dataclass(frozen=True)
class _Fields:
    """The fields of floats as arrays: value = ± significand × 2^(exponent − 127 − 23)."""

    exponent: np.ndarray
    significand: np.ndarray
    is_negative: np.ndarray

    @classmethod
    def of(cls, samples: np.ndarray) -> _Fields:
        field = (samples >> 23) & 255
        significand = samples & (_HIDDEN - 1) | np.where(field, _HIDDEN, 0).astype(np.int32)
        return cls(np.maximum(field, 1), significand, samples < 0)

    def top(self) -> int:
        """Return the exponent of the largest finite value; 1 if there is none."""
        counts = (self.significand > 0) & (self.exponent != _NOT_FINITE)
        return int(self.exponent.max(initial=1, where=counts))


@dataclass(frozen=True)
class _Integers:
    """The integers that a block's floats are scaled from. ``scale`` is as specified in the format."""

    form: int
    scale: int
    values: np.ndarray


def encode_float_block(codec: ChunkCodec, samples: np.ndarray) -> bytes:
    """Encode samples, int32 (n, channels) with the bits of floats, as the payload of an audio block.

    The payload is at most one byte longer than the samples as PCM.
    """
    fields = _Fields.of(samples)
    integers = _find_integers(samples, fields)
    payload = _encode_split(codec, samples) if integers is None else _encode_integers(codec, integers, fields)
    return payload if len(payload) <= 4 * samples.size else bytes([planes.PCM]) + pcm_bytes(samples, 32)


def decode_float_block(codec: ChunkCodec, payload: bytes, count: int, channels: int) -> np.ndarray:
    """Invert :func:`encode_float_block`. Returns int32 (count, channels).

    Raises:
        FormatError: the payload is invalid.
    """
    reader = PayloadReader(payload)
    form = reader.byte()
    if form in (SCALED, DIVIDED):
        samples = _decode_integers(codec, reader, form, count, channels)
    elif form == SPLIT:
        samples = _decode_split(codec, reader, count, channels)
    elif form == planes.PCM:
        samples = from_pcm_bytes(reader.take(4 * count * channels), channels, 32)
    else:
        raise FormatError(f"unknown form {form} of an audio block of floats")
    reader.finish()
    return samples


def _find_integers(samples: np.ndarray, fields: _Fields) -> _Integers | None:
    """Return the integers that a block's floats are scaled from; None if there are none or splitting is shorter."""
    if fields.exponent.max() == _NOT_FINITE:
        return None
    counts = fields.significand > 0
    if not counts.any():
        return _Integers(SCALED, 0, np.zeros(samples.shape, np.int32))
    lowest_bits = np.frexp((fields.significand & -fields.significand).astype(np.float64))[1] - 1
    scale = _BIAS + _BITS - 1 - int((fields.exponent + lowest_bits).min(where=counts, initial=1 << 10))
    width = fields.top() - _BIAS + 1 + scale
    values = samples.view(np.float32)
    if width >= _BITS and (divided := _divided(values, counts)):
        return divided
    if width > _MAX_WIDTH or (width > _BITS + 1 and _split_bits(fields) < samples.size * (width - _HIGH_BITS)):
        return None
    return _Integers(SCALED, scale, np.ldexp(values.astype(np.float64), scale).astype(np.int32))


def _divided(values: np.ndarray, counts: np.ndarray) -> _Integers | None:
    for place, divisor in enumerate(DIVISORS):
        integers = np.rint(values.astype(np.float64) * divisor)
        if np.abs(integers).max() <= 1 << _BITS:
            again = integers.astype(np.float32) / np.float32(divisor)
            if np.all((again == values) & ((integers != 0) == counts)):
                return _Integers(DIVIDED, place, integers.astype(np.int32))
    return None


def _encode_integers(codec: ChunkCodec, integers: _Integers, fields: _Fields) -> bytes:
    coded = planes.encode_block(codec, integers.values, 32)
    is_zero = integers.values == 0
    head = bytes([integers.form]) + _SCALE.pack(integers.scale)
    if not np.any(fields.is_negative & is_zero):
        return head + b"\0" + coded
    signs = bitpacking.pack(fields.is_negative[is_zero].astype(np.int32), 1)
    return head + bytes([_NEGATIVE_ZEROS]) + varint.pack(len(coded)) + coded + signs


def _decode_integers(codec: ChunkCodec, reader: PayloadReader, form: int, count: int, channels: int) -> np.ndarray:
    scale, flags = _SCALE.unpack(reader.take(_SCALE.size))[0], reader.byte()
    possible = 0 <= scale < len(DIVISORS) if form == DIVIDED else abs(scale) <= _MAX_SCALE
    if not possible or flags > _NEGATIVE_ZEROS:
        raise FormatError("floats have an impossible scale")
    coded = reader.take(reader.number()) if flags else reader.rest()
    if not coded:
        raise FormatError("floats have no integers")
    integers = planes.decode_block(codec, coded, count, channels, 32)
    if form == DIVIDED:
        values = integers.astype(np.float32) / np.float32(DIVISORS[scale])
    else:
        with np.errstate(over="ignore", under="ignore"):
            values = np.ldexp(integers.astype(np.float64), -scale).astype(np.float32)
    if not np.all(np.isfinite(values)):
        raise FormatError("floats have an impossible scale")
    samples: np.ndarray = values.view(np.int32).copy()
    if flags:
        is_zero = integers == 0
        zeros = int(is_zero.sum())
        signs = bitpacking.unpack(reader.take(bitpacking.packed_bytes(zeros, 1)), zeros, 1)
        samples[is_zero] = np.where(signs, np.int32(-(1 << 31)), np.int32(0))
    return samples


def _low_bits(fields: _Fields) -> np.ndarray:
    """Return the bits of each significand below a split channel's integers; 24 or more if all of them are."""
    return fields.top() - fields.exponent + _BITS - _HIGH_BITS


def _split_bits(fields: _Fields) -> int:
    """Return the approximate number of bits that a split block stores besides its planes."""
    low_bits = _low_bits(fields)
    return int(np.where(low_bits < _BITS, low_bits, np.where(fields.significand > 0, 33, 1)).sum())


def _encode_split(codec: ChunkCodec, samples: np.ndarray) -> bytes:
    highs, tops, stored = np.zeros(samples.shape, np.int32), [], []
    for number, channel in enumerate(samples.T):
        fields = _Fields.of(channel)
        low_bits = _low_bits(fields)
        has_high = (low_bits < _BITS) & (fields.significand >= _HIDDEN) & (fields.exponent != _NOT_FINITE)
        shift = np.where(has_high, low_bits, 0)
        high = np.where(has_high, fields.significand >> shift, 0)
        low = fields.significand & ((1 << shift) - 1)
        highs[:, number] = np.where(fields.is_negative, -high, high)
        tops.append(fields.top())
        whole = channel[~has_high]
        is_other = whole != 0
        has_low = np.bitwise_or.reduceat(low, np.arange(0, len(low), LOW_SEGMENT)) != 0
        is_kept = has_high & _each(has_low, len(low))
        stored.append(bitpacking.pack(has_low.astype(np.int32), 1))
        stored += [bitpacking.pack(is_other.astype(np.int32), 1), whole[is_other].astype("<i4").tobytes()]
        stored += [bitpacking.pack(low[is_kept & (shift == bits)], bits) for bits in _widths()]
    coded = planes.encode_block(codec, highs, _HIGH_BITS + 1)
    return bytes([SPLIT, *tops]) + varint.pack(len(coded)) + coded + b"".join(stored)


def _decode_split(codec: ChunkCodec, reader: PayloadReader, count: int, channels: int) -> np.ndarray:
    tops = reader.take(channels)
    highs = planes.decode_block(codec, reader.take(reader.number()) or b"\xff", count, channels, _HIGH_BITS + 1)
    samples = np.empty((count, channels), np.int32)
    for number, top in enumerate(tops):
        high = highs[:, number]
        magnitude = np.abs(high)
        length = np.frexp(magnitude.astype(np.float64))[1].astype(np.int32)  # bits of the magnitude
        exponent = top - _HIGH_BITS + length
        has_high = high != 0
        if not 1 <= top < _NOT_FINITE or magnitude.max() >> _HIGH_BITS or np.any(exponent[has_high] < 1):
            raise FormatError("floats have an impossible magnitude")
        whole = samples[:, number]
        segments = lows.segments(count)
        has_low = bitpacking.unpack(reader.take(bitpacking.packed_bytes(segments, 1)), segments, 1).astype(bool)
        is_kept = has_high & _each(has_low, count)
        zeros = count - int(has_high.sum())
        is_other = bitpacking.unpack(reader.take(bitpacking.packed_bytes(zeros, 1)), zeros, 1).astype(bool)
        values = np.zeros(zeros, np.int32)
        values[is_other] = np.frombuffer(reader.take(4 * int(is_other.sum())), "<i4")
        whole[~has_high] = values
        significand = magnitude << (_BITS - length)
        for bits in _widths():
            here = is_kept & (length == _BITS - bits)
            size = int(here.sum())
            significand[here] |= bitpacking.unpack(reader.take(bitpacking.packed_bytes(size, bits)), size, bits)
        finished = exponent << (_BITS - 1) | significand & (_HIDDEN - 1)
        whole[has_high] = np.where(high < 0, finished | np.int32(-(1 << 31)), finished)[has_high]
    return samples


def _each(flags: np.ndarray, count: int) -> np.ndarray:
    """Repeat a flag per segment for each of its samples. Returns (count,)."""
    return np.repeat(flags, LOW_SEGMENT)[:count]


def _widths() -> range:
    """Return the possible numbers of bits below the integers."""
    return range(_BITS - _HIGH_BITS, _BITS)
