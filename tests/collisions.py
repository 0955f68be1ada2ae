"""Finding texts of a figure that overlap each other or leave the figure."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import matplotlib.text
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox


def collisions(figure: Figure) -> list[tuple[str, ...]]:
    """Return pairs of texts that overlap when drawn, and single texts that leave the figure."""
    drawn: list[tuple[str, Bbox]] = []
    draw = matplotlib.text.Text.draw

    def noted(self: Any, renderer: Any, *others: Any, **more: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            drawn.append((self.get_text(), matplotlib.text.Text.get_window_extent(self, renderer)))
        draw(self, renderer, *others, **more)

    with pytest.MonkeyPatch.context() as patch:
        figure.draw_without_rendering()  # computes the layout
        patch.setattr(matplotlib.text.Text, "draw", noted)
        figure.draw_without_rendering()
    assert drawn
    # tolerate a pixel, for rounding to whole pixels
    boxes = [(text, Bbox.from_extents(box.x0 + 1, box.y0 + 1, box.x1 - 1, box.y1 - 1)) for text, box in drawn]
    width, height = figure.bbox.width, figure.bbox.height
    found: list[tuple[str, ...]] = [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if a.overlaps(b)]
    return found + [(text,) for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
