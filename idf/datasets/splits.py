"""Splits of clips into training, validation and test, by a stable hash of the name or by lists.

Only names matter, so adding, removing or renaming one clip never moves another between parts.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idf.errors import DataError, did_you_mean

_RANGE = ".."


@dataclass(frozen=True)
class Split:
    """Sorted clip names of each part, and the name of the split for tables."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def hash_position(name: str) -> float:
    """Return the position of a clip in [0, 1): the first 53 bits of the SHA-256 of its name, divided by 2^53."""
    return (int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 11) / 2**53


def split_by_hash(names: Sequence[str], train_fraction: float, validation_fraction: float) -> Split:
    """Split by :func:`hash_position`: train below ``train_fraction``, then validation, then test.

    Raises:
        DataError: a fraction is negative, or they sum to more than 1.
    """
    edge = train_fraction + validation_fraction
    if not (train_fraction >= 0 and validation_fraction >= 0 and edge <= 1 + 1e-9):
        raise DataError(
            f"data.train_fraction={train_fraction} and data.validation_fraction={validation_fraction}: "
            f"both must be at least 0 and sum to at most 1; the rest is the test split"
        )
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for name in sorted(names):
        position = hash_position(name)
        # Fractions that sum to 0.9999… in floating point still mean "no test clips".
        part = 0 if position < train_fraction else 1 if position < edge or edge > 1 - 1e-9 else 2
        parts[part].append(name)
    test_fraction = max(0.0, 1 - edge)
    title = f"hash {train_fraction:g}/{validation_fraction:g}/{test_fraction:.6g}"
    return Split(title, tuple(parts[0]), tuple(parts[1]), tuple(parts[2]))


def split_by_lists(names: Sequence[str], lists: Mapping[str, Sequence[str] | None]) -> Split:
    """Split by explicit lists; a missing list (None) is an empty part.

    Args:
        names: every clip of the data set.
        lists: the entries of ``data.<part>_clips`` for ``train``, ``validation`` and ``test``: clip
            names, ranges ``FIRST..LAST`` (including both ends, in sorted order of the names) and
            patterns with ``*``, ``?`` or ``[…]``.

    Raises:
        DataError: an entry matches no clip, a range is reversed, or two lists share a clip.
    """
    ordered = sorted(names)
    parts = {part: _resolve(f"data.{part}_clips", entries or (), ordered) for part, entries in lists.items()}
    for first, second in (
        ("train", "validation"),
        ("train", "test"),
        ("validation", "test"),
    ):
        shared = sorted(set(parts[first]) & set(parts[second]))
        if shared:
            raise DataError(
                f"data.{first}_clips and data.{second}_clips share {_some(shared)}; remove them from one of the lists"
            )
    # The digest in the title distinguishes different lists in a table.
    text = "\n".join(f"{part} {name}" for part in ("train", "validation", "test") for name in parts[part])
    title = f"lists {hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return Split(title, parts["train"], parts["validation"], parts["test"])


def _resolve(key: str, entries: Sequence[str], ordered: Sequence[str]) -> tuple[str, ...]:
    known = set(ordered)
    chosen: set[str] = set()
    for entry in entries:
        if entry in known:
            chosen.add(entry)
        elif any(mark in entry for mark in "*?["):
            matches = [name for name in ordered if fnmatch.fnmatchcase(name, entry)]
            if not matches:
                raise DataError(f"{key}: no clip matches the pattern {entry!r}; clips are named {_some(ordered)}")
            chosen.update(matches)
        elif _RANGE in entry:
            first, last = entry.split(_RANGE, 1)
            for end in (first, last):
                if end not in known:
                    raise DataError(f"{key}: {entry!r}: {_unknown(end, ordered)}")
            if first > last:
                raise DataError(f"{key}: the range {entry!r} is reversed; write {last}{_RANGE}{first}")
            chosen.update(name for name in ordered if first <= name <= last)
        else:
            raise DataError(f"{key}: {_unknown(entry, ordered)}")
    return tuple(sorted(chosen))


def _unknown(name: str, ordered: Sequence[str]) -> str:
    return f"there is no clip {name!r}{did_you_mean(name, ordered, otherwise=f'; clips are named {_some(ordered)}')}"


def _some(names: Sequence[str], limit: int = 5) -> str:
    """Return the first few names and the number of the others."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")
