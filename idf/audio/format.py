"""What samples are, which kinds of them are supported, and the error about all other kinds."""

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
    """What kind of file samples come from, as compressed files number them."""

    WAV, FLAC, AIFF, CAF, W64 = range(5)


SUFFIXES = {
    Original.WAV: (".wav", ".wave", ".bwf"),
    Original.FLAC: (".flac",),
    Original.AIFF: (".aiff", ".aif", ".aifc"),
    Original.CAF: (".caf",),
    Original.W64: (".w64",),
}
"""Of names, by what is written under them; the first is the usual one."""
AUDIO_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
OTHER_SUFFIXES = (
    *(".mp3", ".m4a", ".aac", ".alac", ".ogg", ".oga", ".opus", ".wv", ".ape", ".tta", ".wma", ".au", ".snd"),
    *(".ofr", ".tak", ".shn", ".mka"),
)
"""Of other audio, which is neither read nor written."""


@dataclass(frozen=True)
class AudioFormat:
    """Rate, channels, and bits of the container of a sample (8, 16, 24, 32).

    Attributes:
        is_float: 32 bits are an IEEE float. Samples are then int32 of the same bits wherever there are arrays.
    """

    rate_hz: int
    channels: int
    sample_bits: int
    is_float: bool = False

    @property
    def sample_name(self) -> str:
        """Such as ``16 bits`` or ``32-bit float``."""
        return "32-bit float" if self.is_float else f"{self.sample_bits} bits"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels as PCM."""
        return self.channels * self.sample_bits // 8


class UnsupportedAudioError(DataError):
    """Intact audio of a kind that the reader does not take.

    Args:
        name: of the file.
        finding: what is wrong with it, such as ``found 9 channels``.
        supported: what the reader takes.
        remedy: what to do.
    """

    def __init__(
        self, name: str, finding: str, *, supported: str = SUPPORTED, remedy: str = "convert it first"
    ) -> None:
        super().__init__(f"{name}: {finding}; supported: {supported}; {remedy}")
        self.finding = finding
