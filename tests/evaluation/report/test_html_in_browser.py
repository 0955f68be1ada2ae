"""The page in a browser, on a phone and on a large screen, light and dark; needs Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import chromium
from tests.page_looks import looks


@pytest.mark.parametrize("blocks", [0, 4, 11])
def test_phone_and_desktop_light_and_dark(make_page: Callable[[int], str], blocks: int, tmp_path: Path) -> None:
    program = chromium.find_chromium()
    if program is None:
        pytest.skip(f"none of {', '.join(chromium.PROGRAMS)} is on PATH: apt-get install chromium")
    path = tmp_path / "report.html"
    path.write_text(make_page(blocks))
    with chromium.Chromium(program) as browser:
        for where, facts in looks(browser, path):
            assert facts["figures"] >= (3 if blocks == 0 else 6), where
            assert facts["hidden"] >= (1 if blocks == 0 else 4), where
            assert facts["sounds"]
            assert all(0.9 < seconds < 1.1 for seconds in facts["sounds"]), where


def test_the_helper_detects_errors(tmp_path: Path) -> None:
    program = chromium.find_chromium()
    if program is None:
        pytest.skip(f"none of {', '.join(chromium.PROGRAMS)} is on PATH: apt-get install chromium")
    path = tmp_path / "bad.html"
    path.write_text(
        '<!doctype html><meta name="viewport" content="width=device-width"><p style="width:900px">wide'
        "<img src='missing.png'><script>console.error('so it goes'); nothing()</script>"
    )
    with chromium.Chromium(program) as browser:
        browser.open(path, 390, "light")
        said = " ".join(browser.complaints())
        assert browser.ask("document.documentElement.scrollWidth") >= 900
    for words in ("so it goes", "nothing is not defined", "missing.png"):
        assert words in said
