"""Words and numbers for people: command lines, suggestions, ages, sizes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from idf.errors import ConfigError


@dataclass(frozen=True)
class Words:
    """A command line taken apart.

    Args:
        plain: words without ``=`` and without dashes in front.
        settings: ``name=value``, names as given; a later one of the same name wins.
        flags: words that begin with ``--``.
    """

    plain: tuple[str, ...]
    settings: dict[str, str]
    flags: frozenset[str]


def parse_words(words: Sequence[str], *, flags: Sequence[str] = (), settings: Sequence[str] | None = None) -> Words:
    """Take a command line apart.

    Args:
        flags: those that exist, such as ``--dry-run``.
        settings: names that exist; None leaves the names to the caller.

    Raises:
        ConfigError: with every unknown flag and setting.
    """
    plain: list[str] = []
    given: dict[str, str] = {}
    seen: set[str] = set()
    problems = []
    for word in words:
        name, separator, value = word.partition("=")
        if word.startswith("-"):
            if word in flags:
                seen.add(word)
            else:
                problems.append(f"{word} is not an option{did_you_mean(word, flags)}")
        elif not separator:
            plain.append(word)
        elif settings is not None and name not in settings:
            problems.append(f"{name} is not a setting of this command{did_you_mean(name, settings)}")
        else:
            given[name] = value
    if problems:
        raise ConfigError(problems)
    return Words(tuple(plain), given, frozenset(seen))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean X?"`` for something close, else a list of what there is; both begin with a semicolon."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there are {', '.join(known)}" if known else "; there are none"


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits: ``"40 s"``, ``"3 min"``, ``"5 h"``, ``"12 d"``."""
    for unit, size, upto in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < upto * size:
            return f"{max(0, round(seconds / size))} {unit}"
    return f"{round(seconds / 86400)} d"


def duration(seconds: float) -> str:
    """``"0:42"``, ``"12:03"``, ``"3:12:03"``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def size(count: float) -> str:
    """Bytes in binary units: ``"512 B"``, ``"3.4 MiB"``."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def bits(value: float | None, digits: int = 4) -> str:
    """Bits/sample, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"
