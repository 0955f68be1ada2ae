from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from sound_packages import members

from idf.errors import DataError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "usr" / ".git").mkdir(parents=True)
    (root / "usr" / "a.wav").write_bytes(b"a" * 3)
    (root / "usr" / "b c.wav").write_bytes(b"b" * 4)
    (root / "usr" / ".git" / "no.wav").write_bytes(b"n")
    return root


def tar_of(tree: Path, path: Path, mode: str) -> Path:
    with tarfile.open(path, mode) as archive:
        archive.add(tree / "usr" / "a.wav", "usr/a.wav")
        archive.add(tree / "usr" / "b c.wav", "usr/b c.wav")
    return path


def debian_of(tree: Path, path: Path) -> Path:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:xz", preset=0) as archive:
        archive.add(tree, ".", filter=lambda member: None if ".git" in member.name else member)
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, data in (("debian-binary", b"2.0\n"), ("data.tar.xz", body.getvalue())):
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data)
            file.write(b"\n" * (len(data) % 2))
    return path


def contents(source: Path) -> dict[str, bytes]:
    return {Path(name).name: read() for name, read in members(source)}


EXPECTED = {"a.wav": b"aaa", "b c.wav": b"bbbb"}


def test_every_kind_of_source_gives_the_same_files(tree: Path, tmp_path: Path) -> None:
    assert contents(tree) == EXPECTED
    assert contents(tar_of(tree, tmp_path / "x.tar.gz", "w:gz")) == EXPECTED
    assert contents(debian_of(tree, tmp_path / "x_1.0_all.deb")) == EXPECTED


def test_packages_that_lie_in_a_folder_are_opened(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    debian_of(tree, folder / "x_1.0_all.deb")
    assert contents(folder) == EXPECTED


def test_errors_name_the_source(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: no such file"):
        list(members(tmp_path / "none"))
    odd = tmp_path / "x.zip"
    odd.write_bytes(b"odd")
    with pytest.raises(DataError, match=r"x\.zip: expected a folder or a file with one of the suffixes \.deb"):
        list(members(odd))
    package = debian_of(tree, tmp_path / "x.deb")
    package.write_bytes(package.read_bytes()[:-60])
    with pytest.raises(DataError, match=r"x\.deb: cannot read data\.tar\.xz"):
        list(members(package))
    package.write_bytes(b"not a package")
    with pytest.raises(DataError, match=r"x\.deb: not a Debian package"):
        list(members(package))
