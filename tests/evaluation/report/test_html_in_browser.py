"""The page as a browser shows it, on a phone and on a large screen, light and dark; needs Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import chromium

FACTS = """(async () => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const shown = [...document.querySelectorAll('svg')].filter(svg => svg.getClientRects().length);
  const boxes = shown.map(svg => svg.getBoundingClientRect());
  const outside = shown.flatMap(svg => [...svg.querySelectorAll('text')].filter(text => {
    const [inner, outer] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
    return inner.left < outer.left - 4 || inner.right > outer.right + 4;
  }).map(text => text.textContent));
  const letters = shown.flatMap(svg => [...svg.querySelectorAll('text')].map(text =>
    parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width));
  const sounds = await Promise.all([...document.querySelectorAll('audio')].map(audio => new Promise(done => {
    audio.onloadedmetadata = () => done(audio.duration);
    audio.onerror = () => done(-1);
    audio.preload = 'metadata';
    audio.load();
  })));
  const light = colour => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map(part => {
      const value = parseFloat(part) / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const contrasts = [...document.querySelectorAll('p, li, a, th, td, dt, dd, h1, h2, h3, pre, summary, text')]
    .filter(element => element.getClientRects().length && element.textContent.trim())
    .map(element => {
      const style = getComputedStyle(element);
      const ink = light(element.tagName === 'text' ? style.fill : style.color);
      const paper = light(ground(element));
      return [(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05), element.textContent.slice(0, 40)];
    });
  return {
    wide, outside, sounds, paper: getComputedStyle(document.body).backgroundColor,
    figures: shown.length, hidden: document.querySelectorAll('svg').length - shown.length,
    least: Math.min(...letters), widest: Math.max(...boxes.map(box => box.width)),
    contrast: contrasts.reduce((least, each) => each[0] < least[0] ? each : least),
  };
})()"""


@pytest.mark.parametrize("blocks", [0, 4, 11])
def test_phone_and_desktop_light_and_dark(make_page: Callable[[int], str], blocks: int, tmp_path: Path) -> None:
    program = chromium.find_chromium()
    if program is None:
        pytest.skip(f"none of {', '.join(chromium.PROGRAMS)} is on PATH: apt-get install chromium")
    path = tmp_path / "report.html"
    path.write_text(make_page(blocks))
    papers = set()
    with chromium.Chromium(program) as browser:
        for width in (320, 390, 1280):
            for scheme in ("light", "dark"):
                browser.open(path, width, scheme)
                facts = browser.ask(FACTS)
                where = f"{width} px, {scheme}: {facts}"
                assert browser.complaints() == [], where
                assert facts["wide"] <= 0, where
                assert facts["outside"] == [], where
                assert facts["least"] >= (7.5 if width < 360 else 9), where
                assert facts["contrast"][0] >= 4.5, where
                assert facts["figures"] >= (3 if blocks == 0 else 6), where
                assert facts["hidden"] >= (1 if blocks == 0 else 4), where
                assert facts["sounds"]
                assert all(0.9 < seconds < 1.1 for seconds in facts["sounds"]), where
                papers.add((scheme, facts["paper"]))
    assert len(papers) == 2
    assert len({paper for _, paper in papers}) == 2


def test_the_helper_sees_what_is_wrong(tmp_path: Path) -> None:
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
