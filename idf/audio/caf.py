"""CAF files of linear PCM.

Source: Apple Core Audio Format Specification 1.0 (2006).
"""

from __future__ import annotations

import math
import struct

from idf.audio.chunks import CONVERT, Chunks, checked_format
from idf.audio.format import AudioFormat, Original, UnsupportedAudioError
from idf.audio.pcm_bytes import Layout, signed_layout
from idf.errors import DataError

_START = b"caff\x00\x01\x00\x00"
_DESCRIPTION = struct.Struct(">d4sIIIII")
_IS_FLOAT, _IS_LITTLE = 1, 2
_EDIT_COUNT = struct.Struct(">I")


class Caf(Chunks):
    """A CAF file. Its sizes are signed: −1 (unknown) reads as the largest unsigned size."""

    original, label = Original.CAF, "CAF"
    start_bytes = 8
    chunk_head = struct.Struct(">4sQ")
    alignment, lead_bytes = 1, _EDIT_COUNT.size
    plumbing = (b"desc", b"data", b"free")

    @classmethod
    def begins(cls, start: bytes) -> bool:
        """See :class:`Chunks`."""
        return start[:6] == _START[:6]

    def take(self, chunk: bytes, body: bytes) -> None:
        """See :class:`Chunks`."""
        if chunk != b"desc":
            return
        if len(body) < _DESCRIPTION.size:
            raise DataError(f"{self.name}: the desc chunk of the CAF file is truncated")
        rate, kind, flags, packet_bytes, packet_frames, channels, bits = _DESCRIPTION.unpack_from(body)
        if kind != b"lpcm" or packet_frames != 1:
            kind_name = repr(kind.decode("latin-1"))
            raise UnsupportedAudioError(
                self.name, f"found CAF samples of type {kind_name}, {packet_frames} per packet", remedy=CONVERT
            )
        self.audio_format = checked_format(
            *(self.name, _whole(rate), channels, bits),
            is_float=bool(flags & _IS_FLOAT),
            frame_bytes=packet_bytes,
        )
        self.layout = signed_layout(self.audio_format.sample_bits, is_big_endian=not flags & _IS_LITTLE)

    @classmethod
    def plain_head(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """See :class:`Chunks`."""
        frame = audio_format.frame_bytes
        description = _DESCRIPTION.pack(
            *(audio_format.rate_hz, b"lpcm", _IS_LITTLE | _IS_FLOAT * audio_format.is_float),
            *(frame, 1, audio_format.channels, audio_format.sample_bits),
        )
        return (
            _START
            + cls.chunk_head.pack(b"desc", len(description))
            + description
            + cls.chunk_head.pack(b"data", cls.lead_bytes + samples * frame)
            + _EDIT_COUNT.pack(0)
        )

    @classmethod
    def plain_layout(cls, sample_bits: int) -> Layout:
        """See :class:`Chunks`."""
        return signed_layout(sample_bits, is_big_endian=False)


def _whole(rate: float) -> int:
    """Return the integer nearest to ``rate``; 0 if it cannot be a sampling rate."""
    return math.floor(rate + 0.5) if math.isfinite(rate) and 0 < rate < 1 << 33 else 0
