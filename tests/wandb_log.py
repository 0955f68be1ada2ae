"""Reading W&B's offline files, for which wandb 0.31 has no Python reader any more."""

from __future__ import annotations

from collections.abc import Iterator


def log_records(file: bytes) -> Iterator[bytes]:
    """Return the records of a file in LevelDB's log format after wandb's 7 bytes: blocks of 32 KiB that hold
    fragments of (CRC 4, length 2, kind 1, data); kind 1 is whole, 2 first, 3 middle, 4 last.
    """
    assert file[:4] == b":W&B"
    position, parts = 7, b""
    while position + 7 <= len(file):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        length, kind = int.from_bytes(file[position + 4 : position + 6], "little"), file[position + 6]
        if kind == 0:
            return
        parts += file[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""
