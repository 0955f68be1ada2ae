"""Compressing recordings to ``.idf`` files on disk, and restoring them.

WAV, AIFF, CAF and W64 files are restored byte for byte, whatever else they contain. FLAC files are restored with
their metadata and samples, and byte for byte if libsndfile makes the same frames (:mod:`idf.audio.flac`). Targets
appear only when they are complete and checked, have the source's time stamps and permissions, and replace a file only
on request. Memory does not grow with the length of a file.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, get_args

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
"""What to do if the target exists."""
Check = Literal["decode", "none"]
"""Whether the compressed file is decoded and compared before it is kept."""


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
        codec: the model.
        source: the audio file.
        target: the compressed file.
        existing: what to do if the target exists.
        check: whether to decode the result and compare it.
        block_seconds: length of a block, see :func:`idf.container.stream.block_samples`.
        jobs: number of blocks coded at once; the result does not depend on it.
        progress: called with the number of samples done.

    Raises:
        DataError: the source is missing, damaged or in an unsupported format, or the model does not support blocks
            of that length.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
        RuntimeError: the compressed file does not restore the source: a bug or a hardware fault.
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
    """Compress a source to an open file, then decode it and compare.

    Args:
        codec: the model.
        source: the audio.
        output: binary file. To be checked, it must be readable, seekable and empty.
        name: name of the source, for messages.
        kept_name: name of the original file, to be stored; empty for none.
        check, block_seconds, jobs, progress: as for :func:`compress_file`.

    Raises:
        DataError: the source is damaged, or the model does not support blocks of that length.
        RuntimeError: the compressed file does not restore the source: a bug or a hardware fault.
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
        # blocks are checked as soon as they are written, so that no worker idles until compression ends
        with ThreadPoolExecutor(1) as pool, FollowedFile(output) as followed:
            decoding = pool.submit(_decoded, codec, source, followed, name, jobs)  # type: ignore[arg-type]
            size = encode(followed)  # type: ignore[arg-type]
        content = decoding.result()
    if content != (source.file_digest() or hashlib.sha256(source.head or b"").digest()):
        raise RuntimeError(f"{name}: the compressed file does not restore the source; please report this")
    return size


def _decoded(codec: ChunkCodec, source: Source, file: IO[bytes], name: str, jobs: int) -> bytes:
    """Decode a compressed file and return the digest of the restored file. If only samples are restored, they are
    checked against their own digest, and the result is the digest of the stored head.
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
        raise RuntimeError(f"{name}: the compressed file cannot be decoded ({error}); please report this") from error


def decompress_file(
    codec: ChunkCodec,
    source: Path | str,
    target: Path | str,
    *,
    existing: Existing = "refuse",
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Size:
    """Restore the original file, or write its samples in the format that the target's suffix selects.

    Args:
        codec: the model.
        source: the compressed file.
        target: the file to write.
        existing: what to do if the target exists.
        jobs: number of blocks decoded at once.
        progress: called with the number of samples done.

    Raises:
        DataError: the source is missing.
        FormatError: it is damaged, of another version, or was made with another model; the message names the file.
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
    """Check that a compressed file is not named like an audio file. Raises OutputError if it is."""
    if target.suffix.lower() in (*AUDIO_SUFFIXES, *OTHER_SUFFIXES):
        raise OutputError(f"{target}: {target.suffix} is a suffix of audio files; give a {SUFFIX} file")


