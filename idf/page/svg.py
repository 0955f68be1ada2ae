"""Figures as SVG inside a page: they take the page's colours, light or dark, and its letters.

Matplotlib writes fixed colours. Those of :mod:`idf.plotting` become CSS variables here, black becomes the
colour of the text, and white grounds go. Text stays text.
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
"""What a colour of a figure is called in the page's style sheet."""

_DECIMALS = re.compile(r"(\d+\.\d\d)\d+")
"""Matplotlib writes millionths of a point; a hundredth is less than a screen shows."""


def inline_svg(figure: Figure, name: str, alternative: str) -> Markup:
    """A figure as an ``svg`` element.

    Args:
        name: unlike that of any other figure of the page: ids of SVG are ids of the page.
        alternative: what the figure shows, for those who do not see it.
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
    """Numbers of tags with two decimals; not those of text, and never inside the data of an image."""
    parts = re.split(r"(base64,[^\"]*|>[^<]*)", text)
    return "".join(part if part.startswith(("base64,", ">")) else _DECIMALS.sub(r"\1", part) for part in parts)


def _recoloured(text: str) -> str:
    text = re.sub(r"#000000\b", "currentColor", text)
    for colour, variable in VARIABLES.items():
        text = re.sub(rf"{colour}\b", f"var({variable})", text, flags=re.IGNORECASE)
    # A list of fonts of this machine is no use on another.
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 sans-serif", text)
    return re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", text)


def _own_names(text: str, name: str) -> str:
    text = re.sub(r"\bid=\"", f'id="{name}-', text)
    return re.sub(r"(href=\"|url\()#", rf"\1#{name}-", text)


def _head(text: str, alternative: str) -> str:
    """Its size comes from the page; what it shows is said in words."""
    end = text.index(">")
    box = re.search(r"viewBox=\"[^\"]*\"", text[:end])
    assert box is not None
    # The name is escaped as any other attribute.
    opened = element("svg", class_="figure", role="img", aria_label=alternative).removesuffix("</svg>")
    links = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{opened[:-1]} {box[0]} {links}>{text[end + 1 :]}"
