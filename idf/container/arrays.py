"""Compressing arrays to files in memory and back, with any model.

A model is a :class:`~idf.coding.codec.ChunkCodec`, which turns samples into bytes and back and is identified by its
fingerprint. These functions are for clips that fit in memory. For files of any length see
:mod:`idf.container.stream`, for parts of files :mod:`idf.container.reading`.

Every byte of a file is protected by a CRC-32 and the samples by a digest, so damage anywhere raises
:class:`~idf.errors.FormatError` and never yields wrong audio.
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
    """Compress samples. Returns the content of a compressed file.

    Args:
        codec: the model.
        samples: integers (time, channels) in the range of ``audio_format``; may be empty.
        audio_format: format of the samples.
        is_column: whether the original array has shape (time, 1); stored in the file.
        block_seconds: length of a block, see :func:`idf.container.stream.block_samples`.
        jobs: number of blocks coded at once; the result does not depend on it.

    Raises:
        DataError: the model does not support blocks of that length.
        ValueError: the samples do not match ``audio_format``, or its rate is out of range.
    """
    samples = np.asarray(samples)
    limit = 1 << (audio_format.sample_bits - 1)
    fits = samples.size == 0 or (samples.min() >= -limit and samples.max() < limit)
    if samples.ndim != 2 or samples.shape[1] != audio_format.channels or samples.dtype.kind not in "iu" or not fits:
        raise ValueError(
            f"samples must be {audio_format.sample_bits}-bit integers of shape (time, {audio_format.channels}), "
            f"not {samples.dtype} {samples.shape}"
        )
    file = io.BytesIO()
    source = ArraySource(samples.astype(np.int32, copy=False), audio_format, is_column=is_column)
    encode_stream(codec, source, file, block_seconds=block_seconds, jobs=jobs)
    return file.getvalue()


def decompress_array(codec: ChunkCodec, data: bytes, *, jobs: int = 1) -> tuple[np.ndarray, AudioFormat]:
    """Decompress any compressed file. Returns int32 samples (time, channels) and their format.

    Raises:
        FormatError: the file is damaged, of another version, or was made with another model.
    """
    decoder = Decoder(io.BytesIO(data))
    decoder.kept_head()
    empty = np.empty((0, decoder.audio_format.channels), np.int32)
    return np.concatenate([empty, *checked_samples(codec, decoder, jobs=jobs)]), decoder.audio_format
