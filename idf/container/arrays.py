"""Clips as files in memory: samples to a compressed file and back, through any model.

A model is a :class:`ChunkCodec`: it turns samples into bytes and back, and is named by its
fingerprint. These functions are for clips that fit in memory; files of any length are
:mod:`idf.container.stream`, parts of a file :mod:`idf.container.reading`.

Every byte of a file is under a CRC-32 and the samples under a digest, so damage anywhere is a
:class:`~idf.errors.FormatError` and never other audio.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from idf.audio.format import AudioFormat
from idf.audio.sources import ArraySource
from idf.coding.codec import ChunkCodec
from idf.container.stream import Decoder, checked_samples, encode_stream
from idf.errors import FormatError

if TYPE_CHECKING:
    from idf.audio.pcm import Pcm

__all__ = ["ChunkCodec", "compress_array", "compress_clip", "decompress_array", "decompress_clip"]


def compress_array(codec: ChunkCodec, samples: np.ndarray, audio_format: AudioFormat, *, jobs: int = 1) -> bytes:
    """Code samples as a file.

    Args:
        samples: integers (time, channels) within the bits of ``audio_format``; may be empty.

    Raises:
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
    encode_stream(codec, ArraySource(samples.astype(np.int32, copy=False), audio_format), file, jobs=jobs)
    return file.getvalue()


def decompress_array(codec: ChunkCodec, data: bytes, *, jobs: int = 1) -> tuple[np.ndarray, AudioFormat]:
    """Undo :func:`compress_array`, or read any other compressed file: int32 (time, channels), and what they are.

    Raises:
        FormatError: the file is damaged, of another version, or was made with another model.
    """
    decoder = Decoder(io.BytesIO(data))
    decoder.skip_head()
    empty = np.empty((0, decoder.audio_format.channels), np.int32)
    return np.concatenate([empty, *checked_samples(codec, decoder, jobs=jobs)]), decoder.audio_format


def compress_clip(codec: ChunkCodec, samples: np.ndarray, rate_hz: int) -> bytes:
    """Code a mono 16-bit clip as a file.

    Args:
        samples: integers (time,), 16-bit values; may be empty.
        rate_hz: 1 ... 2^32 - 1.

    Raises:
        ValueError: samples that are no 16-bit mono, or a rate out of range.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError(f"samples must be mono integers of 16 bits (time,), not {samples.dtype} {samples.shape}")
    return compress_array(codec, samples[:, None], AudioFormat(rate_hz, 1, 16))


def decompress_clip(codec: ChunkCodec, data: bytes) -> Pcm:
    """Undo :func:`compress_clip`.

    Raises:
        FormatError: the file is damaged, of another version or kind, or was made with another model.
    """
    from idf.audio.pcm import Pcm  # deferred: much that a command has no use for

    samples, audio_format = decompress_array(codec, data)
    if (audio_format.channels, audio_format.sample_bits) != (1, 16):
        raise FormatError(
            f"the file holds {audio_format.channels} channels of {audio_format.sample_bits} bits, not mono of 16"
        )
    return Pcm(samples=samples[:, 0], rate_hz=audio_format.rate_hz)
