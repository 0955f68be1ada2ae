"""What samples are, which kinds of them are supported, and the error about all other kinds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from idf.errors import DataError

MAX_CHANNELS = 8
SAMPLE_BITS = (8, 16, 24, 32)
SUPPORTED = "integer PCM of 8, 16, 24 or 32 bits or 32-bit floats, 1 to 8 channels, as WAV; FLAC of 8, 16 or 24 bits"


class Original(IntEnum):
    """What a file was before it was compressed: how its samples are laid out as bytes."""

    WAV, FLAC = range(2)


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
