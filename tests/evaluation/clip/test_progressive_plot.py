"""The figure of a clip block by block: the choice of steps, and clips that are hard to draw."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from idf.evaluation.clip.progressive import Step
from idf.evaluation.clip.progressive_plot import describe, draw_progressive, evenly_spent, plot_progressive
from tests.collisions import collisions


def steps(shares: list[float], clip: np.ndarray) -> list[Step]:
    return [
        Step(k, f"z{k}", 8 * share, share, math.inf if share == 1 else 30 * share, 5.0, (clip * share).astype(np.int32))
        for k, share in enumerate(shares, 1)
    ]


def test_steps_are_drawn_where_bits_are_spent() -> None:
    clip = np.zeros(1, np.int32)
    many = steps([0.01, 0.02, 0.03, 0.04, 0.2, 0.4, 0.6, 0.8, 1.0], clip)
    assert [step.blocks for step in evenly_spent(many, 6)] == [1, 5, 6, 7, 8, 9]
    assert [step.blocks for step in evenly_spent(many, 2)] == [1, 9]
    assert evenly_spent(many[:3], 6) == many[:3]
    alike = [replace(step, share=1.0) for step in many]
    assert [step.blocks for step in evenly_spent(alike, 6)] == [9]


def test_the_description_of_a_step() -> None:
    first, last = steps([0.25, 1.0], np.zeros(1, np.int32))
    assert describe(first) == "1 block, 2.00 bits/sample (25 %): SNR 7.5 dB"
    assert describe(last) == "2 blocks, 8.00 bits/sample (100 %): exact"


@pytest.mark.parametrize("clip", [np.array([5], np.int32), np.zeros(700, np.int32)], ids=["one sample", "silence"])
def test_any_clip_is_drawn(clip: np.ndarray, tmp_path: Path) -> None:
    paths = plot_progressive(steps([0.5, 1.0], clip), clip, 8000, "a clip", tmp_path)
    assert [path.name for path in paths] == [
        f"progressive{form}" for form in (".svg", ".pdf", ".png", "-column.svg", "-column.pdf")
    ]


def test_the_same_steps_give_the_same_file(tmp_path: Path) -> None:
    clip = np.arange(500, dtype=np.int32)
    for name in ("a", "b"):
        plot_progressive(steps([1.0], clip), clip, 8000, "a clip", tmp_path, name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_text_does_not_collide(width: float) -> None:
    clip = np.round(9000 * np.sin(np.arange(8000) / 9)).astype(np.int32)
    shown = steps([0.1, 0.2, 0.3, 0.5, 0.8, 1.0], clip)
    assert collisions(draw_progressive(shown, clip, 8000, "a-clip-with-a-name by a-model", width)) == []
