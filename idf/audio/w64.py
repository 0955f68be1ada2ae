"""W64 files: Sony's variant of WAV with 64-bit sizes and GUIDs as chunk names.

Source: Sony Pictures Digital, Wave64 file format (2002).
"""

from __future__ import annotations

import struct

from idf.audio.chunks import Chunks
from idf.audio.format import AudioFormat, Original
from idf.audio.pcm_bytes import PLAIN, Layout
from idf.audio.wav import format_fields, wave_format

_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
_REST = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_WAVE, _FMT, _DATA, _FACT = (name + _REST for name in (b"wave", b"fmt ", b"data", b"fact"))
_HEAD = struct.Struct("<16sQ16s16sQHHIIHH16sQ")


class W64(Chunks):
    """A W64 file."""

    original, label = Original.W64, "W64"
    start_bytes = 40
    chunk_head = struct.Struct("<16sQ")
    counts_head, alignment = True, 8
    sound_chunk = _DATA
    plumbing = (_FMT, _DATA, _FACT)

    @classmethod
    def begins(cls, start: bytes) -> bool:
        """See :class:`Chunks`."""
        return start[:12] == _RIFF[:12] and (len(start) < 40 or (start[12:16], start[24:40]) == (_RIFF[12:], _WAVE))

    def take(self, chunk: bytes, body: bytes) -> None:
        """See :class:`Chunks`."""
        if chunk == _FMT:
            self.audio_format = wave_format(body, self.name)

    @classmethod
    def plain_head(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """See :class:`Chunks`."""
        data = samples * audio_format.frame_bytes
        return _HEAD.pack(
            *(_RIFF, _HEAD.size + data, _WAVE),
            *(_FMT, 40, *format_fields(audio_format), _DATA, 24 + data),
        )

    @classmethod
    def plain_tail(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """See :class:`Chunks`. No padding: libsndfile would read it as samples."""
        return b""

    @classmethod
    def plain_layout(cls, sample_bits: int) -> Layout:
        """See :class:`Chunks`."""
        return PLAIN
