"""What ``mkdocs.yml`` needs beyond plugins: pages from outside ``docs/``, and our docstrings as Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

ROOT = Path(__file__).resolve().parents[1]
INCLUDED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages of the site that are kept at the root of the repository."""

_SHIM = "https://unpkg.com/iframe-worker/shim"
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")
_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")
_LITERAL = re.compile(r"::$", re.MULTILINE)
_TOGETHER = re.compile(r"^( +)(\w+(?:, \w+)+)(: .*(?:\n\1 +\S.*)*)", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the included pages to the files of the site."""
    for source, target in INCLUDED.items():
        content = _LINK.sub(_link, (ROOT / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, target, content=content))
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Load the script that lets the search work from disk from the site itself, not from where the theme has it."""
    return output.replace(_SHIM, get_relative_url("assets/iframe-worker.js", page.url))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for the page of a wrong address."""
    return output_content.replace(_SHIM, "/assets/iframe-worker.js")


def _link(found: re.Match[str]) -> str:
    """Return a link of a page at the root as it is in ``docs/``; a file outside becomes its name as code."""
    text, target = found.groups()
    path, _, anchor = target.partition("#")
    page = path.removeprefix("docs/") if path.startswith("docs/") else INCLUDED.get(path)
    if page is None:
        return text
    return f"[{text}]({page}{'#' + anchor if anchor else ''})"


class PlainRoles(griffe.Extension):
    """Turn Sphinx's roles (``:func:`~idf.api.compress```) and literal blocks (``::``) into Markdown.

    Arguments that are described together (``source, target: …``) get the description each.
    """

    def on_instance(self, *, obj: griffe.Object | griffe.Alias, **_: Any) -> None:
        """Rewrite the docstring of every module, class, function and attribute."""
        if obj.is_alias or obj.docstring is None:
            return
        text = _LITERAL.sub(":", _ROLE.sub(r"`\1`", obj.docstring.value))
        obj.docstring.value = _TOGETHER.sub(_apart, text)


def _apart(found: re.Match[str]) -> str:
    indent, names, text = found.groups()
    return "\n".join(f"{indent}{name}{text}" for name in names.split(", "))
