"""Files coded as they flow past: a source of samples to a compressed file and back, a block at a time.

Both directions read and write forwards only and hold a few blocks in memory whatever the length.
Whole clips in memory: :mod:`idf.container.arrays`; files on disk: :mod:`idf.container.files`.
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
"""Shorter blocks are not made: each begins with nothing learned."""

Progress = Callable[[int], None]
"""Told the number of samples (in each channel) that were done since it was last told."""


def no_progress(samples: int) -> None:
    """Do nothing: the default callback."""


def _ignore(data: bytes) -> None:
    """Do nothing: the default where a tail is not wanted."""


@dataclass(frozen=True)
class Size:
    """What compressing or decompressing came to.

    Attributes:
        samples: in each channel.
        audio_format: rate, channels and bits.
        compressed_bytes: of the whole file.
        note: what does not come back, a sentence; empty where all does.
    """

    samples: int
    audio_format: AudioFormat
    compressed_bytes: int
    note: str = ""

    @property
    def raw_bytes(self) -> int:
        """The samples as PCM."""
        return self.samples * self.audio_format.frame_bytes

    @property
    def seconds(self) -> float:
        """Of sound."""
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
    """Compress a source to a binary file, which is only written to.

    Args:
        name: of the original file, to be kept; empty for none.
        block_seconds: length of a block, see :func:`block_samples`.
        jobs: blocks that are coded at the same time; the result is the same.

    Raises:
        DataError: the source is broken, or blocks of that length cannot be had.
        ValueError: a rate or a codec out of range.
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
    """Samples in a block of ``seconds``; None for the longest blocks that the model has.

    Raises:
        DataError: less than 0.1 s, or more than the model's blocks can hold; says what there is to choose from.
    """
    if seconds is None:
        return codec.chunk_samples
    longest = codec.chunk_samples / audio_format.rate_hz
    if not MIN_BLOCK_SECONDS <= seconds <= longest:
        choice = f"choose {MIN_BLOCK_SECONDS} to {int(100 * longest) / 100:g} s" if longest >= 0.1 else "leave it out"
        raise DataError(
            f"no blocks of {seconds:g} s: at {audio_format.rate_hz} Hz those of this model have {MIN_BLOCK_SECONDS} s "
            f"to {codec.chunk_samples} samples; {choice}"
        )
    return max(round(seconds * audio_format.rate_hz), 1)


class Decoder:
    """A compressed file read forwards: first the header, then samples, then what stood around them.

    Args:
        file: binary, to read from; a pipe will do.

    Attributes:
        header: what the file says of itself.
        audio_format: rate, channels and bits.
        digest: after the last block of samples: the SHA-256 of their PCM.

    Raises:
        FormatError: no file of ours, another version, or a damaged header.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._reader = FrameReader(file)
        self.header = self._reader.header
        self.audio_format = self.header.audio_format
        self._pending: Block | End | None = None

    def head(self) -> bytes:
        """The bytes before the samples in the original, which is no FLAC; to be asked for first.

        Raises:
            FormatError: the file is damaged.
            DataError: the samples are too many for a WAV file.
        """
        kept = self.kept_head()
        if self.header.has_head:
            return kept
        assert self.header.samples is not None  # checked with the header
        return canonical_head(self.header.samples, self.audio_format)

    def kept_head(self) -> bytes:
        """What is kept of the original before the samples, and the way to them; to be asked for first.

        Raises:
            FormatError: the file is damaged.
        """
        return b"".join(block.payload for block in self._blocks(HEAD))

    def samples(self, codec: ChunkCodec, *, jobs: int = 1) -> Iterator[np.ndarray]:
        """Blocks int32 (n, channels), after the head.

        Raises:
            FormatError: made with another model, or damaged; the message names the samples.
        """
        check_model(codec, self.header)

        def decode(item: tuple[int, Block]) -> np.ndarray:
            return decode_samples(codec, self.header, item[0], item[1])

        yield from ordered_map(decode, self._audio_blocks(), jobs)

    def tail(self) -> Iterator[bytes]:
        """The bytes after the samples, in pieces; then the file's end is checked.

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
        """The blocks of one kind that come next."""
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
    """Restore the original file (of a FLAC, a WAV file of its samples).

    Args:
        write: is given the bytes, in order. They are right only once this function returns.

    Returns:
        Samples in each channel.

    Raises:
        FormatError: damaged, or made with another model.
        DataError: the samples are too many for a WAV file.
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
    """Write the samples, after the head, as a new file of some kind.

    Args:
        announced: samples, as the head of the new file is to say.
        tail: is given the bytes after the samples in the original.

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
    """All samples, block by block, after the head; raises at the end if their digest is not the file's.

    Args:
        tail: is given the bytes after the samples.

    Raises:
        FormatError: damaged, or made with another model.
    """
    state = hashlib.sha256()
    for samples in decoder.samples(codec, jobs=jobs):
        state.update(pcm_bytes(samples, decoder.audio_format.sample_bits))
        yield samples
    for data in decoder.tail():
        tail(data)
    if state.digest() != decoder.digest:
        raise FormatError("the decoded samples are not those that were compressed (their digest differs)")


def decode_samples(codec: ChunkCodec, header: Header, first: int, block: Block) -> np.ndarray:
    """The samples of an audio block, int32 (n, channels). The caller has checked the model.

    Raises:
        FormatError: damaged; the message names the samples.
    """
    try:
        if header.is_float:
            return decode_float_block(codec, block.payload, block.samples, header.channels)
        return decode_block(codec, block.payload, block.samples, header.channels, header.sample_bits)
    except FormatError as error:
        name = f"the block of samples {first} to {first + block.samples - 1}"
        raise FormatError(f"{name} is damaged: {error}") from error


def check_model(codec: ChunkCodec, header: Header) -> None:
    """Check that ``codec`` is the one that made the file.

    Raises:
        FormatError: it is not (names both), or the file's blocks are longer than that model's ever are.
    """
    fingerprint = codec.fingerprint[:FINGERPRINT_BYTES]
    if header.fingerprint != fingerprint:
        raise FormatError(
            f"the file was made with model {header.fingerprint.hex()}, this is model {fingerprint.hex()}; "
            "decompress it with the model file that made it"
        )
    if header.chunk_samples > codec.chunk_samples:
        raise FormatError("the file's blocks are longer than its model's: it was not made by this program")
