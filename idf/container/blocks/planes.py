"""Audio blocks: samples of any integer format as planes of 16-bit integers, which a model codes.

Each channel becomes a *plane* in up to three steps. Values that are multiples of a step are replaced by their numbers
(:mod:`idf.container.blocks.lattice`). If numbers still exceed 16 bits, their lowest bits are split off
(:mod:`idf.container.blocks.lows`), to be stored, or coded with the rest if the model can. Pairs of channels are
decorrelated (:mod:`idf.container.blocks.stereo`), unless the model does so itself. The model codes all planes that are
not constant as one message, or they are bit-packed if that is shorter. Each block makes its own choices. The bytes are
specified in ``docs/format.md``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import cast

import numpy as np

from idf.audio.pcm_bytes import from_pcm_bytes, pcm_bytes
from idf.coding.codec import ChunkCodec, WideCodec
from idf.container import varint
from idf.container.blocks import bitpacking, lows, stereo
from idf.container.blocks.lattice import DOUBLE, Lattice, find_lattice
from idf.container.blocks.stereo import Step
from idf.errors import FormatError

PCM, CODED, RAW, WIDE = 0, 1, 2, 6
"""Forms of a block: interleaved PCM; planes as the model's message; bit-packed planes; planes and the upper part of
their low bits as the model's message."""

PLANE_BITS = 16
EXCERPT_SAMPLES = 1 << 13
"""Length of the excerpt that is coded with and without a stereo step, if the codec joins channels itself."""
MAX_LOW_BITS = 16
_MODEL_BITS = 8
"""Most low bits per sample that the model codes in form WIDE."""

_LOW_BITS, _LATTICE, _CONSTANT, _WIDTHS = 31, 1 << 5, 1 << 6, 1 << 7
"""Mask of a plane's number of low bits, and its flags: it has a lattice; it is constant; some segments have fewer low
bits than the plane."""
_ROUNDING, _MIRRORED, _LIMITS = 3, 1 << 2, 1 << 3
_SHIFT, _MAX_SHIFT = 1 << 7, 31
"""Fields of a lattice's first byte. With ``_SHIFT``, nothing follows: the step is 2 to the power of the lower bits."""

_POSITIVE = (1 << _MAX_SHIFT) - 1
_NO_WIDTHS = np.zeros(0, np.int64)
_I8 = struct.Struct("<b")
_I16 = struct.Struct("<h")


@dataclass
class Plane:
    """One channel during coding. Its samples are the lattice's values at (high << low_bits | low).

    Constants may be arrays of length 1.

    Attributes:
        lattice: the lattice of the channel's values.
        low_bits: number of low bits.
        high: the 16-bit integers that the model codes, (n,).
        low: the low bits, (n,).
        widths: width of the low bits in each segment, int64 (segments,); empty without low bits.
    """

    lattice: Lattice
    low_bits: int
    high: np.ndarray
    low: np.ndarray
    widths: np.ndarray

    @property
    def is_constant(self) -> bool:
        return len(self.high) == 1 or bool(np.all(self.high == self.high[0]))


@dataclass(frozen=True)
class Planes:
    """The planes of an audio block.

    Attributes:
        planes: one per channel.
        steps: the stereo step of each pair of channels.
    """

    planes: list[Plane]
    steps: list[Step]


def take_apart(codec: ChunkCodec, samples: np.ndarray) -> Planes:
    """Return the planes that ``codec`` codes for samples, int32 (n, channels), n at least 1."""
    planes = [_split(channel) for channel in samples.T]
    return Planes(planes, [_join(codec, first, second) for first, second in pairs(planes)])


def encode_block(codec: ChunkCodec, samples: np.ndarray, sample_bits: int) -> bytes:
    """Encode samples, int32 (n, channels) of ``sample_bits`` bits, as the payload of an audio block.

    The payload is at most one byte longer than the samples as PCM.
    """
    apart = take_apart(codec, samples)
    form, bodies = _encode_highs(codec, [plane for plane in apart.planes if not plane.is_constant])
    start = [*map(_pack_step, apart.steps), *(_pack_head(plane, form) for plane in apart.planes)]
    payload = b"".join([bytes([form]), *start, *bodies])
    if len(payload) <= samples.size * sample_bits // 8:
        return payload
    return bytes([PCM]) + pcm_bytes(samples, sample_bits)


