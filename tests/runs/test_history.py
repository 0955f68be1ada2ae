from __future__ import annotations

import json
from pathlib import Path

import pytest

from idf.errors import RunError
from idf.runs.history import History, finite_number, read_history


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
        history.append({"step": step, "kind": "train"})
    history.path.write_bytes(history.path.read_bytes() + b'{"step": 5, "lo')
    history.truncate_after(2)
    assert [record["step"] for record in read_history(history.path)] == [1, 2]
    history.append({"step": 3, "kind": "train"})
    assert [record["step"] for record in read_history(history.path)] == [1, 2, 3]


@pytest.mark.parametrize(
    "damage", ["broken", "[]", "7", '{"kind": "train"}', '{"step": 1}', '{"step": "1", "kind": "train"}']
)
def test_every_reader_reports_a_damaged_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "history.jsonl"
    whole = '{"step": 1, "kind": "train"}'
    path.write_text(f"{whole}\n{damage}\n{whole}\n")
    for read in (read_history, lambda path: History(path).truncate_after(0)):
        with pytest.raises(RunError, match=r"line 2 of .*history.jsonl is damaged; delete the line"):
            read(path)
    path.write_text(f"{whole}\n{damage}")  # cut off by a crash
    assert [record["step"] for record in read_history(path)] == [1]
    with pytest.raises(RunError, match="cannot read the history"):
        read_history(tmp_path / "missing.jsonl")


def test_finite_numbers() -> None:
    values = [finite_number(value) for value in (1, 2.5, True, None, float("nan"), "3")]
    assert values == [1.0, 2.5, None, None, None, None]
