"""Clips as files: samples to a compressed file in memory and back, through any model.

A model is a :class:`ChunkCodec`: it turns samples into bytes and back, and is named by its
fingerprint. The file around its chunks is :mod:`idf.coding.frame`; files on disk are
:mod:`idf.coding.files`.

Every byte of a file is under a CRC-32 and the samples under a digest, so damage anywhere is a
:class:`~idf.errors.FormatError` and never other audio. Reading takes memory for the file, the samples
asked for, and one chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from idf.audio import Pcm
from idf.coding import frame
from idf.coding.frame import Container, Header, Payload, open_container, read_payload, write_container
from idf.coding.wav import WavAround, is_canonical
from idf.errors import FormatError


class ChunkCodec(Protocol):
    """What the container needs of a model. Chunks are coded each by itself.

    Attributes:
        fingerprint: 16 bytes that change whenever the meaning of the coded bytes does.
        chunk_samples: samples of a chunk (the last may be shorter), 1 ... 2^20.
    """

    @property
    def fingerprint(self) -> bytes: ...

    @property
    def chunk_samples(self) -> int: ...

    def encode(self, samples: np.ndarray) -> bytes:
        """int32 (n,) with 1 <= n <= chunk_samples, 16-bit values, to bytes."""
        ...

    def decode(self, data: bytes, count: int) -> np.ndarray:
        """Undo :meth:`encode`; ``count`` is n. Raises FormatError, and nothing else, for any other bytes."""
        ...


def compress_clip(
    codec: ChunkCodec, samples: np.ndarray, rate_hz: int, wav_bytes_around: WavAround | None = None
) -> bytes:
    """Code a clip as a file.

    Args:
        samples: integers (time,), 16-bit values; may be empty.
        rate_hz: 1 ... 2^32 - 1.
        wav_bytes_around: the WAV file around the samples, if it must come back byte for byte. The
            canonical 44-byte header costs nothing.

    Raises:
        ValueError: samples that are no 16-bit mono, or a rate out of range.
    """
    samples = _checked_samples(samples)
    if not 0 < rate_hz < 1 << 32:
        raise ValueError(f"rate_hz is {rate_hz}; it must be 1 ... 2^32 - 1")
    if not 0 < codec.chunk_samples <= frame.MAX_CHUNK_SAMPLES:
        raise ValueError(f"chunk_samples is {codec.chunk_samples}; it must be 1 ... {frame.MAX_CHUNK_SAMPLES}")
    around = (
        None if wav_bytes_around is None or is_canonical(wav_bytes_around, len(samples), rate_hz) else wav_bytes_around
    )
    header = Header(
        version=frame.VERSION,
        fingerprint=codec.fingerprint,
        rate_hz=rate_hz,
        channels=frame.CHANNELS,
        sample_bits=8 * frame.SAMPLE_BYTES,
        samples=len(samples),
        chunk_samples=codec.chunk_samples,
        wav_head=None if around is None else around.head,
    )
    starts = range(0, len(samples), codec.chunk_samples)
    payloads = [_encode_chunk(codec, samples[first : first + codec.chunk_samples]) for first in starts]
    return write_container(header, payloads, b"" if around is None else around.tail, pcm_digest(samples))


def decompress_clip(codec: ChunkCodec, data: bytes) -> Pcm:
    """Undo :func:`compress_clip`, and check the digest of the samples.

    Raises:
        FormatError: the file is damaged, of another version, or was made with another model.
    """
    container = open_container(data)
    return Pcm(samples=read_samples(codec, container), rate_hz=container.header.rate_hz)


def read_samples(codec: ChunkCodec, container: Container) -> np.ndarray:
    """All samples of an opened file, int32 (time,), checked by their digest.

    Raises:
        FormatError: see :func:`decompress_clip`.
    """
    return np.concatenate([np.empty(0, np.int32), *iter_chunks(codec, container)])


def decompress_range(codec: ChunkCodec, data: bytes, start: int, stop: int) -> np.ndarray:
    """The samples ``start`` to ``stop`` (exclusive), decoding only the chunks they lie in.

    Each chunk is checked by its CRC; the digest of the whole cannot be.

    Returns:
        int32 (stop - start,).

    Raises:
        ValueError: not 0 <= start <= stop <= samples of the file.
        FormatError: see :func:`decompress_clip`.
    """
    container = open_container(data)
    header = container.header
    check_model(codec, header)
    if not 0 <= start <= stop <= header.samples:
        raise ValueError(f"samples {start} to {stop} asked for, the file has {header.samples}")
    samples = np.empty(stop - start, np.int32)
    if start == stop:
        return samples
    for number in range(start // header.chunk_samples, -(-stop // header.chunk_samples)):
        chunk = container.chunks[number]
        lo, hi = max(start, chunk.first), min(stop, chunk.first + chunk.samples)
        samples[lo - start : hi - start] = decode_chunk(codec, container, number)[lo - chunk.first : hi - chunk.first]
    return samples


def iter_chunks(codec: ChunkCodec, container: Container) -> Iterator[np.ndarray]:
    """The samples chunk by chunk, int32 (n,) each; raises at the end if their digest is not the file's.

    Raises:
        FormatError: see :func:`decompress_clip`.
    """
    check_model(codec, container.header)
    state = hashlib.sha256()
    for number in range(len(container.chunks)):
        samples = decode_chunk(codec, container, number)
        state.update(pcm_bytes(samples))
        yield samples
    if state.digest()[: frame.DIGEST_BYTES] != container.digest:
        raise FormatError("the decoded samples are not those that were compressed (their digest differs)")


def decode_chunk(codec: ChunkCodec, container: Container, number: int) -> np.ndarray:
    """The samples of one chunk, int32 (n,). The caller has checked the model (:func:`check_model`).

    Raises:
        FormatError: the chunk is damaged; the message names it.
    """
    chunk = container.chunks[number]
    payload = read_payload(container, number)
    if chunk.kind == frame.RAW:
        return np.frombuffer(payload, "<i2").astype(np.int32)
    if chunk.kind == frame.CONSTANT:
        return np.full(chunk.samples, np.frombuffer(payload, "<i2")[0], np.int32)
    samples = codec.decode(payload, chunk.samples)
    if samples.shape != (chunk.samples,) or not _is_16_bit(samples):
        raise FormatError(f"{chunk.name} decodes to something that is no 16-bit audio of that length")
    return samples.astype(np.int32, copy=False)


def check_model(codec: ChunkCodec, header: Header) -> None:
    """Check that ``codec`` is the one that made the file.

    Raises:
        FormatError: it is not; names both.
    """
    if header.fingerprint != codec.fingerprint:
        raise FormatError(
            f"the file was made with model {header.fingerprint.hex()}, this is model {codec.fingerprint.hex()}; "
            "decompress it with the model file that made it"
        )


def pcm_bytes(samples: np.ndarray) -> bytes:
    """Samples as little-endian signed 16-bit PCM."""
    return samples.astype("<i2").tobytes()


def pcm_digest(samples: np.ndarray) -> bytes:
    """First 16 bytes of the SHA-256 of the samples as little-endian signed 16-bit PCM."""
    return hashlib.sha256(pcm_bytes(samples)).digest()[: frame.DIGEST_BYTES]


def _encode_chunk(codec: ChunkCodec, samples: np.ndarray) -> Payload:
    """The model's code, unless a simpler way is as short."""
    if np.all(samples == samples[0]):
        return Payload(frame.CONSTANT, pcm_bytes(samples[:1]))
    data = codec.encode(samples)
    if len(data) < frame.SAMPLE_BYTES * len(samples):
        return Payload(frame.CODED, data)
    return Payload(frame.RAW, pcm_bytes(samples))


def _checked_samples(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples)
    if samples.ndim != 1 or not _is_16_bit(samples):
        raise ValueError(f"samples must be mono integers of 16 bits (time,), not {samples.dtype} {samples.shape}")
    return samples.astype(np.int32, copy=False)


def _is_16_bit(samples: np.ndarray) -> bool:
    if not np.issubdtype(samples.dtype, np.integer):
        return False
    return samples.size == 0 or (samples.min() >= -(1 << 15) and samples.max() < 1 << 15)
