"""Files on disk: a recording to an ``.idf`` file and back.

WAV, AIFF, CAF and W64 come back byte for byte, whatever else they hold; a FLAC file with its metadata and samples, and
to the byte where the encoder at hand makes the same frames (:mod:`idf.audio.flac`). Targets
appear only when they are whole and checked, keep the source's time stamps and permissions, and never
replace a file unless told. Memory does not grow with the length of a file.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from idf.audio.flac import MAX_RATE_HZ, Kept, write_flac
from idf.audio.format import AUDIO_SUFFIXES, OTHER_SUFFIXES, SUFFIXES, Original
from idf.audio.kinds import KINDS
from idf.audio.sources import Source, open_path, open_source
from idf.coding.codec import ChunkCodec
from idf.container.records import Header, read_header
from idf.container.stream import (
    Decoder,
    Progress,
    Size,
    checked_samples,
    decode_plain,
    decode_stream,
    encode_stream,
    no_progress,
)
from idf.container.tail import FollowedFile
from idf.errors import DataError, FormatError, OutputError
from idf.files import atomic_write, is_stream, output_errors

SUFFIX = ".idf"
_COPY = 1 << 20

Existing = Literal["refuse", "replace"]
"""What to do where the target exists."""
Check = Literal["decode", "none"]
"""Whether what was compressed is decompressed and compared before it counts."""


def compress_file(
    codec: ChunkCodec,
    source: Path | str,
    target: Path | str,
    *,
    existing: Existing = "refuse",
    check: Check = "decode",
    block_seconds: float | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Size:
    """Compress a recording.

    Args:
        block_seconds: length of a block, see :func:`idf.container.stream.block_samples`.

    Raises:
        DataError: the source is missing, damaged or of an unsupported kind.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
    """
    source, target = Path(source), Path(target)
    check_target(source, target, existing)
    with open_path(source) as file:
        audio = open_source(file, str(source))
        with _output(source, target) as output:
            return compress_source(
                *(codec, audio, output, str(source), os.fsencode(source.name)),
                check=check,
                block_seconds=block_seconds,
                jobs=jobs,
                progress=progress,
            )


def compress_source(
    codec: ChunkCodec,
    source: Source,
    output: IO[bytes],
    name: str,
    kept_name: bytes = b"",
    *,
    check: Check = "decode",
    block_seconds: float | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Size:
    """Compress a source to an open file, and see that the source comes back from it.

    Args:
        output: binary; to be checked it must be readable, seek, and hold nothing else.
        name: of the source, for messages.
        kept_name: of the original file, to be kept with it; empty for none.
        block_seconds: length of a block, see :func:`idf.container.stream.block_samples`.

    Raises:
        DataError: the source is damaged, or blocks of that length cannot be had.
        RuntimeError: what was written does not give the source back. A fault of this program or machine.
    """

    def encode(file: IO[bytes]) -> Size:
        about = {"name": kept_name, "block_seconds": block_seconds}
        with naming(name):
            return encode_stream(codec, source, file, **about, jobs=jobs, progress=progress)  # type: ignore[arg-type]

    if check == "none":
        return encode(output)
    if jobs <= 1:
        size = encode(output)
        output.flush()
        output.seek(0)
        content = _decoded(codec, source, output, name, jobs)
    else:
        # Blocks are checked as soon as they are written, so that no worker waits for the last one to be compressed.
        with ThreadPoolExecutor(1) as pool, FollowedFile(output) as followed:
            decoding = pool.submit(_decoded, codec, source, followed, name, jobs)  # type: ignore[arg-type]
            size = encode(followed)  # type: ignore[arg-type]
        content = decoding.result()
    if content != (source.file_digest() or hashlib.sha256(source.head or b"").digest()):
        raise RuntimeError(f"{name} does not come back as it was after compression; please report this")
    return size


def _decoded(codec: ChunkCodec, source: Source, file: IO[bytes], name: str, jobs: int) -> bytes:
    """What a compressed file holds: the digest of the file, or where no file comes back, of what is kept before the
    samples, which are compared with their own digest on the way.
    """
    state = hashlib.sha256()
    try:
        decoder = Decoder(file)
        if source.file_digest() is None:
            state.update(decoder.kept_head())
            for _ in checked_samples(codec, decoder, jobs=jobs):
                continue
            return state.digest()
        decode_stream(codec, decoder, state.update, jobs=jobs)
        return state.digest()
    except FormatError as error:
        raise RuntimeError(f"{name} does not decode after compression: {error}; please report this") from error


def decompress_file(
    codec: ChunkCodec,
    source: Path | str,
    target: Path | str,
    *,
    existing: Existing = "refuse",
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Size:
    """Undo :func:`compress_file`: what the original was, or its samples as the kind that the target's name asks for.

    Raises:
        DataError: the source is missing.
        FormatError: it is damaged, of another version, or was made with another model; names the file.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
    """
    source, target = Path(source), Path(target)
    check_target(source, target, existing)
    with open_path(source) as file, naming(str(source)):
        decoder = Decoder(file)
        kind = kind_of_target(target, decoder.header)
        with _output(source, target) as output:
            samples, note = restore(codec, decoder, output, kind, jobs=jobs, progress=progress)
        return Size(samples, decoder.audio_format, source.stat().st_size, note)


def check_packed_name(target: Path) -> None:
    """Refuse to call a compressed file what sound is called. Raises OutputError."""
    if target.suffix.lower() in (*AUDIO_SUFFIXES, *OTHER_SUFFIXES):
        raise OutputError(f"{target} is a name for sound, not for a compressed file; name a {SUFFIX} file")


def kind_of_target(target: Path, header: Header) -> Original:
    """What is written under a name: by its ending, or what the original was.

    Raises:
        OutputError: other audio than can be written.
    """
    suffix = target.suffix.lower()
    if suffix in (*OTHER_SUFFIXES, SUFFIX):
        usual = ", ".join(suffixes[0] for suffixes in SUFFIXES.values())
        raise OutputError(
            f"{target}: {suffix} files are not what is written here; name a file with one of the endings {usual}"
        )
    kind = next((original for original, suffixes in SUFFIXES.items() if suffix in suffixes), header.original)
    if suffix == ".aifc" and header.original is not Original.AIFF:
        raise OutputError(f"{target}: AIFF-C is written of AIFF-C only; name a .aiff file")
    return kind


def restore(
    codec: ChunkCodec,
    decoder: Decoder,
    output: IO[bytes],
    kind: Original,
    *,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> tuple[int, str]:
    """Write a compressed file as it was, or its samples as a new file of another kind.

    Args:
        output: binary, must seek.
        kind: what to write.

    Returns:
        Samples in each channel, and what does not come back, a sentence; empty where all does.

    Raises:
        FormatError: damaged, or made with another model.
        DataError: the samples are too many for such a file.
        OutputError: such a file cannot hold such samples.
    """
    header = decoder.header
    if kind is header.original and kind is not Original.FLAC:
        return decode_stream(codec, decoder, output.write, jobs=jobs, progress=progress), ""
    head, tail, begin = decoder.kept_head(), bytearray(), output.tell()
    if kind is Original.FLAC:
        kept = Kept.unpack(head) if header.from_flac else None
        blocks = checked_samples(codec, decoder, jobs=jobs, tail=tail.extend)
        samples, is_same = write_flac(output, decoder.audio_format, blocks, kept=kept, progress=progress)
        if kept is not None:
            output.write(tail)
            return samples, "" if is_same else "its samples and metadata are those of the original, its bytes are not"
    else:
        new = KINDS[kind]
        samples = decode_plain(*(codec, decoder, output.write, new, 0), tail=tail.extend, jobs=jobs, progress=progress)
        output.seek(begin)  # not before the end it is sure how many there are
        output.write(new.plain_head(samples, decoder.audio_format))
        output.seek(0, os.SEEK_END)
    return samples, _left_out(header, kind, head, bytes(tail), samples)


def _left_out(header: Header, kind: Original, head: bytes, tail: bytes, samples: int) -> str:
    """What a file of another kind than the original has no place for, a sentence."""
    original = header.original
    if original is Original.FLAC:
        remedy = "restore it as .flac" if header.rate_hz <= MAX_RATE_HZ else "it stays in the .idf file"
        return f"{kind.name} has no place for the FLAC file's metadata; {remedy}"
    old = KINDS[original]
    padding = -samples * header.audio_format.frame_bytes % old.alignment
    chunks = (old.other_chunks(head, old.start_bytes) if head else []) + old.other_chunks(tail, padding)
    if not chunks and not tail.strip(b"\0") and not (head and original is Original.WAV):
        return ""
    named = f" ({', '.join(chunks)})" if chunks else ""
    return (
        f"{kind.name} has no place for the {original.name} file's own bytes{named}; "
        f"restore it as {SUFFIXES[original][0]}"
    )


def verify_file(codec: ChunkCodec, path: Path | str, *, jobs: int = 1, progress: Progress = no_progress) -> Size:
    """Decode and check a compressed file without writing anything.

    Raises:
        DataError: it is missing.
        FormatError: it is damaged, of another version, or was made with another model; names the file.
    """
    path = Path(path)
    with open_path(path) as file, naming(str(path)):
        decoder = Decoder(file)
        decoder.kept_head()
        samples = 0
        for block in checked_samples(codec, decoder, jobs=jobs):
            samples += len(block)
            progress(len(block))
        return Size(samples, decoder.header.audio_format, path.stat().st_size)


def read_file_header(path: Path | str) -> Header:
    """What a compressed file says of itself.

    Raises:
        DataError: it is missing.
        FormatError: no file of ours, another version, or a damaged header; names the file.
    """
    with open_path(Path(path)) as file, naming(str(path)):
        return read_header(file)


def check_target(source: Path | None, target: Path, existing: Existing) -> None:
    """Refuse early, before any work is done. FIFOs and character devices are written to, not replaced.

    Raises:
        OutputError: the target exists (a link that leads nowhere does, too) and may not be replaced, or is the
            source, or a block device.
    """
    with output_errors(target):
        if not os.path.lexists(target) or is_stream(target):
            return
        if source is not None and source.exists() and target.exists() and target.samefile(source):
            raise OutputError(f"{target} is the file to be read; choose another name")
    if existing == "refuse":
        raise OutputError(f"{target} exists; choose another name, or replace it with --force")


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Let errors about a file's content say which file."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from error
    except DataError as error:
        raise error if str(error).startswith(name) else DataError(f"{name}: {error}") from error


@contextmanager
def _output(source: Path, target: Path) -> Iterator[IO[bytes]]:
    """:func:`atomic_write`, with the time stamps and permissions of ``source``. The file can be read, too."""
    about = source.stat()
    with atomic_write(target, mode=stat.S_IMODE(about.st_mode) & 0o777) as file:
        yield file
        # Set before the rename, so that the file appears with them.
        file.flush()
        os.utime(file.name, ns=(about.st_atime_ns, about.st_mtime_ns))


def copy_to(file: IO[bytes], write: Callable[[bytes], object]) -> None:
    """Give a whole file, from its start, to ``write``."""
    file.seek(0)
    copy_stream(file, write)


def copy_stream(file: IO[bytes], write: Callable[[bytes], object]) -> None:
    """Give all that a file still holds to ``write``."""
    while data := file.read(_COPY):
        write(data)


class Counted:
    """A stream that counts what is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.count = file, 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.count += len(data)
        return data
