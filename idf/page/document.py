"""A page as a whole, and the parts that every page may have: sections, tiles, figures in two widths, commands.

Figures are SVG in the page, audio is FLAC in the page, there are no scripts. A page reads on a phone, supports
dark mode and screen readers, and loads nothing from anywhere. Whatever comes from outside (names of clips, settings,
messages) is escaped by :mod:`idf.page.markup`.
"""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.page.markup import Markup, element
from idf.page.style import STYLE
from idf.page.svg import inline_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
"""What a browser may load: what is in the page."""

NARROW_INCHES, WIDE_INCHES = 3.6, 9.2
"""Widths of figures, for phones and for larger screens."""


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading.

    Args:
        name: its anchor.
        heading: also what the list of sections at the top says.
        content: a section without content is left out.
    """

    name: str
    heading: str
    content: Markup


def document(title: str, header: Sequence[Markup], sections: Sequence[Section]) -> str:
    """Return a whole page as text.

    Args:
        title: what the browser's tab says.
        header: above the list of sections, the heading first.
        sections: in order.
    """
    shown = [section for section in sections if section.content]
    links = [element("li", element("a", section.heading, href=f"#{section.name}")) for section in shown]
    body = element(
        "body",
        element("header", *header, element("nav", element("ul", *links), aria_label="Sections")),
        element("main", *map(_section, shown)),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def tiles(figures: Sequence[tuple[str, str]]) -> Markup:
    """Names and values, the values large."""
    found = [element("div", element("dt", name), element("dd", value)) for name, value in figures]
    return element("dl", *found, class_="tiles")


def bullets(lines: Sequence[str]) -> Markup:
    """A list."""
    return element("ul", *(element("li", line) for line in lines))


def folded(summary: str, content: Markup) -> Markup:
    """What is shown once the reader opens it."""
    return element("details", element("summary", summary), content)


def preformatted(text: str) -> Markup:
    """Commands or settings, as they are typed."""
    return element("pre", text, tabindex=0)


def command_line(argv: Sequence[str]) -> str:
    """As it is typed: ``sys.argv`` has neither Python nor, for most people, a path that means anything."""
    program, *arguments = argv
    return "$ " + shlex.join(["python", Path(program).name, *arguments])


def figure_of(figure: Figure, name: str, alternative: str) -> Markup:
    """A figure that fits every screen; see :func:`~idf.page.svg.inline_svg`."""
    return element("figure", inline_svg(figure, name, alternative))


def two_widths(draw: Callable[[float], Figure], name: str, alternative: str) -> Markup:
    """A figure, drawn for a width in inches, in two forms of which the page shows the one that fits."""
    narrow = inline_svg(draw(NARROW_INCHES), f"{name}-narrow", alternative)
    wide = inline_svg(draw(WIDE_INCHES), f"{name}-wide", alternative)
    return element("figure", element("div", narrow, class_="narrow"), element("div", wide, class_="wide"))


def player(flac: bytes, what: str) -> Markup:
    """A sound to be heard.

    Args:
        flac: a FLAC file, which every browser plays.
        what: it is, for those who do not see the page.
    """
    source = "data:audio/flac;base64," + base64.b64encode(flac).decode()
    return element("audio", controls=True, preload="none", src=source, aria_label=f"Listen: {what}")


def to_flac(samples: np.ndarray, rate_hz: int) -> bytes:
    """Return a FLAC file of a clip.

    Args:
        samples: integers (n,) or (n, channels), 16-bit values.
    """
    import soundfile  # deferred: loads a shared library

    file = io.BytesIO()
    soundfile.write(file, samples.astype(np.int16), rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _section(section: Section) -> Markup:
    title = element("h2", section.heading, id=f"{section.name}-heading")
    return element("section", title, section.content, id=section.name, aria_labelledby=f"{section.name}-heading")
