"""Human-readable numbers: ages, durations, sizes, rates; a dash for unknown ones."""

from __future__ import annotations

DASH = "–"


def printable(text: str) -> str:
    """Return ``text`` with unprintable characters escaped, such as control characters in file names.

    >>> printable("a\\x1b[31mb\\n"), printable("\\udcff")
    ('a\\\\x1b[31mb\\\\n', '\\\\xff')
    """
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte that is not valid UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()


def age(seconds: float) -> str:
    """Return how long ago, in the largest suitable unit: ``"40 s"``, ``"3 min"``, ``"5 h"``, ``"12 d"``."""
    for unit, size, upto in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < upto * size:
            return f"{max(0, round(seconds / size))} {unit}"
    return f"{round(seconds / 86400)} d"


def duration(seconds: float) -> str:
    """Return a duration such as ``"0:42"``, ``"12:03"`` or ``"3:12:03"``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def size(count: float) -> str:
    """Return a number of bytes in binary units: ``"512 B"``, ``"3.4 MiB"``."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def formatted(value: float | None, form: str) -> str:
    """Return ``value`` in the format ``form``, such as ``".3f"``; a dash for None."""
    return DASH if value is None else format(value, form)


def bits(value: float | None) -> str:
    """Return bits per sample with four decimals; a dash for None."""
    return formatted(value, ".4f")


def times(value: float | None) -> str:
    """Return a speed as a multiple of real time with two digits: ``"12×"``, ``"0.35×"``; a dash for None."""
    if value is None:
        return DASH
    return f"{value:.0f}×" if value >= 10 else f"{value:.2g}×"
