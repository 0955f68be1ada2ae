"""Machine code is found only if everything that it depends on is the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idf.compiled import sources, store
from idf.compiled.store import Key, keep, kept, kept_in


def function(x: int) -> int:
    return x


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IDF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def forget() -> None:
    for cached in (store._machine, sources.digest, sources._read, sources._imported, sources._files_of):
        cached.cache_clear()


@pytest.fixture
def key() -> Iterator[Callable[..., str]]:
    """Return the digest of a loop's key as a new process computes it."""

    def find(signature: tuple[Any, ...] = (int,)) -> str:
        forget()
        found = Key.of(function, signature).digest
        assert found is not None
        return found

    yield find
    forget()


def test_what_a_key_is_made_of(key: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = key()
    assert key() == first
    changed = [key((float,))]
    monkeypatch.setenv("NUMBA_OPT", "1")
    changed.append(key())
    monkeypatch.delenv("NUMBA_OPT")
    for name, value in (("processor", lambda: "x"), ("_numba_version", lambda: "x"), ("llvmlite_version", "x")):
        with monkeypatch.context() as patch:
            patch.setattr(store, name, value)
            changed.append(key())
    with monkeypatch.context() as patch:
        patch.setattr(store.np, "__version__", "x")
        changed.append(key())
    assert len({first, *changed}) == 7
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    assert key() == first


def test_a_change_in_any_source_changes_the_key(
    key: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "pack/__init__.py": "",
        "pack/loops.py": "from pack import deep\nfrom pack.wide import (\n    ONE,\n)\nfrom numpy import int64\n",
        "pack/deep.py": "def later():\n    import pack.deepest, os\n",
        "pack/deepest.py": "X = 1\n",
        "pack/wide.py": "ONE = 1\n",
        "pack/other.py": "",
        "numpy/__init__.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sources, "_ROOT", tmp_path)
    code = compile("def function(x): return x", str(tmp_path / "pack/loops.py"), "exec").co_consts[0]
    monkeypatch.setattr(function, "__code__", code)
    first = key()
    for name in ("pack/__init__.py", "pack/loops.py", "pack/deep.py", "pack/deepest.py", "pack/wide.py"):
        with (tmp_path / name).open("a") as file:
            file.write("# changed\n")
        assert (before := first) != (first := key()), (name, before)
    for name in ("pack/other.py", "numpy/__init__.py"):  # other packages are covered by their versions
        (tmp_path / name).write_text("X = 3\n")
    assert key() == first


def test_sources_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    code = compile("def function(x): return x", "<nowhere>", "exec").co_consts[0]
    monkeypatch.setattr(function, "__code__", code)
    lost = Key.of(function, ())
    assert lost.digest is None
    keep(lost, b"code")
    assert kept(lost) is None


def test_only_whole_files_are_believed(folder: Path) -> None:
    known = Key("loop", "ab" * 32)
    assert kept(known) is None
    keep(known, b"machine code")
    assert kept(known) == b"machine code"
    (path,) = folder.iterdir()
    for content in (b"", path.read_bytes()[:-1], b"x" + path.read_bytes(), bytes(64)):
        path.write_bytes(content)
        assert kept(known) is None


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Key("loop", "ab" * 32)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IDF_CACHE", str(tmp_path / "file" / "below"))
    assert kept_in() is None
    keep(known, b"machine code")
    assert kept(known) is None
    # without IDF_CACHE: next to the package or, if that is not writable, in the user's folder
    monkeypatch.delenv("IDF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    package, user = store.folders()
    assert package.parent == Path(store.__file__).parent
    assert tmp_path / "home" in user.parents
    monkeypatch.setattr(store, "folders", lambda: [tmp_path / "file" / "below", user])
    keep(known, b"machine code")
    assert kept(known) == b"machine code"
    assert kept_in() == user


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("IDF_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert len(store.folders()) == 1


def test_a_full_disk_costs_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    keep(Key("loop", "ab" * 32), b"machine code")
    assert kept(Key("loop", "ab" * 32)) is None


def test_what_was_not_used_for_long_is_deleted(folder: Path) -> None:
    old, used, new = (Key(name, "ab" * 32) for name in ("old", "used", "new"))
    for each in (old, used):
        keep(each, b"machine code")
    before = time.time() - 91 * 86400
    for path in folder.iterdir():
        os.utime(path, (before, before))
    assert kept(used) == b"machine code"
    keep(new, b"machine code")
    assert sorted(path.name.split("-")[0] for path in folder.iterdir()) == ["new", "used"]
