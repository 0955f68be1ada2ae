"""Checks of how any page looks in a browser, on phones and on a large screen, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chromium import Chromium

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


def looks(browser: Chromium, page: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Check the rules for all pages at each width and colour scheme. Yields a label and the browser's measurements."""
    papers = set()
    for width in (320, 390, 1280):
        for scheme in ("light", "dark"):
            browser.open(page, width, scheme)
            facts = browser.ask(FACTS)
            where = f"{width} px, {scheme}: {facts}"
            assert browser.complaints() == [], where
            assert facts["wide"] <= 0, where
            assert facts["outside"] == [], where
            assert facts["least"] >= (7.5 if width < 360 else 9), where
            assert facts["contrast"][0] >= 4.5, where
            papers.add((scheme, facts["paper"]))
            yield where, facts
    assert len({paper for _, paper in papers}) == len(papers) == 2
