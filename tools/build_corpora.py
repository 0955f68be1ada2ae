"""Rebuild the sets of recordings that models are trained and tested on, from their source packages.

`corpora.yaml` beside this file lists the files of each set, their package, and the digest of their samples. A set
with another digest is not written. Sets named `held-out-...` are never trained on.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from idf.installed import need_training

need_training()

# isort: split

import soundfile
import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from sound_packages import members

from idf.errors import DataError, run_main
from idf.files import atomic_write

CORPORA = Path(__file__).resolve().with_name("corpora.yaml")

HELP = """
A source is a Debian package (.deb), a tar archive, or a folder: an extracted package, a clone of a
repository, or a folder of packages. To get the packages on Debian or Ubuntu without installing them:
  apt-get update && apt-get download asterisk-core-sounds-fr-wav sonic-pi-samples
  python tools/build_corpora.py *.deb --target FOLDER
Each set becomes FOLDER/SET, with the files of the package unchanged. Sets whose source is missing are listed.
"""


@dataclass(frozen=True)
class Corpus:
    """A set as described in ``corpora.yaml``.

    Attributes:
        name: of the set.
        about: what it contains.
        source: the package it comes from.
        files: patterns (``*`` and ``?``) of path ends.
        skip: patterns of file names to leave out.
        minimum_seconds: shorter files are left out.
        clips: number of files in the set.
        digest: SHA-256 in hex of samples and names; see :func:`digest_of`.
    """

    name: str
    about: str
    source: str
    files: tuple[str, ...]
    skip: tuple[str, ...]
    minimum_seconds: float
    clips: int
    digest: str

    def wants(self, path: str) -> bool:
        """Return whether a file with this path may belong to the set."""
        file = PurePosixPath(path)
        return any(map(file.match, self.files)) and not any(map(file.match, self.skip))


@dataclass(frozen=True)
class Recording:
    """One file: its bytes and properties. ``pcm`` is the digest of its samples as little-endian int16."""

    data: bytes = field(repr=False)
    seconds: float
    rate_hz: int
    channels: int
    pcm: str


def main() -> int:
    """Search the sources, write the complete sets, and return 1 if a requested set is missing, else 0."""
    corpora, sources = read_corpora(CORPORA)
    parser = argparse.ArgumentParser(
        description=str(__doc__), epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="a package or a folder")
    parser.add_argument("--target", type=Path, required=True, metavar="FOLDER", help="output folder")
    parser.add_argument(
        "--set",
        nargs="+",
        choices=list(corpora),
        metavar="NAME",
        help="only these sets (default: all that the sources contain)",
    )
    arguments = parser.parse_args()
    wanted = [corpora[name] for name in arguments.set or corpora]
    found = search(arguments.sources, wanted)
    table = Table(Column("set", no_wrap=True), "files", "minutes", "Hz", "channels", "what", box=SIMPLE_HEAD)
    missing = []
    for corpus in wanted:
        recordings = found[corpus.name]
        if not recordings:
            missing.append(corpus)
            continue
        check(corpus, recordings)
        write(recordings, arguments.target / corpus.name)
        table.add_row(corpus.name, *describe(recordings), corpus.about)
    if table.rows:
        Console().print(table)
        print(f"written to {arguments.target}; all digests match {CORPORA.name}")
    for name in dict.fromkeys(corpus.source for corpus in missing):
        lacking = ", ".join(corpus.name for corpus in missing if corpus.source == name)
        source = sources[name]
        print(f"not built: {lacking} (needs the {source['kind']} {name}, version {source['version']})")
    return 1 if missing and (arguments.set or not table.rows) else 0


def read_corpora(path: Path) -> tuple[dict[str, Corpus], dict[str, dict[str, Any]]]:
    """Return the sets by name, and the descriptions of their sources by name."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    corpora = {
        name: Corpus(
            name=name,
            about=entry["about"],
            source=entry["from"],
            files=tuple(entry["files"]),
            skip=tuple(entry.get("skip", ())),
            minimum_seconds=entry.get("minimum_seconds", 0.0),
            clips=entry.get("clips", 0),
            digest=entry.get("digest", ""),
        )
        for name, entry in tree["sets"].items()
    }
    return corpora, tree["sources"]


def search(sources: Iterable[Path], wanted: Iterable[Corpus]) -> dict[str, dict[str, Recording]]:
    """Return each set's recordings by file name.

    Raises:
        DataError: a source cannot be read, or a set has two different files of one name.
    """
    found: dict[str, dict[str, Recording]] = {corpus.name: {} for corpus in wanted}
    corpora = list(wanted)
    for source in sources:
        for path, read in members(source):
            takers = [corpus for corpus in corpora if corpus.wants(path)]
            if not takers:
                continue
            recording = read_recording(path, read())
            for corpus in takers:
                if recording.seconds < corpus.minimum_seconds:
                    continue
                name = PurePosixPath(path).name
                other = found[corpus.name].setdefault(name, recording)
                if other.pcm != recording.pcm:
                    raise DataError(
                        f"{corpus.name}: the sources have two different files {name}; give each package only once, in one version"
                    )
    return found


def read_recording(path: str, data: bytes) -> Recording:
    """Decode a 16-bit WAV or FLAC file.

    Raises:
        DataError: the file is damaged or of another kind.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.subtype != "PCM_16":
                raise DataError(f"{path}: {file.subtype}; sets contain 16-bit PCM only")
            samples = file.read(dtype="int16")
            rate_hz, channels = file.samplerate, file.channels
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
    return Recording(data, len(samples) / rate_hz, rate_hz, channels, digest)


def digest_of(recordings: dict[str, Recording]) -> str:
    """Return the SHA-256 over one line per file, sorted by name: name, rate, channels and digest of samples."""
    lines = (f"{name} {one.rate_hz} {one.channels} {one.pcm}\n" for name, one in sorted(recordings.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check(corpus: Corpus, recordings: dict[str, Recording]) -> None:
    """Compare a set with its description.

    Raises:
        DataError: files or samples differ.
    """
    found = digest_of(recordings)
    if (len(recordings), found) == (corpus.clips, corpus.digest):
        return
    raise DataError(
        f"{corpus.name}: {len(recordings)} files with digest {found}, expected {corpus.clips} with digest "
        f"{corpus.digest}; the set was not written. The source may be another version of {corpus.source}; "
        f"{CORPORA.name} lists the one needed"
    )


def write(recordings: dict[str, Recording], folder: Path) -> None:
    """Write the files unchanged."""
    for name, recording in sorted(recordings.items()):
        with atomic_write(folder / name) as file:
            file.write(recording.data)


def describe(recordings: dict[str, Recording]) -> list[str]:
    """Return the number of files, minutes, rates and channels as table cells."""
    each = recordings.values()
    rates = sorted({one.rate_hz for one in each})
    channels = sorted({one.channels for one in each})
    minutes = sum(one.seconds for one in each) / 60
    return [str(len(recordings)), f"{minutes:.2f}", ", ".join(map(str, rates)), ", ".join(map(str, channels))]


if __name__ == "__main__":
    sys.exit(run_main(main))
