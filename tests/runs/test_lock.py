from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from idf.errors import RunError
from idf.runs.lock import locked


def test_a_second_owner_is_refused_by_name(tmp_path: Path) -> None:
    expected = pytest.raises(RunError, match=f"process {os.getpid()} on .* is working on the run")
    with locked(tmp_path), expected, locked(tmp_path):
        pass
    with locked(tmp_path) as taken_over:
        assert taken_over is None


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    program = f"import os; from idf.runs.lock import locked\nwith locked(__import__('pathlib').Path({str(tmp_path)!r})): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert json.loads((tmp_path / "lock").read_text())["host"] == socket.gethostname()
    with locked(tmp_path) as taken_over:
        assert taken_over is not None
        assert "no longer exists" in taken_over


def test_a_half_written_owner_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1')
    with locked(tmp_path) as taken_over:
        assert taken_over is None


def test_an_owner_on_another_machine_blocks_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "host": "elsewhere.invalid"}')
    with pytest.raises(RunError, match=r"or, if it no longer exists, remove .*lock"), locked(tmp_path):
        pass
    assert "elsewhere" in (tmp_path / "lock").read_text()
