"""The supported kinds of chunked files: bytes before the samples, the samples, bytes after them."""

from __future__ import annotations

from idf.audio.aiff import Aiff
from idf.audio.caf import Caf
from idf.audio.chunks import Chunks
from idf.audio.format import Original
from idf.audio.w64 import W64
from idf.audio.wav import Wav

KINDS: dict[Original, type[Chunks]] = {kind.original: kind for kind in (Wav, Aiff, Caf, W64)}


def kind_of(start: bytes) -> type[Chunks] | None:
    """Return the kind of a file that begins with ``start`` (12 bytes are enough), or None."""
    return next((kind for kind in KINDS.values() if kind.begins(start)), None)
