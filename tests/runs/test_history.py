from __future__ import annotations

import json
from pathlib import Path

from idf.runs.history import History, read_history


def test_records_come_back_and_odd_numbers_become_null(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.append({"step": 1, "kind": "train", "loss": 2.5})
    history.append({"step": 2, "kind": "train", "loss": float("nan"), "ratio": float("inf")})
    assert read_history(history.path) == [
        {"step": 1, "kind": "train", "loss": 2.5},
        {"step": 2, "kind": "train", "loss": None, "ratio": None},
    ]
    for line in history.path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: 1 / 0)


def test_cut_back_to_a_checkpoint(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.truncate_after(3)  # nothing there yet
    assert not history.path.exists()
    for step in (1, 2, 3, 4):
        history.append({"step": step})
    history.path.write_bytes(history.path.read_bytes() + b'{"step": 5, "lo')
    history.truncate_after(2)
    assert [record["step"] for record in read_history(history.path)] == [1, 2]
    history.append({"step": 3})
    assert [record["step"] for record in read_history(history.path)] == [1, 2, 3]