def kind_of_target(target: Path, header: Header) -> Original:
    """Return the kind of file to write: that of the target's suffix, or else that of the original.

    Raises:
        OutputError: the suffix is that of a format that cannot be written.
    """
    suffix = target.suffix.lower()
    if suffix in (*OTHER_SUFFIXES, SUFFIX):
        usual = ", ".join(suffixes[0] for suffixes in SUFFIXES.values())
        raise OutputError(f"{target}: cannot write {suffix} files; give a file with one of the suffixes {usual}")
    kind = next((original for original, suffixes in SUFFIXES.items() if suffix in suffixes), header.original)
    if suffix == ".aifc" and header.original is not Original.AIFF:
        raise OutputError(f"{target}: .aifc is only for originals in AIFF or AIFF-C; give a .aiff file")
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
    """Restore the original file, or write its samples as a new file of another kind.

    Args:
        codec: the model.
        decoder: the compressed file.
        output: seekable binary file.
        kind: the kind of file to write.
        jobs: number of blocks decoded at once.
        progress: called with the number of samples done.

    Returns:
        The samples per channel, and a note on what is not restored, empty if everything is.

    Raises:
        FormatError: the compressed file is damaged or was made with another model.
        DataError: too many samples for this kind of file.
        OutputError: this kind of file cannot hold such samples.
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
            return (
                samples,
                "" if is_same else "samples and metadata are those of the original, but the file is not identical",
            )
    else:
        new = KINDS[kind]
        samples = decode_plain(*(codec, decoder, output.write, new, 0), tail=tail.extend, jobs=jobs, progress=progress)
        output.seek(begin)  # the number of samples is known only now
        output.write(new.plain_head(samples, decoder.audio_format))
        output.seek(0, os.SEEK_END)
    return samples, _left_out(header, kind, head, bytes(tail), samples)


def _left_out(header: Header, kind: Original, head: bytes, tail: bytes, samples: int) -> str:
    """Return a note on what a file of another kind than the original cannot hold, or an empty string."""
    original = header.original
    if original is Original.FLAC:
        remedy = "restore it as .flac" if header.rate_hz <= MAX_RATE_HZ else "it remains in the .idf file"
        return f"{kind.name} cannot hold the FLAC file's metadata; {remedy}"
    old = KINDS[original]
    padding = -samples * header.audio_format.frame_bytes % old.alignment
    chunks = (old.other_chunks(head, old.start_bytes) if head else []) + old.other_chunks(tail, padding)
    if not chunks and not tail.strip(b"\0") and not (head and original is Original.WAV):
        return ""
    named = f" ({', '.join(chunks)})" if chunks else ""
    return (
        f"{kind.name} cannot hold the {original.name} file's other bytes{named}; restore it as {SUFFIXES[original][0]}"
    )


def verify_file(codec: ChunkCodec, path: Path | str, *, jobs: int = 1, progress: Progress = no_progress) -> Size:
    """Decode and check a compressed file without writing anything.

    Args:
        codec: the model.
        path: the compressed file.
        jobs: number of blocks decoded at once.
        progress: called with the number of samples done.

    Raises:
        DataError: the file is missing.
        FormatError: it is damaged, of another version, or was made with another model; the message names the file.
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
    """Return the header of a compressed file.

    Raises:
        DataError: the file is missing.
        FormatError: not a compressed file, another version, or a damaged header; the message names the file.
    """
    with open_path(Path(path)) as file, naming(str(path)):
        return read_header(file)


def check_target(source: Path | None, target: Path, existing: Existing) -> None:
    """Check, before any work is done, that the target may be written. FIFOs and character devices always may.

    Raises:
        DataError: ``existing`` is neither ``refuse`` nor ``replace``.
        OutputError: the target exists (a dangling link counts) and may not be replaced, or is the source or a block
            device.
    """
    if existing not in get_args(Existing):
        raise DataError(f"existing={existing!r}: choose one of {', '.join(get_args(Existing))}")
    with output_errors(target):
        if not os.path.lexists(target) or is_stream(target):
            return
        if source is not None and source.exists() and target.exists() and target.samefile(source):
            raise OutputError(f"{target} is the source file; choose another name")
    if existing == "refuse":
        raise OutputError(f"{target} exists; choose another name, or use --force to replace it")


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Prefix errors about a file's content with its name."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from error
    except DataError as error:
        raise error if str(error).startswith(name) else DataError(f"{name}: {error}") from error


@contextmanager
def _output(source: Path, target: Path) -> Iterator[IO[bytes]]:
    """Open the target with :func:`atomic_write`, for writing and reading; it gets ``source``'s times and permissions."""
    about = source.stat()
    with atomic_write(target, mode=stat.S_IMODE(about.st_mode) & 0o777) as file:
        yield file
        # set before the rename, so that the file appears with them
        file.flush()
        os.utime(file.name, ns=(about.st_atime_ns, about.st_mtime_ns))


def copy_to(file: IO[bytes], write: Callable[[bytes], object]) -> None:
    """Pass the whole content of a file to ``write``."""
    file.seek(0)
    copy_stream(file, write)


def copy_stream(file: IO[bytes], write: Callable[[bytes], object]) -> None:
    """Pass the rest of a file to ``write``."""
    while data := file.read(_COPY):
        write(data)


class Counted:
    """A stream that counts the bytes read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.count = file, 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.count += len(data)
        return data
