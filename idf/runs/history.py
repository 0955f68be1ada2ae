"""``history.jsonl``: everything a run measured, one JSON object a line, whatever trackers are on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idf.files import atomic_write, output_errors


class History:
    """Appends records; a reader of the file never sees half a line, save after a crash of the machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record. Numbers that JSON does not have (NaN, infinities) become null.

        Raises:
            OutputError: the disk is full and the like.
        """
        line = (json.dumps(_finite(record), allow_nan=False) + "\n").encode()
        with output_errors(self.path):
            # One write to a file opened for appending: the line arrives whole or not at all.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    def truncate_after(self, step: int) -> None:
        """Drop what was written after ``step``: a resumed run will write it again."""
        if not self.path.exists():
            return
        kept = [record for record in read_history(self.path) if record["step"] <= step]
        with atomic_write(self.path) as file:
            file.write("".join(json.dumps(record) + "\n" for record in kept).encode())


def read_history(path: Path) -> list[dict[str, Any]]:
    """All whole records; a last line cut short by a crash is left out."""
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in record.items()
    }
