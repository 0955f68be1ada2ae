"""Streaming compression: a source of samples to a compressed file and back, block by block.

Both directions read and write sequentially and hold only a few blocks in memory. For clips in memory see
:mod:`idf.container.arrays`, for files on disk :mod:`idf.container.files`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from idf.audio.chunks import Chunks
from idf.audio.format import AudioFormat
from idf.audio.pcm_bytes import pcm_bytes
from idf.audio.sources import Source
from idf.audio.wav import Wav, canonical_head
from idf.coding.codec import MAX_CHUNK_SAMPLES, ChunkCodec
from idf.container.blocks.floats import decode_float_block, encode_float_block
from idf.container.blocks.planes import decode_block, encode_block
from idf.container.frame import Block, FrameReader, FrameWriter
from idf.container.records import (
    AUDIO,
    DAMAGED,
    FINGERPRINT_BYTES,
    HEAD,
    TAIL,
    End,
    Header,
    Kind,
    is_name,
)
from idf.errors import DataError, FormatError
from idf.workers.pool import ordered_map

MIN_BLOCK_SECONDS = 0.1
"""Shortest block. Adaptive flows start every block from scratch, so shorter ones would compress badly."""

Progress = Callable[[int], None]
"""Called with the number of samples (per channel) done since the last call."""


def no_progress(samples: int) -> None:
    """Do nothing: the default callback."""


def _ignore(data: bytes) -> None:
    """Do nothing: the default callback for the tail."""


@dataclass(frozen=True)
class Size:
    """The result of compressing or decompressing a file.

    Attributes:
        samples: samples per channel.
        audio_format: rate, channels and bits.
        compressed_bytes: size of the compressed file.
        note: what is not restored; empty if everything is.
    """

    samples: int
    audio_format: AudioFormat
    compressed_bytes: int
    note: str = ""

    @property
    def raw_bytes(self) -> int:
        """Bytes of the samples as PCM."""
        return self.samples * self.audio_format.frame_bytes

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.audio_format.rate_hz


def encode_stream(
    codec: ChunkCodec,
    source: Source,
    file: IO[bytes],
    *,
    name: bytes = b"",
    block_seconds: float | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Size:
    """Compress a source to a binary file, writing sequentially.

    Args:
        codec: the model.
        source: the audio.
        file: binary file to write to.
        name: name of the original file, to be stored; empty for none.
        block_seconds: length of a block, see :func:`block_samples`.
        jobs: number of blocks coded at once; the result does not depend on it.
        progress: called with the number of samples done.

    Raises:
        DataError: the source is damaged, or the model does not support blocks of that length.
        ValueError: the rate or the codec's block length is out of range.
    """
    audio_format = source.audio_format
    if not 0 < audio_format.rate_hz < 1 << 32:
        raise ValueError(f"rate_hz is {audio_format.rate_hz}; it must be 1 ... 2^32 - 1")
    if not 0 < codec.chunk_samples <= MAX_CHUNK_SAMPLES:
        raise ValueError(f"chunk_samples is {codec.chunk_samples}; it must be 1 ... {MAX_CHUNK_SAMPLES}")
    chunk_samples = block_samples(codec, audio_format, block_seconds)
    header = Header(
        fingerprint=codec.fingerprint[:FINGERPRINT_BYTES],
        rate_hz=audio_format.rate_hz,
        channels=audio_format.channels,
        sample_bits=audio_format.sample_bits,
        chunk_samples=chunk_samples,
        samples=source.announced,
        has_head=source.head is not None,
        original=source.original,
        name=name if is_name(name) else b"",
        is_float=audio_format.is_float,
        is_column=source.is_column,
        layout=source.layout,
    )
    writer = FrameWriter(file, header)
    writer.foreign(HEAD, source.head or b"")
    state, total = hashlib.sha256(), 0

    def encode(samples: np.ndarray) -> tuple[np.ndarray, bytes]:
        if audio_format.is_float:
            return samples, encode_float_block(codec, samples)
        return samples, encode_block(codec, samples, audio_format.sample_bits)

    for samples, payload in ordered_map(encode, source.blocks(chunk_samples), jobs):
        state.update(pcm_bytes(samples, audio_format.sample_bits))
        writer.audio(len(samples), payload)
        total += len(samples)
        progress(len(samples))
    for data in source.tail():
        writer.foreign(TAIL, data)
    writer.finish(state.digest())
    return Size(total, audio_format, writer.bytes_written, source.note)


def block_samples(codec: ChunkCodec, audio_format: AudioFormat, seconds: float | None) -> int:
    """Return the samples per channel of a block of ``seconds``; None for the model's longest blocks.

    Raises:
        DataError: less than 0.1 s, or more than the model supports; the message gives the range.
    """
    if seconds is None:
        return codec.chunk_samples
    longest = codec.chunk_samples / audio_format.rate_hz
    if not MIN_BLOCK_SECONDS <= seconds <= longest:
        choice = (
            f"choose {MIN_BLOCK_SECONDS} to {int(100 * longest) / 100:g} s"
            if longest >= 0.1
            else "omit the block length"
        )
        raise DataError(
            f"blocks of {seconds:g} s are not possible: at {audio_format.rate_hz} Hz this model has blocks of "
            f"{MIN_BLOCK_SECONDS} s to {codec.chunk_samples} samples; {choice}"
        )
    return max(round(seconds * audio_format.rate_hz), 1)


class Decoder:
    """Reads a compressed file sequentially: header, head, samples, tail, in this order.

    Args:
        file: binary file to read from; may be a pipe.

    Attributes:
        header: the file's header.
        audio_format: rate, channels and bits.
        digest: SHA-256 of the samples as PCM, set once the tail is read.

    Raises:
        FormatError: not a compressed file, another version, or a damaged header.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._reader = FrameReader(file)
        self.header = self._reader.header
        self.audio_format = self.header.audio_format
        self._pending: Block | End | None = None

    def head(self) -> bytes:
        """Return the original's bytes before the samples. Call first, and not for FLAC.

        Raises:
            FormatError: the file is damaged.
            DataError: too many samples for a WAV file.
        """
        kept = self.kept_head()
        if self.header.has_head:
            return kept
        assert self.header.samples is not None  # checked with the header
        return canonical_head(self.header.samples, self.audio_format)

    def kept_head(self) -> bytes:
        """Return the stored head, empty if there is none, and advance to the samples. Call first.

        Raises:
            FormatError: the file is damaged.
        """
        return b"".join(block.payload for block in self._blocks(HEAD))

    def samples(self, codec: ChunkCodec, *, jobs: int = 1) -> Iterator[np.ndarray]:
        """Yield blocks of samples, int32 (n, channels). Call after the head.

        Raises:
            FormatError: the file was made with another model, or is damaged; the message gives the samples.
        """
        check_model(codec, self.header)

        def decode(item: tuple[int, Block]) -> np.ndarray:
            return decode_samples(codec, self.header, item[0], item[1])

        yield from ordered_map(decode, self._audio_blocks(), jobs)

    def tail(self) -> Iterator[bytes]:
        """Yield the original's bytes after the samples, in pieces, then check the end of the file.

        Raises:
            FormatError: the file is damaged.
        """
        for block in self._blocks(TAIL):
            yield block.payload
        end = self._next()
        if not isinstance(end, End):
            raise FormatError(DAMAGED)
        self.digest = end.digest

    def _audio_blocks(self) -> Iterator[tuple[int, Block]]:
        first = 0
        for block in self._blocks(AUDIO):
            yield first, block
            first += block.samples

    def _blocks(self, kind: Kind) -> Iterator[Block]:
        """Yield the next blocks while they are of one kind."""
        while isinstance(part := self._next(), Block) and part.kind == kind:
            yield part
        self._pending = part

    def _next(self) -> Block | End:
        part, self._pending = self._pending or self._reader.next(), None
        return part


