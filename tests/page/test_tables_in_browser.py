"""A table wider than the page scrolls in its own box, and visibly so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from idf.page.document import Section, document
from idf.page.markup import element, table
from tests import chromium

FACTS = """(() => {
  const box = document.querySelector('.scroll');
  box.scrollLeft = PLACE;
  const {right, top, height} = box.getBoundingClientRect();
  return {right, middle: top + scrollY + height / 2, more: box.scrollWidth - box.clientWidth,
          wide: document.documentElement.scrollWidth - document.documentElement.clientWidth};
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_shade_says_that_there_is_more_to_the_right(width: int, scheme: str, tmp_path: Path) -> None:
    program = chromium.find_chromium()
    if program is None:
        pytest.skip(f"none of {', '.join(chromium.PROGRAMS)} is on PATH: apt-get install chromium")
    headings = ["clip", *(f"a codec {n}" for n in range(16))]
    rows = [["one", *["1.2345"] * 16], ["two", *["5.4321"] * 16]]
    shown = table("wide", headings, rows, [False, *[True] * 16])
    path = tmp_path / "page.html"
    path.write_text(document("a page", [element("h1", "a page")], [Section("a", "A", shown)]))

    def edge(place: int) -> tuple[np.ndarray, dict[str, float]]:
        """Return the colours just inside the box's right edge and far from it, in a row without text."""
        facts = browser.ask(FACTS.replace("PLACE", str(place)))
        browser.picture(tmp_path / "page.png")
        picture = imread(tmp_path / "page.png")[..., :3]
        # the row's upper border spans the whole width, so the pixel row below it has no text
        row = picture[int(facts["middle"]) + 3]
        right = int(facts["right"])
        return np.abs(row[right - 3] - row[right - 60]), facts

    with chromium.Chromium(program) as browser:
        browser.open(path, width, scheme)
        shaded, facts = edge(0)
        assert facts["wide"] <= 0
        assert facts["more"] > 100
        assert shaded.max() > 0.15
        plain, _ = edge(10_000)
        assert plain.max() < 0.02
