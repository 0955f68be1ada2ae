"""Building HTML with functions. Text is escaped unless it is markup already, so no clip name can break a page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = ("meta", "br", "img", "hr")
"""Elements without a closing tag."""


class Markup(str):
    """HTML that is inserted into a page unchanged."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | int | bool | None) -> Markup:
    """Return an HTML element.

    Args:
        name: its tag, such as ``p``.
        children: its content. :class:`Markup` is inserted unchanged; any other string is text and escaped.
        attributes: its attributes. Underscores become dashes, and a trailing one is dropped (``class_``). None and
            False omit the attribute; True gives it no value.
    """
    head = name
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.removesuffix("_").replace("_", "-")
        head += f" {attribute}" if value is True else f' {attribute}="{html.escape(str(value))}"'
    if name in _VOID:
        return Markup(f"<{head}>")
    return Markup(f"<{head}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Join children, escaped as by :func:`element`."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(child) for child in children))


def table(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[bool],
    own: int | None = None,
) -> Markup:
    """Return a table in a box that scrolls if the page is narrower. The first cell of each row is its heading.

    Args:
        caption: what the table shows, also the name of the box for screen readers.
        headings: heading of each column.
        rows: cells as text or markup.
        numbers: whether each column holds numbers, which are right-aligned.
        own: index of the row to highlight, if any.
    """
    kinds = ["number" if is_number else None for is_number in numbers]
    head = [element("th", heading, scope="col", class_=kind) for heading, kind in zip(headings, kinds, strict=True)]
    body = []
    for index, (first, *others) in enumerate(rows):
        cells = [element("th", first, scope="row")]
        cells += [element("td", cell, class_=kind) for cell, kind in zip(others, kinds[1:], strict=True)]
        body.append(element("tr", *cells, class_="own" if index == own else None))
    whole = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    # a scrolling box must be reachable by keyboard, and therefore needs a name
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)
