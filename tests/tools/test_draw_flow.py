"""The figure of the flow is legible at both widths, and its maker writes every format."""

from __future__ import annotations

import sys
from pathlib import Path

import draw_flow
import matplotlib.text
import pytest

from tests.collisions import collisions


@pytest.mark.parametrize("draw", [draw_flow.draw_page, draw_flow.draw_column])
def test_text_does_not_collide_and_is_legible(draw) -> None:
    figure = draw()
    assert collisions(figure) == []
    assert min(text.get_fontsize() for text in figure.findobj(matplotlib.text.Text) if text.get_text()) >= 7


def test_both_widths_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_flow.py", str(tmp_path)])
    draw_flow.main()
    names = {"flow.svg", "flow.pdf", "flow.png", "flow-column.svg", "flow-column.pdf"}
    assert {path.name for path in tmp_path.iterdir()} == names
