"""Complete pages, and the parts that a page may have: sections, tiles, figures in two widths, commands.

Figures are inline SVG, audio is embedded FLAC, and there are no scripts. Pages work on phones, support dark mode and
screen readers, and load nothing from elsewhere. External text (clip names, settings, messages) is escaped by
:mod:`idf.page.markup`.
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
"""Content security policy: a browser may load only what is in the page."""

NARROW_INCHES, WIDE_INCHES = 3.6, 9.2
"""Widths of figures for phones and for larger screens."""


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Args:
        name: its anchor.
        heading: its heading, also in the list of sections at the top.
        content: its content; a section without content is omitted.
    """

    name: str
    heading: str
    content: Markup


def document(title: str, header: Sequence[Markup], sections: Sequence[Section]) -> str:
    """Return a complete page.

    Args:
        title: title in the browser's tab.
        header: content above the list of sections, starting with the heading.
        sections: the sections in order.
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
    """Return tiles of names and values, with the values in large type."""
    found = [element("div", element("dt", name), element("dd", value)) for name, value in figures]
    return element("dl", *found, class_="tiles")


def bullets(lines: Sequence[str]) -> Markup:
    """Return a bulleted list."""
    return element("ul", *(element("li", line) for line in lines))


def folded(summary: str, content: Markup) -> Markup:
    """Return content that is collapsed until the reader opens it."""
    return element("details", element("summary", summary), content)


def preformatted(text: str) -> Markup:
    """Return preformatted text, such as commands or settings."""
    return element("pre", text, tabindex=0)


def command_line(argv: Sequence[str]) -> str:
    """Return a command line as one would type it, with ``python`` and without the folder of the program."""
    program, *arguments = argv
    return "$ " + shlex.join(["python", Path(program).name, *arguments])


def figure_of(figure: Figure, name: str, alternative: str) -> Markup:
    """Return a figure that fits any screen; see :func:`~idf.page.svg.inline_svg`."""
    return element("figure", inline_svg(figure, name, alternative))


def two_widths(draw: Callable[[float], Figure], name: str, alternative: str) -> Markup:
    """Return a figure drawn at two widths (in inches), of which the page shows the one that fits."""
    narrow = inline_svg(draw(NARROW_INCHES), f"{name}-narrow", alternative)
    wide = inline_svg(draw(WIDE_INCHES), f"{name}-wide", alternative)
    return element("figure", element("div", narrow, class_="narrow"), element("div", wide, class_="wide"))


def player(flac: bytes, what: str) -> Markup:
    """Return an audio player.

    Args:
        flac: a FLAC file, which every browser can play.
        what: description of the audio for screen readers.
    """
    source = "data:audio/flac;base64," + base64.b64encode(flac).decode()
    return element("audio", controls=True, preload="none", src=source, aria_label=f"Listen: {what}")


def to_flac(samples: np.ndarray, rate_hz: int) -> bytes:
    """Return a clip as a FLAC file.

    Args:
        samples: integers (n,) or (n, channels), 16-bit values.
        rate_hz: sampling rate in Hz.
    """
    import soundfile  # deferred: loads a shared library

    file = io.BytesIO()
    soundfile.write(file, samples.astype(np.int16), rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _section(section: Section) -> Markup:
    title = element("h2", section.heading, id=f"{section.name}-heading")
    return element("section", title, section.content, id=section.name, aria_labelledby=f"{section.name}-heading")
