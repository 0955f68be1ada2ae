"""``history.jsonl``: everything a run measured, one JSON object per line, whichever trackers are on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idf.errors import RunError
from idf.files import atomic_write, output_errors


class History:
    """Appends records. Readers never see an incomplete line, except after a crash of the machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record, with null for numbers that JSON does not have (NaN, infinities).

        Raises:
            OutputError: the file cannot be written, for example because the disk is full.
        """
        line = (json.dumps(_finite(record), allow_nan=False) + "\n").encode()
        with output_errors(self.path):
            # A single write to a file opened for appending: the line is written whole or not at all.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    def truncate_after(self, step: int) -> None:
        """Remove the records after ``step``, which a resumed run writes again.

        Raises:
            RunError: the history is damaged (:func:`read_history`).
        """
        if not self.path.exists():
            return
        kept = [record for record in read_history(self.path) if record["step"] <= step]
        with atomic_write(self.path) as file:
            file.write("".join(json.dumps(record) + "\n" for record in kept).encode())


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read all records in the order in which they were written. Each has an integer ``step`` and a ``kind``.

    Figures, statistics and resumed runs all read by these rules: a last line that a crash cut off is ignored, but a
    damaged line before it is an error, so that no measurement is lost unnoticed.

    Raises:
        RunError: the file is missing or unreadable, or a line is not a record; the message gives its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read the history {path}: {error}") from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            whole = isinstance(record["step"], int) and isinstance(record["kind"], str)
        except (ValueError, KeyError, TypeError):
            whole = False
        if whole:
            records.append(record)
        elif number < len(lines):
            raise RunError(f"line {number} of {path} is damaged; delete the line to continue without it")
    return records


def finite_number(value: object) -> float | None:
    """Return ``value`` as a float if it is a finite number, otherwise None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in record.items()
    }
