from __future__ import annotations

import re

import pytest

from experiments.reporting.statistics import compare_paired
from experiments.reporting.words import by_chance, compared


def words(first: list[float], second: list[float]) -> str:
    return compared("x-1", "y", compare_paired(dict(enumerate(first)), dict(enumerate(second))))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([], [], r"y and x-1 cannot be compared: no seed finished in both\."),
        (
            [9.0],
            [8.5],
            r"y needs 0\.5000 bits/sample fewer than x-1, over seed 0\. One seed does not allow a conclusion\.",
        ),
        (
            [9.0] * 3,
            [9.5, 9.25, 9.75],
            r"0\.5000 bits/sample more than .*better in 0 of 3\. 3 seeds are too few for significance .*0\.250\)",
        ),
        (
            [9.0] * 8,
            [8.0] * 8,
            r"to −1\.0000\); it is better in 8 of 8\. The difference is statistically significant \(p = 0\.008\)",
        ),
        (
            [9.0] * 8,
            [8.0] * 4 + [10.0] * 4,
            r"better in 4 of 8\. The difference is not statistically significant \(p = 1\.000\)",
        ),
    ],
)
def test_comparisons_as_sentences(first: list[float], second: list[float], said: str) -> None:
    assert re.search(said, words(first, second)), words(first, second)


def test_many_comparisons_come_with_a_note() -> None:
    assert by_chance([None] * 4) is None
    assert "about 2.0 of 40 comparisons" in (by_chance([None] * 40) or "")
