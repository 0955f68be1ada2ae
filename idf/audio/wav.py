"""WAV files taken apart so that they can be put together again byte for byte.

A file is ``head + samples + tail``: the head is everything before the payload of the ``data`` chunk,
the tail everything after it (tag chunks, padding, whatever follows). Neither is understood beyond
what is needed to find the samples. Files are read forwards, so pipes will do.

Sources: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991); EBU
Tech 3306 (RF64, files beyond 4 GiB).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

import numpy as np

from idf.audio.format import MAX_CHANNELS, AudioFormat, UnsupportedAudioError
from idf.audio.pcm_bytes import from_pcm_bytes, pcm_bytes
from idf.errors import DataError
from idf.files import read_fully

PCM_TAG, FLOAT_TAG = 1, 3
EXTENSIBLE_TAG = 0xFFFE
MAX_HEAD_BYTES = 1 << 28
"""A head is kept in memory while it is read; none comes near this."""

_CANONICAL = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM_SUBFORMAT = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
_MAX_DATA = 0xFFFFFFFF - _CANONICAL.size
_OPEN_SIZES = (0, 0xFFFFFFFF)
"""What writers that do not know the length yet leave in its place."""
_READ = 1 << 16
_REMEDY = "convert it first (that changes the samples)"
_TAGS = {2: "ADPCM", FLOAT_TAG: "float", 6: "A-law", 7: "µ-law", 0x11: "IMA ADPCM", 0x55: "MP3"}


def canonical_head(samples: int, audio_format: AudioFormat) -> bytes:
    """The usual 44 bytes before the samples of a WAV file.

    Raises:
        DataError: more samples than a WAV file can count (4 GiB).
    """
    data_bytes = samples * audio_format.frame_bytes
    if data_bytes > _MAX_DATA:
        raise DataError(f"{samples} samples do not fit a WAV file (4 GiB); write a .flac file instead")
    rate = audio_format.rate_hz
    return _CANONICAL.pack(
        *(
            b"RIFF",
            _CANONICAL.size - 8 + data_bytes + data_bytes % 2,
            b"WAVE",
            b"fmt ",
            16,
            FLOAT_TAG if audio_format.is_float else PCM_TAG,
            audio_format.channels,
        ),
        *(
            rate,
            min(rate * audio_format.frame_bytes, 0xFFFFFFFF),
            audio_format.frame_bytes,
            audio_format.sample_bits,
            b"data",
            data_bytes,
        ),
    )


def canonical_tail(samples: int, audio_format: AudioFormat) -> bytes:
    """What must follow the samples in a new file: a byte of padding after an odd number of bytes."""
    return bytes(samples * audio_format.frame_bytes % 2)


def to_wav_bytes(samples: np.ndarray, sample_bits: int) -> bytes:
    """Samples (n, channels) as a WAV file holds them: 8 bits are unsigned there."""
    if sample_bits == 8:
        return (samples + 128).astype(np.uint8).tobytes()
    return pcm_bytes(samples, sample_bits)


def from_wav_bytes(data: bytes, audio_format: AudioFormat) -> np.ndarray:
    """Undo :func:`to_wav_bytes`: int32 (n, channels)."""
    if audio_format.sample_bits == 8:
        return np.frombuffer(data, np.uint8).astype(np.int32).reshape(-1, audio_format.channels) - 128
    return from_pcm_bytes(data, audio_format.channels, audio_format.sample_bits)


def is_wav(start: bytes) -> bool:
    """Whether a file that begins like this (12 bytes are enough) is a WAV file."""
    return start[:4] in (b"RIFF", b"RF64", b"BW64") and start[8:12] == b"WAVE"


def chunk_names(data: bytes, start: int = 12) -> list[str]:
    """Names of the chunks in a head, or from ``start`` 0 in a tail, but for format and samples."""
    names, place = [], start
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        if kind not in (b"fmt ", b"data", b"ds64", b"fact") and kind.isalnum():
            names.append(kind.decode())
        place += 8 + size + size % 2
    return names


class WavReader:
    """A WAV file as head, samples and tail. Reads forwards only.

    A data chunk that claims more bytes than there are, or none (a recording broken off, or written to
    a pipe), goes on to the end of the file.

    Args:
        file: binary, to read from.
        name: what to call it in messages.
        start: bytes already read from it.

    Attributes:
        head: the bytes before the samples.
        audio_format: what the samples are.
        announced: samples that the file claims to have; None where it leaves that open.

    Raises:
        DataError: not a WAV file, no samples chunk, or samples of an unsupported kind.
    """

    def __init__(self, file: IO[bytes], name: str, start: bytes = b"") -> None:
        self._file, self._name = file, name
        self._rest = b""
        self._head = bytearray(start)
        self._fill(12)
        if not is_wav(bytes(self._head[:12])):
            raise UnsupportedAudioError(name, "not a WAV file")
        self.audio_format, self._data_bytes = self._find_samples()
        self.head = bytes(self._head)
        self.announced = None if self._data_bytes is None else self._data_bytes // self.audio_format.frame_bytes

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        """The samples, int32 (n, channels), ``samples`` at a time; the last block may be shorter."""
        frame = self.audio_format.frame_bytes
        left = None if self._data_bytes is None else self._data_bytes
        while left is None or left > 0:
            want = samples * frame if left is None else min(samples * frame, left)
            data = read_fully(self._file, want)
            whole = len(data) - len(data) % frame
            if whole:
                yield from_wav_bytes(data[:whole], self.audio_format)
            self._rest = data[whole:]
            if len(data) < want or whole < len(data):
                return
            if left is not None:
                left -= len(data)

    def tail(self) -> Iterator[bytes]:
        """What follows the samples, in pieces; to be asked for after the last block."""
        data = self._rest
        while data:
            yield data
            data = self._file.read(_READ)
        while data := self._file.read(_READ):
            yield data

    def _find_samples(self) -> tuple[AudioFormat, int | None]:
        """Read up to the first sample: what kind the samples are, and how many bytes (None: to the end)."""
        audio_format: AudioFormat | None = None
        long_size: int | None = None
        place = 12
        while self._fill(place + 8):
            kind, size = struct.unpack_from("<4sI", self._head, place)
            place += 8
            if kind == b"data":
                if audio_format is None:
                    raise DataError(f"{self._name}: the WAV file has samples before it says of what kind they are")
                if size == 0xFFFFFFFF and long_size is not None:
                    return audio_format, long_size
                return audio_format, None if size in _OPEN_SIZES else size
            if place + size > MAX_HEAD_BYTES:
                raise DataError(f"{self._name}: the WAV file has no samples in its first {MAX_HEAD_BYTES >> 20} MiB")
            self._fill(place + size + size % 2)
            body = bytes(self._head[place : place + size])
            if kind == b"fmt ":
                audio_format = _format(body, self._name)
            if kind == b"ds64" and len(body) >= 16:
                long_size = struct.unpack_from("<Q", body, 8)[0]
            place += size + size % 2
        raise DataError(f"{self._name}: the WAV file has no samples (no data chunk); it is cut off or damaged")

    def _fill(self, size: int) -> bool:
        """Have ``size`` bytes in the head, if the file has them."""
        if len(self._head) < size:
            self._head += read_fully(self._file, size - len(self._head))
        return len(self._head) >= size


def _format(fmt: bytes, name: str) -> AudioFormat:
    """What a fmt chunk describes, if it is supported."""
    if len(fmt) < 16:
        raise DataError(f"{name}: the WAV file's format chunk is cut off")
    tag, channels, rate_hz, _, block, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == EXTENSIBLE_TAG and fmt[24:40][2:] == _PCM_SUBFORMAT[2:]:
        tag = struct.unpack_from("<H", fmt, 24)[0]
    if tag != PCM_TAG and (tag, bits) != (FLOAT_TAG, 32):
        kind = f"{bits}-bit {_TAGS[tag]} samples" if tag in _TAGS else f"samples of WAV format {tag:#06x}"
        raise UnsupportedAudioError(name, f"found {kind}", remedy=_REMEDY)
    if not 1 <= channels <= MAX_CHANNELS:
        raise UnsupportedAudioError(name, f"found {channels} channels")
    if not 1 <= bits <= 32:
        raise UnsupportedAudioError(name, f"found {bits}-bit PCM samples", remedy=_REMEDY)
    width = -(-bits // 8)
    if block != width * channels:
        raise UnsupportedAudioError(name, f"found {channels} x {bits} bits in {block} bytes")
    if rate_hz == 0:
        raise DataError(f"{name}: the WAV file says 0 samples a second")
    return AudioFormat(int(rate_hz), int(channels), 8 * width, tag == FLOAT_TAG)
