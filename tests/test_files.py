"""Room for files that are written through a memory map. The rest of idf.files is tested where it is used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from idf.errors import OutputError
from idf.files import output_errors, reserve


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
