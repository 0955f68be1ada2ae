from __future__ import annotations

import pytest

from idf.arguments import parse_arguments
from idf.errors import ConfigError


def test_a_command_line_taken_apart() -> None:
    argv = ["table", "jobs=2", "a.b=[1, 2]", "--dry-run", "x=y=z", "a.b=3"]
    arguments = parse_arguments(argv, settings=("jobs",), flags=("--dry-run",), passes=None)
    assert arguments.plain == ("table",)
    assert arguments.settings == {"jobs": "2"}
    assert arguments.passed == ("a.b=[1, 2]", "x=y=z", "a.b=3")
    assert arguments.passed_settings == {"a.b": "3", "x": "y=z"}
    assert arguments.flags == {"--dry-run"}
    arguments.check()


def test_names_that_are_passed_on() -> None:
    arguments = parse_arguments(["data=x", "data.root=/y", "database=z"], passes=("data",))
    assert arguments.passed == ("data=x", "data.root=/y")
    assert arguments.problems == ["database is not a setting of this command; did you mean data?"]


def test_every_problem_at_once() -> None:
    argv = ["--dry", "job=2", "jobs=2", "jobs=3", "out="]
    arguments = parse_arguments(argv, flags=("--dry-run",), settings=("jobs", "out"))
    with pytest.raises(ConfigError) as raised:
        arguments.check()
    assert raised.value.problems == (
        "--dry is not an option; did you mean --dry-run?",
        "job is not a setting of this command; did you mean jobs?",
        "jobs is given twice",
        "out= has no value",
    )


def test_values_of_each_kind() -> None:
    argv = ["count=3", "size=2.5", "names=[a, b,]", "kind=one"]
    arguments = parse_arguments(argv, settings=("count", "size", "names", "kind", "absent"))
    assert arguments.whole("count", None) == 3
    assert arguments.number("size", None, "a size", 0, 3) == 2.5
    assert arguments.listed("names") == ("a", "b")
    assert arguments.chosen("kind", ("one", "two"), "two") == "one"
    assert arguments.whole("absent", None) is None
    assert arguments.number("absent", 1.5, "a size") == 1.5
    assert arguments.listed("absent") is None
    assert arguments.chosen("absent", ("one", "two"), "two") == "two"
    arguments.check()


def test_values_that_cannot_be() -> None:
    argv = ["count=0", "size=nan", "names=[]", "kind=tow"]
    arguments = parse_arguments(argv, settings=("count", "size", "names", "kind"))
    arguments.whole("count", 1, least=1)
    arguments.number("size", 1.0, "a size above 0", 0)
    arguments.listed("names")
    arguments.chosen("kind", ("one", "two"), "one")
    assert arguments.problems == [
        "count=0: expected a whole number of at least 1",
        "size=nan: expected a size above 0",
        "names=[]: the list is empty",
        "kind=tow: expected one of one, two; did you mean two?",
    ]
