"""Clips as files in memory: samples to a compressed file and back, through any model.

A model is a :class:`~idf.coding.codec.ChunkCodec`: it turns samples into bytes and back, and is named by its
fingerprint. These functions are for clips that fit in memory; files of any length are
:mod:`idf.container.stream`, parts of a file :mod:`idf.container.reading`.

Every byte of a file is under a CRC-32 and the samples under a digest, so damage anywhere is a
:class:`~idf.errors.FormatError` and never other audio.
"""

from __future__ import annotations

import io

import numpy as np

from idf.audio.format import AudioFormat
from idf.audio.sources import ArraySource
from idf.coding.codec import ChunkCodec
from idf.container.stream import Decoder, checked_samples, encode_stream


def compress_array(
    codec: ChunkCodec,
    samples: np.ndarray,
    audio_format: AudioFormat,
    *,
    is_column: bool = False,
    block_seconds: float | None = None,
    jobs: int = 1,
) -> bytes:
    """Code samples as a file.

    Args:
        samples: integers (time, channels) within the bits of ``audio_format``; may be empty.
        is_column: kept with the file: one channel was given as (time, 1).
        block_seconds: length of a block, see :func:`idf.container.stream.block_samples`.

    Raises:
        DataError: blocks of that length cannot be had.
        ValueError: samples that are not what ``audio_format`` says, or a rate out of range.
    """
    samples = np.asarray(samples)
    limit = 1 << (audio_format.sample_bits - 1)
    fits = samples.size == 0 or (samples.min() >= -limit and samples.max() < limit)
    if samples.ndim != 2 or samples.shape[1] != audio_format.channels or samples.dtype.kind not in "iu" or not fits:
        raise ValueError(
            f"samples must be integers of {audio_format.sample_bits} bits (time, {audio_format.channels}), "
            f"not {samples.dtype} {samples.shape}"
        )
    file = io.BytesIO()
    source = ArraySource(samples.astype(np.int32, copy=False), audio_format, is_column=is_column)
    encode_stream(codec, source, file, block_seconds=block_seconds, jobs=jobs)
    return file.getvalue()


def decompress_array(codec: ChunkCodec, data: bytes, *, jobs: int = 1) -> tuple[np.ndarray, AudioFormat]:
    """Undo :func:`compress_array`, or read any other compressed file: int32 (time, channels), and what they are.

    Raises:
        FormatError: the file is damaged, of another version, or was made with another model.
    """
    decoder = Decoder(io.BytesIO(data))
    decoder.kept_head()
    empty = np.empty((0, decoder.audio_format.channels), np.int32)
    return np.concatenate([empty, *checked_samples(codec, decoder, jobs=jobs)]), decoder.audio_format
