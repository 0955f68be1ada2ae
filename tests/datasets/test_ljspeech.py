"""LJSpeech: its layout, its splits, and its download, with a tiny archive instead of the official one."""

from __future__ import annotations

import functools
import hashlib
import http.server
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from idf.audio.pcm import read_pcm16, write_wav16
from idf.config.schema import DataConfig
from idf.datasets.dataset import open_dataset
from idf.datasets.ljspeech import download_ljspeech
from idf.errors import DataError

from .conftest import noise


def make_ljspeech(root: Path, names: list[str]) -> Path:
    (root / "wavs").mkdir(parents=True)
    for seed, name in enumerate(names):
        write_wav16(root / "wavs" / f"{name}.wav", noise(50, seed), 22050)
    (root / "metadata.csv").write_text("".join(f"{name}|Text.|Text.\n" for name in names), encoding="utf-8")
    return root


MINI = [f"LJ001-{number:04d}" for number in range(1, 29)]


def opened(root: Path, **settings: object) -> tuple[list[str], list[str], list[str], str, str]:
    dataset = open_dataset(DataConfig(name="ljspeech", root=str(root), **settings))  # type: ignore[arg-type]
    parts = [[clip.name for clip in part] for part in (dataset.train, dataset.validation, dataset.test)]
    return parts[0], parts[1], parts[2], dataset.name, dataset.split


def test_the_mini_set_has_its_own_split(tmp_path: Path) -> None:
    root = make_ljspeech(tmp_path / "lj", MINI)
    assert opened(root) == (MINI[:22], MINI[22:24], MINI[24:], "ljspeech-mini", "ljspeech-mini-v1")


def test_the_same_split_written_out_has_the_same_name(tmp_path: Path) -> None:
    root = make_ljspeech(tmp_path / "lj", MINI)
    written = opened(root, train_clips=MINI[:22], validation_clips=["*-002[34]"], test_clips=["LJ001-0025..LJ001-0028"])
    assert written == opened(root)


def test_lists_take_precedence(tmp_path: Path) -> None:
    root = make_ljspeech(tmp_path / "lj", MINI)
    train, validation, test, name, split = opened(root, train_clips=["LJ001-0001..LJ001-0004"], test_clips=["*8"])
    assert (train, validation, test) == (MINI[:4], [], ["LJ001-0008", "LJ001-0018", "LJ001-0028"])
    assert name == "ljspeech-mini"
    assert split.startswith("lists ")


def test_other_selections_are_split_by_hash(tmp_path: Path) -> None:
    root = make_ljspeech(tmp_path / "lj", MINI[:20])
    train, validation, test, name, split = opened(root, train_fraction=0.5, validation_fraction=0.25)
    assert sorted(train + validation + test) == MINI[:20]
    assert (name, split) == ("ljspeech", "hash 0.5/0.25/0.25")


def test_the_root_may_be_the_parent(tmp_path: Path) -> None:
    make_ljspeech(tmp_path / "LJSpeech-1.1", MINI)
    assert opened(tmp_path)[0] == MINI[:22]


def test_an_incomplete_copy(tmp_path: Path) -> None:
    root = make_ljspeech(tmp_path / "lj", MINI)
    (root / "wavs" / "LJ001-0007.wav").unlink()
    with pytest.raises(
        DataError, match=r"incomplete, 1 clips of metadata.csv have no file in wavs/ \(first: LJ001-0007"
    ):
        opened(root)


def test_no_root_setting() -> None:
    with pytest.raises(DataError, match=r"data=ljspeech needs data.root"):
        open_dataset(DataConfig(name="ljspeech"))


def test_missing_root(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder; .*data\.download=true"):
        opened(tmp_path / "nowhere")


def test_a_root_that_is_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"contains no metadata\.csv and wavs/"):
        opened(tmp_path)


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Path, str]:
    make_ljspeech(tmp_path / "made" / "LJSpeech-1.1", MINI)
    path = tmp_path / "served" / "LJSpeech-1.1.tar.bz2"
    path.parent.mkdir()
    with tarfile.open(path, "w:bz2") as tar:
        tar.add(tmp_path / "made" / "LJSpeech-1.1", arcname="LJSpeech-1.1")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def url(archive: tuple[Path, str]) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(archive[0].parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{archive[0].name}"
        server.shutdown()
        thread.join()


def test_downloads_and_extracts(archive: tuple[Path, str], url: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    folder = download_ljspeech(root, url=url, sha256=archive[1])
    assert folder == root / "LJSpeech-1.1"
    assert read_pcm16(folder / "wavs" / "LJ001-0002.wav").samples.tolist() == noise(50, 1).tolist()
    assert opened(root)[0] == MINI[:22]
    # Neither the archive nor a partial extraction remains.
    assert [path.name for path in root.iterdir() if path.name != ".ljspeech.lock"] == ["LJSpeech-1.1"]
    archive[0].unlink()
    assert download_ljspeech(root, url=url, sha256=archive[1]) == folder


def test_an_existing_archive_is_used_and_kept(archive: tuple[Path, str]) -> None:
    root = archive[0].parent
    download_ljspeech(root, url=f"http://127.0.0.1:9/{archive[0].name}", sha256=archive[1])
    assert opened(root)[2] == MINI[24:]
    assert archive[0].exists()


def test_a_wrong_archive_leaves_nothing(archive: tuple[Path, str], url: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="SHA-256"):
        download_ljspeech(tmp_path / "root", url=url, sha256="0" * 64)
    assert [path.name for path in (tmp_path / "root").iterdir()] == [".ljspeech.lock"]


def test_an_archive_that_cannot_be_extracted(tmp_path: Path) -> None:
    (tmp_path / "x.tar.bz2").write_bytes(b"no archive")
    digest = hashlib.sha256(b"no archive").hexdigest()
    with pytest.raises(DataError, match=r"x\.tar\.bz2: cannot be extracted"):
        download_ljspeech(tmp_path, url="http://127.0.0.1:9/x.tar.bz2", sha256=digest)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ljspeech.lock", "x.tar.bz2"]
