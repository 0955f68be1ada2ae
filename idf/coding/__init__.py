"""Entropy coding: from integers and their distributions to bytes on disk, exactly and back.

Distribution (:class:`IntegerMixture`) → bits (:class:`Message`) → audio blocks (:func:`encode_block`)
→ file (:func:`compress_clip`, :func:`compress_file`). No TensorFlow anywhere on that path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idf.audio.wav import WavFormat
from idf.coding.codec import MAX_CHUNK_SAMPLES, ChunkCodec
from idf.coding.container import compress_array, compress_clip, decompress_array, decompress_clip
from idf.coding.files import SUFFIX, Check, Existing, compress_file, decompress_file, read_file_header, verify_file
from idf.coding.index import read_index
from idf.coding.parts import Header, read_header
from idf.coding.planes import decode_block, encode_block
from idf.coding.reading import RangeReader
from idf.coding.stream import Decoder, Size, decode_stream, encode_stream
from idf.coding.tables import TABLES_DIGEST, coding_tables

if TYPE_CHECKING:
    from idf.coding.coders import CODERS, new_message, read_message
    from idf.coding.message import Message, MessageLike
    from idf.coding.mixture import PRECISION, IntegerMixture, cumulative, ideal_bits, intervals, locate

__all__ = [
    "CODERS",
    "MAX_CHUNK_SAMPLES",
    "PRECISION",
    "SUFFIX",
    "TABLES_DIGEST",
    "Check",
    "ChunkCodec",
    "Decoder",
    "Existing",
    "Header",
    "IntegerMixture",
    "Message",
    "MessageLike",
    "RangeReader",
    "Size",
    "WavFormat",
    "coding_tables",
    "compress_array",
    "compress_clip",
    "compress_file",
    "cumulative",
    "decode_block",
    "decode_stream",
    "decompress_array",
    "decompress_clip",
    "decompress_file",
    "encode_block",
    "encode_stream",
    "ideal_bits",
    "intervals",
    "locate",
    "new_message",
    "read_file_header",
    "read_header",
    "read_index",
    "read_message",
    "verify_file",
]


def __getattr__(name: str) -> Any:
    # Compiled loops: numba takes a third of a second to import, and a command that codes nothing does without.
    if name in __all__:
        from idf.coding import message, mixture

        return getattr(message if hasattr(message, name) else mixture, name)
    raise AttributeError(f"module 'idf.coding' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
