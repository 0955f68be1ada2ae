"""Sample formats: what describes one, which are supported, and the error for all others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from idf.errors import DataError

MAX_CHANNELS = 8
SAMPLE_BITS = (8, 16, 24, 32)
SUPPORTED = (
    "integer PCM of 8, 16, 24 or 32 bits or 32-bit floats, 1 to 8 channels, as WAV, AIFF, AIFF-C, CAF or W64; "
    "FLAC of 8, 16 or 24 bits"
)


class Original(IntEnum):
    """The kind of file that samples come from. Compressed files store these numbers."""

    WAV, FLAC, AIFF, CAF, W64 = range(5)


SUFFIXES = {
    Original.WAV: (".wav", ".wave", ".bwf"),
    Original.FLAC: (".flac",),
    Original.AIFF: (".aiff", ".aif", ".aifc"),
    Original.CAF: (".caf",),
    Original.W64: (".w64",),
}
"""File name suffixes of each kind, the usual one first."""
AUDIO_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
OTHER_SUFFIXES = (
    *(".mp3", ".m4a", ".aac", ".alac", ".ogg", ".oga", ".opus", ".wv", ".ape", ".tta", ".wma", ".au", ".snd"),
    *(".ofr", ".tak", ".shn", ".mka"),
)
"""Suffixes of audio files that are neither read nor written."""


@dataclass(frozen=True)
class AudioFormat:
    """A sample format.

    Attributes:
        rate_hz: sampling rate in Hz.
        channels: number of channels.
        sample_bits: bits that a sample occupies: 8, 16, 24 or 32.
        is_float: whether samples are 32-bit IEEE floats. Arrays hold their bit patterns as int32.
    """

    rate_hz: int
    channels: int
    sample_bits: int
    is_float: bool = False

    @property
    def sample_name(self) -> str:
        """The sample type in words, such as ``16 bits`` or ``32-bit float``."""
        return "32-bit float" if self.is_float else f"{self.sample_bits} bits"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame (one sample of every channel) as PCM."""
        return self.channels * self.sample_bits // 8


class UnsupportedAudioError(DataError):
    """Intact audio in a format that the reader does not support.

    Args:
        name: name of the file.
        finding: what is not supported, such as ``found 9 channels``.
        supported: the formats that the reader accepts.
        remedy: what to do.
    """

    def __init__(
        self, name: str, finding: str, *, supported: str = SUPPORTED, remedy: str = "convert it first"
    ) -> None:
        super().__init__(f"{name}: {finding}; supported: {supported}; {remedy}")
        self.finding = finding
