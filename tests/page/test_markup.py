from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from idf.page.markup import Markup, element, join, table

NASTY = "<script>alert('&\"')</script>"


def test_text_is_escaped_and_markup_is_not() -> None:
    assert element("p", "a < b & c") == "<p>a &lt; b &amp; c</p>"
    assert element("p", element("b", "x"), " y") == "<p><b>x</b> y</p>"
    assert join([NASTY, Markup("<br>")]) == "&lt;script&gt;alert(&#x27;&amp;&quot;&#x27;)&lt;/script&gt;<br>"


def test_attributes() -> None:
    made = element("a", "x", class_="own", aria_label=f'"{NASTY}', hidden=None, open=False, controls=True, tabindex=0)
    assert made.startswith('<a class="own" aria-label="&quot;&lt;script')
    assert made.endswith(' controls tabindex="0">x</a>')
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


@pytest.mark.parametrize("place", range(3))
def test_a_table_escapes_everything(place: int) -> None:
    words = ["", "", ""]
    words[place] = NASTY
    made = table(words[0], [words[1], "n"], [[words[2], "1"], ["other", "2"]], [False, True], own=0)
    tree = ET.fromstring(made)
    assert tree.attrib["role"] == "region"
    assert "".join(tree.itertext()).count(NASTY) == 1
    assert [cell.attrib["scope"] for cell in tree.iter("th")] == ["col", "col", "row", "row"]
    assert tree.find(".//tbody/tr").attrib == {"class": "own"}
