"""AIFF files, and AIFF-C files with uncompressed samples.

Sources: Audio Interchange File Format 1.3 (Apple, 1989); AIFF-C (Apple, draft, 1991); QuickTime File
Format Specification (Apple, 2001) for the types ``sowt``, ``in24`` and ``in32`` and the reversed (little-endian)
types ``42ni`` and ``23ni``. libsndfile writes ``42ni`` as ``42n1``.
"""

from __future__ import annotations

import struct

from idf.audio.chunks import CONVERT, Chunks, checked_format, too_long
from idf.audio.format import AudioFormat, Original, UnsupportedAudioError
from idf.audio.pcm_bytes import PLAIN, Layout, signed_layout
from idf.errors import DataError

_BIG, _LITTLE = (b"NONE", b"twos", b"in24", b"in32"), (b"sowt", b"42ni", b"42n1", b"23ni")
_FLOATS = {b"fl32": 32, b"FL32": 32, b"fl64": 64, b"FL64": 64}
_UNSIGNED = b"raw "
"""The type of unsigned 8-bit samples."""
_BITS = {b"in24": 24, b"42ni": 24, b"42n1": 24, b"in32": 32, b"23ni": 32, _UNSIGNED: 8}
_COMMON = struct.Struct(">HIHHQ")
_EXPONENT_BIAS = 16383
_VERSION = 0xA2805140


class Aiff(Chunks):
    """An AIFF or AIFF-C file."""

    original, label = Original.AIFF, "AIFF"
    chunk_head = struct.Struct(">4sI")
    sound_chunk, lead_bytes = b"SSND", 8
    plumbing = (b"COMM", b"SSND", b"FVER")

    def __init__(self, name: str, start: bytes) -> None:
        super().__init__(name, start)
        self._frames = 0

    @classmethod
    def begins(cls, start: bytes) -> bool:
        """See :class:`Chunks`."""
        return start[:4] == b"FORM" and start[8:12] in (b"AIFF", b"AIFC")

    def take(self, chunk: bytes, body: bytes) -> None:
        """See :class:`Chunks`."""
        if chunk != b"COMM":
            return
        is_aifc = self.start[8:12] == b"AIFC"
        if len(body) < _COMMON.size + 4 * is_aifc:
            raise DataError(f"{self.name}: the COMM chunk of the AIFF file is truncated")
        channels, self._frames, bits, exponent, mantissa = _COMMON.unpack_from(body)
        kind = body[_COMMON.size :][:4] if is_aifc else b"NONE"
        if kind not in (*_BIG, *_LITTLE, *_FLOATS, _UNSIGNED):
            raise UnsupportedAudioError(
                self.name, f"found AIFF-C samples of type {kind.decode('latin-1')!r}", remedy=CONVERT
            )
        bits = _FLOATS.get(kind, bits)
        if 8 * -(-bits // 8) != _BITS.get(kind, 8 * -(-bits // 8)):
            raise UnsupportedAudioError(self.name, f"found {bits}-bit samples of type {kind.decode('latin-1')!r}")
        rate_hz = _from_extended(exponent, mantissa)
        self.audio_format = checked_format(self.name, rate_hz, channels, bits, is_float=kind in _FLOATS)
        width = self.audio_format.sample_bits
        self.layout = PLAIN if kind == _UNSIGNED else signed_layout(width, is_big_endian=kind not in _LITTLE)

    def skip(self, lead: bytes) -> int:
        """See :class:`Chunks`. The lead states the offset of the first sample."""
        return int.from_bytes(lead[:4], "big")

    def sound_bytes(self, size: int | None) -> int | None:
        """See :class:`Chunks`. The stated number of frames takes precedence if it is not 0 and fits in the chunk."""
        assert self.audio_format is not None
        stated = self._frames * self.audio_format.frame_bytes
        return stated or size if size is None or 0 < stated < size else size

    def is_empty(self) -> bool:
        """See :class:`Chunks`. A file of no frames may omit the sample chunk."""
        return self.audio_format is not None and self._frames == 0

    @classmethod
    def plain_head(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """See :class:`Chunks`. Floats make it AIFF-C."""
        data = samples * audio_format.frame_bytes
        common = _COMMON.pack(
            audio_format.channels, samples & 0xFFFFFFFF, audio_format.sample_bits, *_to_extended(audio_format.rate_hz)
        )
        kind, version = b"AIFF", b""
        if audio_format.is_float:
            kind, version = b"AIFC", b"FVER" + struct.pack(">II", 4, _VERSION)
            common += b"fl32\x00\x00"  # the name of the type is empty
        front = kind + version + b"COMM" + struct.pack(">I", len(common)) + common
        size = len(front) + 16 + data + data % 2
        if size > 0xFFFFFFFE:
            raise too_long(samples, "AIFF")
        return b"FORM" + struct.pack(">I", size) + front + b"SSND" + struct.pack(">III", 8 + data, 0, 0)

    @classmethod
    def plain_layout(cls, sample_bits: int) -> Layout:
        """See :class:`Chunks`."""
        return signed_layout(sample_bits, is_big_endian=True)


def _from_extended(exponent: int, mantissa: int) -> int:
    """Return the integer nearest to an 80-bit float: 2^32 for anything larger, 0 for negative values."""
    if exponent >> 15:
        return 0
    shift = _EXPONENT_BIAS + 63 - exponent
    if shift <= 31:
        return 1 << 32
    return (mantissa + (1 << (shift - 1))) >> shift


def _to_extended(rate_hz: int) -> tuple[int, int]:
    bits = rate_hz.bit_length()
    return _EXPONENT_BIAS + bits - 1, rate_hz << (64 - bits)
