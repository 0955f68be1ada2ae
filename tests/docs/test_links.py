"""Everything that the documentation refers to exists: links, headings, files, and modules to run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""Pages that describe the present state, not the history."""
PACKAGES = ("idf", "experiments", "benchmarks", "fuzz", "tools")
FILE_NAMES = {path.name for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py")}

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.py)`")
CODE_FOLDER = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'tests', 'conf', 'docs'))})(?:/[\w.-]+)+)/?`")
MODULE_RUN = re.compile(r"python -m ((?:idf|experiments|benchmarks|fuzz)[\w.]*)")


def headings(page: Path) -> set[str]:
    """Return the anchors of a page as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in headings(path)):
            broken.append(target)
    assert broken == []


def test_pages_of_the_site_link_within_it() -> None:
    """Files outside ``docs/`` are not part of the site."""
    outside = {
        (page.name, target)
        for page in (ROOT / "docs").rglob("*.md")
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:|#", target)
        and not (page.parent / target.partition("#")[0]).resolve().is_relative_to(ROOT / "docs")
    }
    assert outside == set()


@pytest.mark.parametrize("page", TODAY, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_named_in_code_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {name for name in (*CODE_FILE.findall(text), *CODE_FOLDER.findall(text)) if "NAME" not in name}
    assert {name for name in named if not (ROOT / name).exists() and name not in FILE_NAMES} == set()


@pytest.mark.parametrize("page", TODAY, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_modules_that_are_run_exist(page: Path) -> None:
    named = {name for name in MODULE_RUN.findall(page.read_text(encoding="utf-8")) if "NAME" not in name}
    assert {name for name in named if importlib.util.find_spec(name) is None} == set()
