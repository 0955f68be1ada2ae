"""The pages of the documentation, and the commands and examples on them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`((?:python (?:-m |train|evaluate|tools)|idf |make |wandb |pip )[^`]*)`")
_PLACEHOLDER = re.compile(r"…|\b[A-Z]{4,}\b|<\w+>")


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return [text for name, text in _BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


def commands(page: Path) -> Iterator[tuple[str, ...]]:
    """Yield the arguments of every command of a page: lines with a prompt, and code in sentences without placeholders."""
    prompted = (
        line[2:]
        for block in blocks(page, "console")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    )
    for line in prompted:
        for part in re.split(r"&&|\|", line):
            if arguments := shlex.split(part, comments=True):
                yield tuple(arguments)
    for line in _INLINE.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        arguments = tuple(shlex.split(line))
        # a sentence may name a command without what it needs, such as `idf decompress --blocks`
        whole = "=" in line or len(arguments) == 2 or (arguments[0] == "python" and " --" in line)
        if whole and not _PLACEHOLDER.search(line):
            yield arguments


def all_commands() -> list[tuple[str, ...]]:
    """Return the commands of all pages, each once."""
    return sorted({command for page in PAGES for command in commands(page)})
