"""Figures as inline SVG in the colours (light or dark) and font of the page.

Matplotlib writes fixed colours. Here, those of :mod:`idf.plotting` become CSS variables, black becomes the text colour,
and white backgrounds are removed. Text stays text.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from idf.page.markup import Markup, element
from idf.plotting import BLUE, GREEN, GREY, GRID, ORANGE, PINK, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VARIABLES = {
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    VERMILION: "--vermilion",
    SKY: "--sky",
    PINK: "--pink",
    GREY: "--muted",
    GRID: "--grid",
}
"""CSS variables of the page's style sheet for the colours of figures."""

_DECIMALS = re.compile(r"(\d+\.\d\d)\d+")
"""Numbers with more than two decimals. Matplotlib writes millionths of a point; a hundredth is invisible on a screen."""


def inline_svg(figure: Figure, name: str, alternative: str) -> Markup:
    """Return a figure as an ``svg`` element.

    Args:
        figure: the figure.
        name: a name that is unique within the page, since SVG ids are ids of the page.
        alternative: what the figure shows, for screen readers.
    """
    from matplotlib import rc_context

    picture = io.StringIO()
    with rc_context({"svg.hashsalt": "idf", "svg.fonttype": "none"}):
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    text = picture.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style type=\"text/css\">.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return Markup(_head(_own_names(_recoloured(_shortened(text)), name), alternative) + "\n")


def _shortened(text: str) -> str:
    """Round numbers in tags to two decimals, but not those in text or in image data."""
    parts = re.split(r"(base64,[^\"]*|>[^<]*)", text)
    return "".join(part if part.startswith(("base64,", ">")) else _DECIMALS.sub(r"\1", part) for part in parts)


def _recoloured(text: str) -> str:
    text = re.sub(r"#000000\b", "currentColor", text)
    for colour, variable in VARIABLES.items():
        text = re.sub(rf"{colour}\b", f"var({variable})", text, flags=re.IGNORECASE)
    # the fonts of this machine may not exist on another
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 sans-serif", text)
    return re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", text)


def _own_names(text: str, name: str) -> str:
    text = re.sub(r"\bid=\"", f'id="{name}-', text)
    return re.sub(r"(href=\"|url\()#", rf"\1#{name}-", text)


def _head(text: str, alternative: str) -> str:
    """Replace the opening tag: the page determines the size, and a label describes the content."""
    end = text.index(">")
    box = re.search(r"viewBox=\"[^\"]*\"", text[:end])
    assert box is not None
    # element() escapes the label like any other attribute
    opened = element("svg", class_="figure", role="img", aria_label=alternative).removesuffix("</svg>")
    links = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{opened[:-1]} {box[0]} {links}>{text[end + 1 :]}"