def decode_stream(
    codec: ChunkCodec,
    decoder: Decoder,
    write: Callable[[bytes], object],
    *,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> int:
    """Restore the original file (for FLAC: a WAV file of its samples).

    Args:
        codec: the model.
        decoder: the compressed file.
        write: called with the bytes, in order. They are valid only once this function returns.
        jobs: number of blocks decoded at once.
        progress: called with the number of samples done.

    Returns:
        The samples per channel.

    Raises:
        FormatError: the file is damaged or was made with another model.
        DataError: too many samples for a WAV file.
    """
    header = decoder.header
    if header.from_flac:
        decoder.kept_head()
        return decode_plain(codec, decoder, write, Wav, header.samples or 0, jobs=jobs, progress=progress)
    write(decoder.head())
    total = 0
    for samples in checked_samples(codec, decoder, jobs=jobs, tail=write):
        write(header.layout.to_bytes(samples, header.sample_bits))
        total += len(samples)
        progress(len(samples))
    return total


def decode_plain(
    codec: ChunkCodec,
    decoder: Decoder,
    write: Callable[[bytes], object],
    kind: type[Chunks],
    announced: int,
    *,
    tail: Callable[[bytes], object] = _ignore,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> int:
    """Write the samples as a new file of the given kind. Call after the head.

    Args:
        codec, decoder, write, jobs, progress: as for :func:`decode_stream`.
        kind: the kind of the new file.
        announced: samples per channel that the new file's head states.
        tail: called with the original's bytes after the samples.

    Returns, Raises:
        As :func:`decode_stream`.
    """
    audio_format = decoder.audio_format
    layout = kind.plain_layout(audio_format.sample_bits)
    write(kind.plain_head(announced, audio_format))
    total = 0
    for samples in checked_samples(codec, decoder, jobs=jobs, tail=tail):
        write(layout.to_bytes(samples, audio_format.sample_bits))
        total += len(samples)
        progress(len(samples))
    write(kind.plain_tail(total, audio_format))
    return total


def checked_samples(
    codec: ChunkCodec, decoder: Decoder, *, jobs: int = 1, tail: Callable[[bytes], object] = _ignore
) -> Iterator[np.ndarray]:
    """Yield all samples, block by block, and check their digest at the end. Call after the head.

    Args:
        codec: the model.
        decoder: the compressed file.
        jobs: number of blocks decoded at once.
        tail: called with the original's bytes after the samples.

    Raises:
        FormatError: the file is damaged or was made with another model.
    """
    state = hashlib.sha256()
    for samples in decoder.samples(codec, jobs=jobs):
        state.update(pcm_bytes(samples, decoder.audio_format.sample_bits))
        yield samples
    for data in decoder.tail():
        tail(data)
    if state.digest() != decoder.digest:
        raise FormatError("the decoded samples differ from those that were compressed (their digest differs)")


def decode_samples(codec: ChunkCodec, header: Header, first: int, block: Block) -> np.ndarray:
    """Decode an audio block. Returns int32 (n, channels). The caller has checked the model.

    Args:
        codec: the model.
        header: the file's header.
        first: number of the block's first sample, for messages.
        block: the block.

    Raises:
        FormatError: the block is damaged; the message gives its samples.
    """
    try:
        if header.is_float:
            return decode_float_block(codec, block.payload, block.samples, header.channels)
        return decode_block(codec, block.payload, block.samples, header.channels, header.sample_bits)
    except FormatError as error:
        name = f"the block of samples {first} to {first + block.samples - 1}"
        raise FormatError(f"{name} is damaged: {error}") from error


def check_model(codec: ChunkCodec, header: Header) -> None:
    """Check that ``codec`` made the file.

    Raises:
        FormatError: it did not (the message names both models), or the file's blocks are too long for it.
    """
    fingerprint = codec.fingerprint[:FINGERPRINT_BYTES]
    if header.fingerprint != fingerprint:
        raise FormatError(
            f"the file was made with model {header.fingerprint.hex()}, but this is model {fingerprint.hex()}; "
            "use the model that made it"
        )
    if header.chunk_samples > codec.chunk_samples:
        raise FormatError("the file's blocks are longer than its model allows, so this program did not make it")
