"""Entropy coding: from integers and their distributions to bytes on disk, exactly and back.

Distribution (:class:`IntegerMixture`) → bits (:class:`Message`) → file (:func:`compress_clip`,
:func:`compress_file`). No floats and no TensorFlow anywhere on that path.
"""

from idf.coding.container import (
    ChunkCodec,
    compress_clip,
    decode_chunk,
    decompress_clip,
    decompress_range,
    iter_chunks,
    pcm_digest,
)
from idf.coding.files import SUFFIX, Existing, compress_file, decompress_file
from idf.coding.frame import MAX_CHUNK_SAMPLES, Chunk, Container, Header, open_container, read_header
from idf.coding.message import CODERS, Message, MessageLike, new_message, read_message
from idf.coding.mixture import PRECISION, IntegerMixture, cumulative, ideal_bits, intervals, locate
from idf.coding.tables import TABLES_DIGEST, coding_tables
from idf.coding.wav import WavAround, split_wav

__all__ = [
    "CODERS",
    "MAX_CHUNK_SAMPLES",
    "PRECISION",
    "SUFFIX",
    "TABLES_DIGEST",
    "Chunk",
    "ChunkCodec",
    "Container",
    "Existing",
    "Header",
    "IntegerMixture",
    "Message",
    "MessageLike",
    "WavAround",
    "coding_tables",
    "compress_clip",
    "compress_file",
    "cumulative",
    "decode_chunk",
    "decompress_clip",
    "decompress_file",
    "decompress_range",
    "ideal_bits",
    "intervals",
    "iter_chunks",
    "locate",
    "new_message",
    "open_container",
    "pcm_digest",
    "read_header",
    "read_message",
    "split_wav",
]
