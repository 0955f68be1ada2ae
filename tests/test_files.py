"""Disk space for memory-mapped files, and hidden files. The rest of idf.files is tested where it is used."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from idf import files
from idf.errors import OutputError
from idf.files import atomic_write, output_errors, reserve


def sparse(path: Path, begins: bytes, size: int) -> Path:
    path.write_bytes(begins)
    os.truncate(path, size)
    return path


@pytest.mark.parametrize("with_call", [True, False])
def test_reserving_keeps_what_is_there(with_call: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not with_call:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    path = sparse(tmp_path / "x", b"head", 3_000_001)
    reserve(path)
    assert path.read_bytes() == b"head" + bytes(3_000_001 - 4)
    if hasattr(os.stat_result, "st_blocks"):
        assert path.stat().st_blocks * 512 >= 3_000_001


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system has no such call")
def test_no_room_is_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match="the disk is full"), output_errors(tmp_path / "x"):
        reserve(sparse(tmp_path / "x", b"", 10))


def test_an_interrupt_while_the_hidden_file_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal's exception may be raised right after any call."""
    make = files._private

    def interrupted(path: str, flags: int) -> int:
        os.close(make(path, flags))
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "_private", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "x"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_under_way_is_private(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "x") as file:
        file.write(b"secret")
        (hidden,) = tmp_path.iterdir()
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o600
        assert (hidden.name[:3], hidden.suffix) == (".x.", ".part")
