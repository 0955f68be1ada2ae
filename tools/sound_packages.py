"""Read the files inside Debian packages, tar archives and folders, without installing or unpacking them.

Used by the tools beside this file.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from idf.errors import DataError

ARCHIVES = (".deb", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")

Member = tuple[str, Callable[[], bytes]]
"""A file's path in its package and a function that reads it, valid until the next member is requested."""


def members(source: Path) -> Iterator[Member]:
    """Yield every regular file in ``source``.

    Args:
        source: a Debian package, a tar archive, or a folder. Packages and archives directly in a folder are
            opened too.

    Raises:
        DataError: the source is missing, damaged, or of another kind.
    """
    if source.is_dir():
        yield from _folder(source)
    elif source.name.endswith(".deb"):
        yield from _debian(source)
    elif source.name.endswith(ARCHIVES):
        yield from _tar(source, source.name, _read(source))
    elif source.exists():
        raise DataError(f"{source}: expected a folder or a file with one of the suffixes {', '.join(ARCHIVES)}")
    else:
        raise DataError(f"{source}: no such file or folder")


def _folder(folder: Path) -> Iterator[Member]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or ".git" in path.relative_to(folder).parts:
            continue
        if path.parent == folder and path.name.endswith(ARCHIVES):
            yield from members(path)
        else:
            yield path.as_posix(), path.read_bytes


def _debian(package: Path) -> Iterator[Member]:
    """Yield the files of a Debian package, an ``ar`` archive with a tar archive named ``data.tar.*``."""
    data = _read(package)
    if not data.startswith(b"!<arch>\n"):
        raise DataError(f"{package}: not a Debian package")
    position = 8
    while position + 60 <= len(data):
        # ar header: name (16 bytes), time stamp, owner, group, mode, then the size in decimal at 48; bodies are 2-aligned.
        name = data[position : position + 16].decode("ascii", "replace").strip().rstrip("/")
        size = int(data[position + 48 : position + 58])
        body = data[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
        if name.startswith("data.tar"):
            yield from _tar(package, name, body)
            return
    raise DataError(f"{package}: contains no data.tar; the package is damaged, download it again")


def _tar(package: Path, name: str, body: bytes) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield member.name, content.read
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise DataError(f"{package}: cannot read {name} ({error}); extract it and give the folder instead") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
