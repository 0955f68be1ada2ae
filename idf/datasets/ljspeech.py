"""The LJSpeech data set: one speaker, 13,100 clips, 24 hours, 22.05 kHz, public domain.

Source: Keith Ito and Linda Johnson, "The LJ Speech Dataset", 2017,
https://keithito.com/LJ-Speech-Dataset/.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from idf.datasets.download import download
from idf.datasets.lock import exclusive
from idf.errors import DataError
from idf.files import output_errors, sync_folder

ARCHIVE_URL = "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2"
ARCHIVE_SHA256 = "be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5"
ARCHIVE_FOLDER = "LJSpeech-1.1"

MINI_CLIPS = frozenset(f"LJ001-{number:04d}" for number in range(1, 29))
"""The names of LJSpeech-mini, the first 28 clips."""
MINI_LISTS = {
    "train": ["LJ001-0001..LJ001-0022"],
    "validation": ["LJ001-0023..LJ001-0024"],
    "test": ["LJ001-0025..LJ001-0028"],
}


def find_ljspeech(root: Path) -> Path | None:
    """Return the folder with ``metadata.csv`` and ``wavs/``, which is ``root`` or ``root/LJSpeech-1.1``, or None."""
    for folder in (root, root / ARCHIVE_FOLDER):
        if (folder / "metadata.csv").is_file() and (folder / "wavs").is_dir():
            return folder
    return None


def ljspeech_files(folder: Path) -> dict[str, Path]:
    """Return the name and path of every clip in ``folder/wavs``.

    Raises:
        DataError: a clip in ``metadata.csv`` has no file, or there are no files.
    """
    try:
        files = {path.stem: path for path in sorted((folder / "wavs").glob("*.wav")) if not path.name.startswith(".")}
        text = (folder / "metadata.csv").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error
    listed = [line.split("|", 1)[0].strip() for line in text.splitlines() if line.strip()]
    missing = [name for name in listed if name not in files]
    if missing:
        raise DataError(
            f"{folder}: incomplete, {len(missing)} clips of metadata.csv have no file in wavs/ (first: "
            f"{missing[0]}.wav); copy it again or extract the archive again"
        )
    if not files:
        raise DataError(f"{folder / 'wavs'}: contains no .wav files; extract the archive again")
    return files


def download_ljspeech(root: Path, *, url: str = ARCHIVE_URL, sha256: str = ARCHIVE_SHA256) -> Path:
    """Download the official archive (2.7 GB) to ``root`` and extract it (3.8 GB), unless the data set is there.

    An archive that is already in ``root`` is used and kept; a downloaded one is removed after extraction. Extraction
    is atomic.

    Returns:
        The folder with ``metadata.csv`` and ``wavs/``.

    Raises:
        DataError: the download failed, or its digest is wrong.
        OutputError: ``root`` cannot be written, or the disk is full.
    """
    found = find_ljspeech(root)
    if found is not None:
        return found
    with exclusive(root / ".ljspeech.lock"):
        found = find_ljspeech(root)  # another process may have finished meanwhile
        if found is not None:
            return found
        archive = root / url.rsplit("/", 1)[-1]
        ours = not archive.exists()
        download(url, sha256, archive)
        _extract(archive, root)
        if ours:
            archive.unlink(missing_ok=True)
    found = find_ljspeech(root)
    if found is None:
        raise DataError(f"{root / ARCHIVE_FOLDER}: lacks metadata.csv or wavs/; remove it and run the command again")
    return found


def _extract(archive: Path, root: Path) -> None:
    """Extract into a temporary folder beside the target, then rename it."""
    target = root / ARCHIVE_FOLDER
    if target.exists():
        raise DataError(f"{target}: exists but lacks metadata.csv or wavs/; remove it and run the command again")
    with _temporary_folder(root) as scratch:
        try:
            with (
                output_errors(target),
                open(archive, "rb") as raw,
                Progress(console=Console(stderr=True)) as bar,
                tarfile.open(fileobj=raw, mode="r:*") as contents,
            ):
                task = bar.add_task("extracting", total=archive.stat().st_size)
                for member in contents:
                    # The filter keeps members inside the folder. Python before 3.11.4 does not have it, but the
                    # digest proves that this is the official archive.
                    if hasattr(tarfile, "data_filter"):
                        contents.extract(member, scratch, filter="data")
                    else:
                        contents.extract(member, scratch)
                    bar.update(task, completed=raw.tell())
        except (tarfile.TarError, EOFError) as error:
            raise DataError(f"{archive}: cannot be extracted ({error})") from error
        source = scratch / ARCHIVE_FOLDER
        if not source.is_dir():
            raise DataError(f"{archive}: contains no folder {ARCHIVE_FOLDER}")
        with output_errors(target):
            os.rename(source, target)
            sync_folder(root)


@contextlib.contextmanager
def _temporary_folder(root: Path) -> Iterator[Path]:
    with output_errors(root):
        scratch = Path(tempfile.mkdtemp(dir=root, prefix=".extracting-"))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
