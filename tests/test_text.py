from __future__ import annotations

import pytest

from idf.errors import ConfigError
from idf.text import age, did_you_mean, duration, parse_words, size


def test_a_command_line_taken_apart() -> None:
    words = parse_words(["table", "jobs=2", "a.b=[1, 2]", "--dry-run", "jobs=3", "x=y=z"], flags=("--dry-run",))
    assert words.plain == ("table",)
    assert words.settings == {"jobs": "3", "a.b": "[1, 2]", "x": "y=z"}
    assert words.flags == {"--dry-run"}


def test_every_unknown_word_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        parse_words(["--dry", "job=2", "jobs=2"], flags=("--dry-run",), settings=("jobs",))
    assert [problem.partition(";")[2] for problem in raised.value.problems] == [
        " did you mean --dry-run?",
        " did you mean jobs?",
    ]


def test_suggestions() -> None:
    assert did_you_mean("smal", ["small", "large"]) == "; did you mean small?"
    assert did_you_mean("xyz", ["small", "large"]) == "; there are small, large"
    assert did_you_mean("xyz", []) == "; there are none"


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
