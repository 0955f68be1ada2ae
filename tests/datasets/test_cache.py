"""The cache stays within its limit and keeps entries that are in use."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idf.datasets.cache import _held, cached, entries, trim
from idf.errors import OutputError
from tests.paths import ROOT


def open_entry(folder: Path) -> bytes | None:
    try:
        return (folder / "data").read_bytes()
    except OSError:
        return None


def build(folder: Path) -> None:
    (folder / "data").write_bytes(bytes(1000))


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Path]:
    """A cache with unused entries a, b and c, of which b is the least recently used."""
    for name, ago in {"a": 20, "b": 30, "c": 10}.items():
        assert cached(tmp_path / name, open_entry, build) == bytes(1000)
        os.utime(tmp_path / name / "used", (time.time() - ago,) * 2)
    let_go(tmp_path)
    yield tmp_path
    let_go(tmp_path)


def let_go(cache: Path) -> None:
    """Release the entries, as at the end of this process."""
    for folder in [folder for folder in _held if folder.parent == cache]:
        _held.pop(folder).close()


def names(cache: Path) -> list[str]:
    return [entry.folder.name for entry in entries(cache)]


def test_the_least_recently_used_entry_is_removed_first(three: Path) -> None:
    assert names(three) == ["b", "a", "c"]
    assert trim(three, 3000) == []
    [sentence] = trim(three, 2000)
    assert sentence.startswith(f"removed {three / 'b'} (1000 B)")
    assert names(three) == ["a", "c"]
    assert cached(three / "a", open_entry, build)  # used again and held from here on
    [first, second] = trim(three, 500)
    assert first.startswith(f"removed {three / 'c'}")
    assert second == f"{three} takes 1000 B, more than data.cache_gb, but all of it is in use"
    assert names(three) == ["a"]


def test_an_entry_is_kept_until_the_process_that_uses_it_ends(three: Path) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from tests.datasets.test_cache import build, cached, open_entry
        cached(Path(sys.argv[1]), open_entry, build)
        print("held", flush=True)
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(three / "b")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        trim(three, 0)
        assert names(three) == ["b"]
        process.kill()
    trim(three, 0)
    assert names(three) == []


def test_a_damaged_entry_is_rebuilt(three: Path) -> None:
    (three / "a" / "data").unlink()
    assert cached(three / "a", open_entry, build) == bytes(1000)


def test_leftovers_of_crashes_are_removed_but_not_current_builds(three: Path) -> None:
    (three / ".a.left").mkdir()

    def slow(folder: Path) -> None:
        trim(three, 1e9)
        assert folder.exists()
        build(folder)

    cached(three / "d", open_entry, slow)
    assert not (three / ".a.left").exists()


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OutputError("the disk is full")

    with pytest.raises(OutputError):
        cached(tmp_path / "cache" / "a", open_entry, full)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".a.lock"]


def test_no_cache_yet(tmp_path: Path) -> None:
    assert entries(tmp_path / "nowhere") == []
    assert trim(tmp_path / "nowhere", 0) == []
