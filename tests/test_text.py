from __future__ import annotations

import pytest

from idf.text import age, bits, duration, formatted, size, times


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "2 h"), (47 * 3600, "47 h"), (2e5, "2 d")]
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_durations_and_sizes() -> None:
    assert [duration(seconds) for seconds in (0, 61, 3599.6, 3661)] == ["0:00", "1:01", "1:00:00", "1:01:01"]
    assert [size(count) for count in (0, 1023, 1024, 150 * 1024, 5 << 20, 3 << 30)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "150 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]


def test_what_is_not_known_is_a_dash() -> None:
    assert (bits(None), times(None), formatted(None, ".2f")) == ("–", "–", "–")
    assert (bits(8.0), times(9.96), times(12.4), times(0.351), formatted(3.14159, ".2f")) == (
        "8.0000",
        "10×",
        "12×",
        "0.35×",
        "3.14",
    )
