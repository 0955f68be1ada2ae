"""The page of a study: its content, and its appearance in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.report import write_report
from experiments.reporting.figures import draw_curves, draw_seeds
from experiments.reporting.results import read_results
from tests import chromium
from tests.collisions import collisions
from tests.page_looks import looks

NASTY = "<script>alert('&\"')</script>"


@pytest.fixture
def make_page(study: Callable[..., Path]) -> Callable[[], Path]:
    """Return a function that writes the page of a study whose names and messages need escaping."""

    def make() -> Path:
        folder = study()
        text = (
            (folder / "study.json").read_text().replace('"a"', json.dumps(f"a-{NASTY}")).replace("A question", "Why?")
        )
        (folder / "study.json").write_text(text)
        for status in folder.glob("*/status.json"):
            status.write_text(status.read_text().replace("the loss became nan", json.dumps(NASTY)[1:-1]))
        return write_report(read_results(folder))[0]

    return make


def test_everything_is_on_the_page(make_page: Callable[[], Path]) -> None:
    text = make_page().read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    for words in (
        "<p>Why?</p>",
        "4 of 6",  # finished
        "9.2000 ± 0.1414",
        "b needs 0.2500 bits/sample fewer than",
        "-s2 diverged at step 200: &lt;script",
        "Incomplete: b-s2 (not started).",
        "FLAC -8 -b",
        "python evaluate.py run=",
        "python -m experiments.study mine",
        "idf 0.1.0",
        'id="seeds-narrow',
        'id="curves-wide',
    ):
        assert words in text, words
    assert "http://" not in text.replace("http://www.w3.org/", "")


def test_in_a_browser(make_page: Callable[[], Path]) -> None:
    program = chromium.find_chromium()
    if program is None:
        pytest.skip(f"none of {', '.join(chromium.PROGRAMS)} is on PATH: apt-get install chromium")
    page = make_page()
    with chromium.Chromium(program) as browser:
        for where, facts in looks(browser, page):
            assert facts["figures"] == facts["hidden"] == 2, where


@pytest.mark.parametrize("width", [3.6, 7.0, 9.2])
def test_text_does_not_collide(study: Callable[..., Path], width: float) -> None:
    folder = study()
    text = (folder / "study.json").read_text()
    (folder / "study.json").write_text(text.replace('"a"', '"a-cell-with-quite-a-long-name-in-it"'))
    result = read_results(folder)
    for figure in (draw_seeds(result, width), draw_curves(result, width)):
        assert figure is not None
        assert collisions(figure) == []
