"""The numbers in README and documentation are those of the stored results that they cite."""

from __future__ import annotations

import re

import pytest
from result_tables import PAGES, RESULTS, ROOT, read_result, updated

NAMES = sorted(path.stem for path in RESULTS.glob("*.csv"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_tables_are_those_of_the_results(page: object) -> None:
    text = page.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert updated(text) == text, "run: python tools/result_tables.py"


@pytest.mark.parametrize("name", NAMES)
def test_results_say_where_they_are_from_and_are_shown_with_it(name: str) -> None:
    about, shown = read_result(name).about, (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert about.keys() == {"command", "date", "machine"}
    assert f"<!-- results: {name} -->" in shown
    for command in about["command"]:
        assert f"$ {command}\n" in shown


def test_every_table_of_numbers_in_the_readme_cites_a_result() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    heads = [number for number, line in enumerate(lines) if re.match(r"\|[-:|]+\|$", line)]
    assert heads
    assert all(lines[number - 2].startswith("<!-- results: ") for number in heads)


def test_numbers_in_sentences_of_the_readme_are_those_of_the_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    assert f"a table of {len(read_result('demo').rows)} codecs" in text
    assert f"{words[len(read_result('codecs-held-out').rows)]} held-out sets" in text
    assert f"with it, {read_result('seeds-original').rows['as-was']['diverged']} seeds diverge" in text
    assert {row["diverged"] for row in read_result("seeds-flow").rows.values()} == {"0 of 10"}, (
        "with the defaults, none"
    )


def test_a_changed_result_changes_the_table() -> None:
    page = "<!-- results: flow -->\n| model | bits/sample |\n|---|---:|\n| flow-small | **9.9999** |\n"
    assert updated(page) == page.replace("9.9999", read_result("flow").rows["flow-small"]["bits/sample"])


def test_a_row_that_no_result_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        updated("<!-- results: flow -->\n| model | bits/sample |\n|---|---:|\n| flow-huge | 1 |\n")
