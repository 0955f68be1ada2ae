"""HTML built from functions: text is escaped unless it is markup already, so no name of a clip can break a page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = ("meta", "br", "img", "hr")
"""Elements that have no end."""


class Markup(str):
    """HTML that goes into a page as it is."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | int | bool | None) -> Markup:
    """An element.

    Args:
        name: such as ``p``.
        children: :class:`Markup` is taken as it is; any other string is text and escaped.
        attributes: underscores stand for dashes, one at the end is dropped (``class_``). None and False leave the
            attribute out, True gives it without a value.
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
    """Children one after another, escaped as :func:`element` does."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(child) for child in children))


def table(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[bool],
    own: int | None = None,
) -> Markup:
    """A table in a box of its own, in which it scrolls where the page is narrower; each row's first cell heads it.

    Args:
        caption: what the table shows, also the name of the box for those who do not see it.
        headings: one a column.
        rows: cells as text or markup.
        numbers: which columns hold numbers: these are set to the right.
        own: the row that the page is about, if there is one.
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
    # A box that scrolls must be reachable by keyboard, and then needs a name.
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)
