"""WAV files: RIFF, and RF64 and BW64 for more than 4 GiB.

Sources: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991); EBU
Tech 3306 (RF64).
"""

from __future__ import annotations

import struct

import numpy as np

from idf.audio.chunks import CONVERT, Chunks, checked_format, too_long
from idf.audio.format import AudioFormat, Original, UnsupportedAudioError
from idf.audio.pcm_bytes import PLAIN, Layout
from idf.errors import DataError

PCM_TAG, FLOAT_TAG = 1, 3
EXTENSIBLE_TAG = 0xFFFE

_CANONICAL = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM_SUBFORMAT = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
_MAX_DATA = 0xFFFFFFFF - _CANONICAL.size
_TAGS = {2: "ADPCM", FLOAT_TAG: "float", 6: "A-law", 7: "µ-law", 0x11: "IMA ADPCM", 0x55: "MP3"}


class Wav(Chunks):
    """A WAV file."""

    original, label = Original.WAV, "WAV"
    chunk_head = struct.Struct("<4sI")
    plumbing = (b"fmt ", b"data", b"ds64", b"fact")

    def __init__(self, name: str, start: bytes) -> None:
        super().__init__(name, start)
        self._long_size: int | None = None

    @classmethod
    def begins(cls, start: bytes) -> bool:
        """See :class:`Chunks`."""
        return start[:4] in (b"RIFF", b"RF64", b"BW64") and start[8:12] == b"WAVE"

    def take(self, chunk: bytes, body: bytes) -> None:
        """See :class:`Chunks`."""
        if chunk == b"fmt ":
            self.audio_format = wave_format(body, self.name)
        if chunk == b"ds64" and len(body) >= 16:
            self._long_size = struct.unpack_from("<Q", body, 8)[0]

    def sound_bytes(self, size: int | None) -> int | None:
        """See :class:`Chunks`. RF64 stores the size in its ds64 chunk; 0 there means unknown."""
        return self._long_size or None if size is None else size

    @classmethod
    def plain_head(cls, samples: int, audio_format: AudioFormat) -> bytes:
        """See :class:`Chunks`."""
        return canonical_head(samples, audio_format)

    @classmethod
    def plain_layout(cls, sample_bits: int) -> Layout:
        """See :class:`Chunks`."""
        return PLAIN


def canonical_head(samples: int, audio_format: AudioFormat) -> bytes:
    """Return the canonical 44-byte header of a WAV file.

    Raises:
        DataError: more samples than fit in a WAV file (4 GiB).
    """
    data_bytes = samples * audio_format.frame_bytes
    if data_bytes > _MAX_DATA:
        raise too_long(samples, "WAV")
    return _CANONICAL.pack(
        *(b"RIFF", _CANONICAL.size - 8 + data_bytes + data_bytes % 2, b"WAVE"),
        *(b"fmt ", 16, *format_fields(audio_format), b"data", data_bytes),
    )


def canonical_tail(samples: int, audio_format: AudioFormat) -> bytes:
    """Return what follows the samples in a new file: one byte of padding after an odd number of bytes."""
    return Wav.plain_tail(samples, audio_format)


def to_wav_bytes(samples: np.ndarray, sample_bits: int) -> bytes:
    """Return samples (n, channels) as the bytes of a WAV file, in which 8-bit samples are unsigned."""
    return PLAIN.to_bytes(samples, sample_bits)


def format_fields(audio_format: AudioFormat) -> tuple[int, int, int, int, int, int]:
    """Return the six fields of a plain format chunk: tag, channels, rate, bytes per second, bytes per frame, bits."""
    rate, frame = audio_format.rate_hz, audio_format.frame_bytes
    tag = FLOAT_TAG if audio_format.is_float else PCM_TAG
    return tag, audio_format.channels, rate, min(rate * frame, 0xFFFFFFFF), frame, audio_format.sample_bits


def wave_format(fmt: bytes, name: str) -> AudioFormat:
    """Return the sample format that a format chunk describes. Raises DataError if it is damaged or unsupported."""
    if len(fmt) < 16:
        raise DataError(f"{name}: the format chunk is truncated")
    tag, channels, rate_hz, _, block, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == EXTENSIBLE_TAG and fmt[24:40][2:] == _PCM_SUBFORMAT[2:]:
        tag = struct.unpack_from("<H", fmt, 24)[0]
    if tag not in (PCM_TAG, FLOAT_TAG):
        kind = f"{bits}-bit {_TAGS[tag]} samples" if tag in _TAGS else f"samples of WAV format {tag:#06x}"
        raise UnsupportedAudioError(name, f"found {kind}", remedy=CONVERT)
    return checked_format(name, rate_hz, channels, bits, is_float=tag == FLOAT_TAG, frame_bytes=block)
