"""The documentation site: it builds without a warning and without a network, and has its pages, names and search."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import idf
from tests.chromium import Chromium, find_chromium
from tests.paths import ROOT

_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video)[^>]*\ssrc=["']?([^"'\s>]+)|<link\s[^>]*href=["']?([^"'\s>]+)"""
)
_LOADED_BY_CSS = re.compile(r"""(?:@import\s+|url\()["']?([^"')]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as ``make docs`` builds it, with a missing proxy instead of a network."""
    folder = tmp_path_factory.mktemp("site") / "site"
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | nowhere | {"NO_MKDOCS_2_WARNING": "1"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder


def pages() -> Iterator[str]:
    """Every page: the Markdown files under ``docs/``, and those of the root that the site includes."""
    for path in (ROOT / "docs").rglob("*.md"):
        yield path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
    yield from ("contributing.html", "changelog.html")


def test_all_pages_are_there_and_in_the_navigation(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    assert {page for page in pages() if not (site / page).exists()} == set()
    assert {page for page in pages() if f'href="{page}"' not in index} == set()


def test_the_reference_has_the_library_and_the_settings(site: Path) -> None:
    library = (site / "api" / "library.html").read_text(encoding="utf-8")
    assert {name for name in idf.__all__ if f'id="idf.{name}"' not in library} == set()
    settings = (site / "api" / "configuration.html").read_text(encoding="utf-8")
    for name in ("compose.compose", "schema.Config", "schema.OptimizerConfig.learning_rate"):
        assert f'id="idf.config.{name}"' in settings
    assert ":func:" not in library
    assert ":class:" not in library


def test_the_search_finds_pages_and_names(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    places = {entry["location"] for entry in index["docs"]}
    assert {page for page in pages() if page not in places} == set()
    assert "api/library.html#idf.compress" in places
    for words, page in (("validation/bits_per_dim", "train.html"), ("compression ratio", "glossary.html")):
        assert any(words in entry["text"] and entry["location"].startswith(page) for entry in index["docs"])


def test_no_page_loads_anything_from_the_network(site: Path) -> None:
    loaded = {
        (path.name, target)
        for path in [*site.rglob("*.html"), *site.rglob("*.css")]
        for found in (_LOADED_BY_CSS if path.suffix == ".css" else _LOADED).findall(path.read_text(encoding="utf-8"))
        for target in ([found] if isinstance(found, str) else found)
        if re.match(r"(?:https?:)?//", target)
    }
    assert loaded == set()


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium")
def test_in_a_browser_from_disk(site: Path) -> None:
    """On a desktop and a phone, light and dark: nothing is wider than the screen, nothing fetched; and the search finds."""
    with Chromium(find_chromium() or "") as browser:
        for width, scheme in ((1280, "light"), (390, "dark")):
            for page in ("index.html", "results.html", "api/configuration.html"):
                browser.open(site / page, width, scheme)
                wide = browser.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, (page, width)
                assert [said for said in browser.complaints() if "http" in said] == [], page
        found = browser.ask(_SEARCH)
        assert "matching document" in found


_SEARCH = """
new Promise((done) => {
  document.querySelector("#__search").click();
  const field = document.querySelector(".md-search__input"), said = () => document.querySelector(".md-search-result__meta").innerText;
  field.value = "sharpness";
  let asked = 0;
  const timer = setInterval(() => {
    field.dispatchEvent(new KeyboardEvent("keyup", {bubbles: true, key: "s"}));
    if (said().includes("matching") || ++asked > 100) { clearInterval(timer); done(said()); }
  }, 100);
})
"""