def decode_block(codec: ChunkCodec, payload: bytes, count: int, channels: int, sample_bits: int) -> np.ndarray:
    """Invert :func:`encode_block`. Returns int32 (count, channels).

    Raises:
        FormatError: the payload is invalid.
    """
    reader = PayloadReader(payload)
    form = reader.byte()
    if form == PCM:
        samples = from_pcm_bytes(reader.take(count * channels * sample_bits // 8), channels, sample_bits)
    elif form in (CODED, RAW, WIDE):
        steps = [reader.step() for _ in range(channels // 2)]
        planes = [_read_head(reader, count, form) for _ in range(channels)]
        _decode_highs(codec, reader, form, [plane for plane in planes if not len(plane.high)], count)
        for step, (first, second) in zip(steps, pairs(planes), strict=True):
            first.high, second.high = stereo.inverse(first.high, second.high, step)
        samples = np.empty((count, channels), np.int32)
        for number, plane in enumerate(planes):
            samples[:, number] = _whole(plane, sample_bits)
    else:
        raise FormatError(f"unknown form {form} of an audio block")
    reader.finish()
    return samples


def pairs(planes: list[Plane]) -> list[tuple[Plane, Plane]]:
    """Return the pairs of channels that are joined: 1 and 2, 3 and 4, …; an odd last channel stays alone."""
    return list(zip(planes[0::2], planes[1::2], strict=False))


def _split(channel: np.ndarray) -> Plane:
    lattice, numbers = find_lattice(channel)
    low_bits = max(bitpacking.signed_width(numbers) - PLANE_BITS, 0)
    if low_bits:
        # if most segments have coarser steps, as a quiet 16-bit recording after a fade-in, the plane uses theirs
        widths = np.sort(lows.find_widths(numbers & _POSITIVE, _MAX_SHIFT))
        low_bits = max(low_bits, min(_MAX_SHIFT - int(widths[len(widths) // 2]), MAX_LOW_BITS))
    return _with_low_bits(lattice, numbers, low_bits)


def _with_low_bits(lattice: Lattice, numbers: np.ndarray, low_bits: int) -> Plane:
    low = numbers & ((1 << low_bits) - 1)
    widths = lows.find_widths(low, low_bits) if low_bits else _NO_WIDTHS
    return Plane(lattice, low_bits, numbers >> low_bits, low, widths)


def _join(codec: ChunkCodec, first: Plane, second: Plane) -> Step:
    """Decorrelate the planes of two channels if that helps; both then have the same number of low bits."""
    if not first.lattice.same_step(second.lattice):
        return Step(stereo.NONE)
    low_bits = max(first.low_bits, second.low_bits)
    if low_bits and codec.max_low_bits:
        return Step(stereo.NONE)  # the model codes low bits too, but steps change only the high parts
    pair = [
        _with_low_bits(plane.lattice, plane.high << plane.low_bits | plane.low, low_bits) for plane in (first, second)
    ]
    # account for the extra low bits that are split off, so that both costs have the same unit
    extra = 2 * low_bits - first.low_bits - second.low_bits
    step = stereo.choose(pair[0].high, pair[1].high, apart=stereo.cost(first.high, second.high) >> extra)
    if step.mode != stereo.NONE and codec.joins_channels and not _shortens(codec, first, second, pair, step):
        return Step(stereo.NONE)
    if step.mode != stereo.NONE:
        for plane, joined in zip((first, second), pair, strict=True):
            plane.low_bits, plane.high, plane.low, plane.widths = low_bits, joined.high, joined.low, joined.widths
        first.high, second.high = stereo.forward(first.high, second.high, step)
    return step


def _shortens(codec: ChunkCodec, first: Plane, second: Plane, pair: list[Plane], step: Step) -> bool:
    """Return whether the step makes the codec's message for an excerpt from the middle shorter."""
    start = max(len(first.high) - EXCERPT_SAMPLES, 0) // 2
    excerpt = slice(start, start + EXCERPT_SAMPLES)

    def size(one: np.ndarray, two: np.ndarray, low_bits: int) -> int:
        channels = np.stack([one[excerpt], two[excerpt]], axis=1).astype(np.int32)
        return len(codec.encode(channels)) + low_bits * len(channels) // 8

    apart = size(first.high, second.high, first.low_bits + second.low_bits)
    return size(*stereo.forward(pair[0].high, pair[1].high, step), 2 * pair[0].low_bits) < apart


def _model_bits(low_bits: int, form: int) -> int:
    """Return how many low bits of a non-constant plane the model codes."""
    return min(low_bits, _MODEL_BITS) if form == WIDE else 0


def _pack_step(step: Step) -> bytes:
    return bytes([step.mode]) + (_I8.pack(step.coefficient) if step.mode in stereo.PREDICTING else b"")


def _pack_head(plane: Plane, form: int) -> bytes:
    """Pack everything of a plane except a varying high part and what the model codes."""
    has_lattice, has_widths = not plane.lattice.is_trivial, bool(np.any(plane.widths < plane.low_bits))
    flags = _LATTICE * has_lattice | _CONSTANT * plane.is_constant | _WIDTHS * has_widths
    parts = [bytes([plane.low_bits | flags])]
    if has_lattice:
        parts.append(_pack_lattice(plane.lattice))
    if has_widths:
        parts.append(plane.widths.astype(np.uint8).tobytes())
    if plane.low_bits:
        parts.append(
            lows.pack(
                plane.low, plane.low_bits, plane.widths, 0 if plane.is_constant else _model_bits(plane.low_bits, form)
            )
        )
    if plane.is_constant:
        parts.append(_I16.pack(int(plane.high[0])))
    return b"".join(parts)


def _read_head(reader: PayloadReader, count: int, form: int) -> Plane:
    """Invert :func:`_pack_head`. A varying high part is empty, and low bits that the model codes are 0."""
    head = reader.byte()
    low_bits = head & _LOW_BITS
    if low_bits > MAX_LOW_BITS or (head & _WIDTHS and not low_bits):
        raise FormatError("a plane has an impossible head")
    lattice = _read_lattice(reader) if head & _LATTICE else Lattice()
    widths = np.full(lows.segments(count), low_bits, np.int64) if low_bits else _NO_WIDTHS
    if head & _WIDTHS:
        widths = np.frombuffer(reader.take(len(widths)), np.uint8).astype(np.int64)
        if widths.max() > low_bits:
            raise FormatError("a segment is wider than the low bits of its plane")
    plane = Plane(lattice, low_bits, np.zeros(1 if head & _CONSTANT else 0, np.int32), np.zeros(1, np.int32), widths)
    if low_bits:
        stored = 0 if head & _CONSTANT else _model_bits(low_bits, form)
        data = reader.take(lows.packed_bytes(count, widths, stored))
        plane.low = lows.unpack(data, count, low_bits, widths, stored)
    if head & _CONSTANT:
        plane.high[0] = _I16.unpack(reader.take(2))[0]
    return plane


def _pack_lattice(lattice: Lattice) -> bytes:
    shift = lattice.step.bit_length() - 1
    if lattice == Lattice(1 << shift) and shift <= _MAX_SHIFT:
        return bytes([_SHIFT | shift])
    limits = lattice.limits or ()
    kind = lattice.rounding | _MIRRORED * lattice.mirrored | _LIMITS * bool(limits)
    numbers = [lattice.step, lattice.divisor, *(x << 1 if x >= 0 else ~x << 1 | 1 for x in (lattice.offset, *limits))]
    return bytes([kind]) + b"".join(map(varint.pack, numbers))


def _read_lattice(reader: PayloadReader) -> Lattice:
    kind = reader.byte()
    if kind & _SHIFT:
        if not 1 <= kind ^ _SHIFT <= _MAX_SHIFT:
            raise FormatError("a plane has an impossible lattice")
        return Lattice(1 << (kind ^ _SHIFT))
    step, divisor, offset, *limits = (reader.number() for _ in range(5 if kind & _LIMITS else 3))
    offset, *limits = (x >> 1 ^ -(x & 1) for x in (offset, *limits))
    ends = (limits[0], limits[1]) if limits else None
    rounding = kind & _ROUNDING
    possible = rounding <= DOUBLE and not kind & ~(_ROUNDING | _MIRRORED | _LIMITS) and step and divisor
    if not possible or (ends and ends[0] > ends[1]):
        raise FormatError("a plane has an impossible lattice")
    return Lattice(step, offset, divisor, bool(kind & _MIRRORED), rounding, ends)


def _encode_highs(codec: ChunkCodec, planes: list[Plane]) -> tuple[int, list[bytes]]:
    """Encode all planes that vary, in the shorter of two forms. Returns the form and the bytes."""
    if not planes:
        return RAW, []
    highs = np.stack([plane.high for plane in planes], axis=1)
    if codec.max_low_bits and any(plane.low_bits for plane in planes):
        form, message = WIDE, _encode_wide(cast(WideCodec, codec), highs, planes)
    else:
        form, message = CODED, codec.encode(highs)
    stored = sum(lows.packed_bytes(len(highs), plane.widths, 0) for plane in planes)
    stored -= sum(lows.packed_bytes(len(highs), plane.widths, _model_bits(plane.low_bits, form)) for plane in planes)
    widths = [bitpacking.signed_width(plane.high) for plane in planes]
    if len(message) <= stored + sum(1 + bitpacking.packed_bytes(len(highs), width) for width in widths):
        return form, [message]
    return RAW, [
        bytes([width]) + bitpacking.pack(plane.high, width) for plane, width in zip(planes, widths, strict=True)
    ]


def _encode_wide(codec: WideCodec, highs: np.ndarray, planes: list[Plane]) -> bytes:
    parts = [
        lows.modelled(plane.low, plane.low_bits, plane.widths, _model_bits(plane.low_bits, WIDE))
        if plane.low_bits
        else np.zeros(len(highs), np.int32)
        for plane in planes
    ]
    return codec.encode_wide(highs, np.stack(parts, axis=1), _modelled_bits(planes, len(highs)))


def _modelled_bits(planes: list[Plane], count: int) -> np.ndarray:
    """Return the number of low bits that the model codes, int64 (segments, planes)."""
    bits = np.zeros((lows.segments(count), len(planes)), np.int64)
    for number, plane in enumerate(planes):
        if plane.low_bits:
            bits[:, number] = np.minimum(plane.widths, _model_bits(plane.low_bits, WIDE))
    return bits


def _decode_highs(codec: ChunkCodec, reader: PayloadReader, form: int, planes: list[Plane], count: int) -> None:
    """Invert :func:`_encode_highs`, filling in the planes that vary."""
    if form == WIDE and not codec.max_low_bits:
        raise FormatError("the message has low bits, which this model does not code")
    if form == RAW:
        for plane in planes:
            width = reader.byte()
            if not 1 <= width <= PLANE_BITS:
                raise FormatError(f"a plane has an impossible width of {width} bits")
            packed = reader.take(bitpacking.packed_bytes(count, width))
            plane.high = bitpacking.signed(bitpacking.unpack(packed, count, width), width)
    elif planes:
        if form == WIDE:
            bits = _modelled_bits(planes, count)
            highs, parts = cast(WideCodec, codec).decode_wide(reader.rest(), count, bits)
            for plane, part in zip(planes, parts.T, strict=True):
                if plane.low_bits:
                    plane.low = lows.with_modelled(
                        *(plane.low, part, plane.low_bits, plane.widths, _model_bits(plane.low_bits, WIDE))
                    )
        else:
            highs = codec.decode(reader.rest(), count, len(planes))
        right = highs.shape == (count, len(planes)) and highs.dtype.kind == "i"
        if not right or highs.min() < -32768 or highs.max() > 32767:
            raise FormatError("its planes do not decode to 16-bit audio of their length")
        for number, plane in enumerate(planes):
            plane.high = highs[:, number].astype(np.int32, copy=False)


def _whole(plane: Plane, sample_bits: int) -> np.ndarray:
    try:
        wide = plane.lattice.values(plane.high.astype(np.int64) << plane.low_bits | plane.low)
    except ValueError as error:
        raise FormatError(f"a plane has {error}") from None
    if bitpacking.signed_width(wide) > sample_bits:
        raise FormatError(f"a plane decodes to more than {sample_bits} bits")
    return wide.astype(np.int32)


class PayloadReader:
    """Parses a payload. Reading beyond its end raises FormatError."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        if size > len(self._data) - self._place:
            raise FormatError("the audio block is too short")
        self._place += size
        return self._data[self._place - size : self._place]

    def rest(self) -> bytes:
        """Return all remaining bytes."""
        return self.take(len(self._data) - self._place)

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """Return the next variable-length number."""
        return varint.read(self.take)

    def step(self) -> Step:
        """Return the stereo step of a pair of channels."""
        mode = self.byte()
        if mode > stereo.MID_SIDE:
            raise FormatError(f"unknown mode {mode} of a pair of channels")
        return Step(mode, _I8.unpack(self.take(1))[0] if mode in stereo.PREDICTING else 0)

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._place != len(self._data):
            raise FormatError("the audio block is too long")
