"""Files on disk: a WAV or FLAC file to an ``.idf`` file and back.

A WAV file comes back byte for byte, whatever else it holds; a FLAC file with its metadata and samples, and
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
from idf.audio.format import Original
from idf.audio.sources import Source, open_path, open_source
from idf.audio.wav import chunk_names
from idf.coding.codec import ChunkCodec
from idf.container.records import Header, read_header
from idf.container.stream import (
    Decoder,
    Progress,
    Size,
    checked_samples,
    decode_stream,
    encode_stream,
    no_progress,
)
from idf.container.tail import FollowedFile
from idf.errors import DataError, FormatError, OutputError
from idf.files import atomic_write, is_stream, output_errors

SUFFIX = ".idf"
SUFFIXES = {Original.WAV: (".wav", ".wave", ".bwf"), Original.FLAC: (".flac",)}
"""Of names, by what is written under them; the first is the usual one."""
OTHER_SUFFIXES = (
    *(
        ".aif",
        ".aiff",
        ".aifc",
        ".caf",
        ".w64",
        ".mp3",
        ".m4a",
        ".aac",
        ".alac",
        ".ogg",
        ".oga",
        ".opus",
        ".wv",
        ".ape",
    ),
    *(".tta", ".wma", ".au", ".snd", ".ofr", ".tak", ".shn", ".mka"),
)
"""Of other audio, which is never written."""
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
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Size:
    """Compress a WAV or FLAC file.

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
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Size:
    """Compress a source to an open file, and see that the source comes back from it.

    Args:
        output: binary; to be checked it must be readable, seek, and hold nothing else.
        name: of the source, for messages.
        kept_name: of the original file, to be kept with it; empty for none.

    Raises:
        DataError: the source is damaged.
        RuntimeError: what was written does not give the source back. A fault of this program or machine.
    """
    if check == "none":
        return encode_stream(codec, source, output, name=kept_name, jobs=jobs, progress=progress)
    if jobs <= 1:
        size = encode_stream(codec, source, output, name=kept_name, jobs=jobs, progress=progress)
        output.flush()
        output.seek(0)
        content = _decoded(codec, source, output, name, jobs)
    else:
        # Blocks are checked as soon as they are written, so that no worker waits for the last one to be compressed.
        with ThreadPoolExecutor(1) as pool, FollowedFile(output) as followed:
            decoding = pool.submit(_decoded, codec, source, followed, name, jobs)  # type: ignore[arg-type]
            size = encode_stream(
                *(codec, source, followed),  # type: ignore[arg-type]
                name=kept_name,
                jobs=jobs,
                progress=progress,
            )
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
    """Undo :func:`compress_file`: what the original was, or the samples as WAV or FLAC where the target's name asks so.

    Raises:
        DataError: the source is missing.
        FormatError: it is damaged, of another version, or was made with another model; names the file.
        OutputError: the target exists (unless ``existing="replace"``) or cannot be written.
    """
    source, target = Path(source), Path(target)
    check_target(source, target, existing)
    with open_path(source) as file, naming(str(source)):
        decoder = Decoder(file)
        restore = {Original.FLAC: _restore_flac, Original.WAV: _restore_wav}[kind_of_target(target, decoder.header)]
        with _output(source, target) as output:
            samples, note = restore(codec, decoder, output, jobs, progress)
        return Size(samples, decoder.audio_format, source.stat().st_size, note)


def kind_of_target(target: Path, header: Header) -> Original:
    """What is written under a name: by its ending, or what the original was.

    Raises:
        OutputError: other audio than can be written.
    """
    suffix = target.suffix.lower()
    for original, suffixes in SUFFIXES.items():
        if suffix in suffixes:
            return original
    if suffix in OTHER_SUFFIXES:
        raise OutputError(f"{target}: {suffix} files are not written; name a .wav or .flac file")
    return header.original


def _restore_wav(
    codec: ChunkCodec, decoder: Decoder, output: IO[bytes], jobs: int, progress: Progress
) -> tuple[int, str]:
    samples = decode_stream(codec, decoder, output.write, jobs=jobs, progress=progress)
    if not decoder.header.from_flac:
        return samples, ""
    remedy = "; restore it as .flac" if decoder.header.rate_hz <= MAX_RATE_HZ else ", which stay in the .idf file"
    return samples, f"WAV has no place for the FLAC file's metadata{remedy}"


def _restore_flac(
    codec: ChunkCodec, decoder: Decoder, output: IO[bytes], jobs: int, progress: Progress
) -> tuple[int, str]:
    head, tail = decoder.kept_head(), bytearray()
    kept = Kept.unpack(head) if decoder.header.from_flac else None
    blocks = checked_samples(codec, decoder, jobs=jobs, tail=tail.extend)
    samples, is_same = write_flac(output, decoder.audio_format, blocks, kept=kept, progress=progress)
    if kept is None:
        chunks = chunk_names(head) + chunk_names(bytes(tail), 0)
        named = f" ({', '.join(chunks)})" if chunks else ""
        is_plain = not head and len(tail) < 2
        return samples, "" if is_plain else f"FLAC has no place for the WAV file's own bytes{named}; restore it as .wav"
    output.write(tail)
    return samples, "" if is_same else "its samples and metadata are those of the original, its bytes are not"


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
