from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from idf.evaluation import codec_plots
from idf.evaluation.codec_plots import Mark, plot_codecs, plot_speed
from idf.evaluation.results import Row
from tests.collisions import collisions

ROW = Row("IDF", "idf", "demo", "test", 1, 10, 256, 10, 8.0, 2.0, 7.9, None, 5.0, 5.0, 100.0, True)

MARKS = [
    Mark("idf best", 7.8, 1.5, 1.6, 3.0, 3.1, ours=True),
    Mark("Sac --normal", 8.0, 8, 9),
    Mark("FLAC -8", 9.1, 1500, 3000),
    Mark("ALAC", 9.1, 1500, 3000),
]


def test_the_same_numbers_give_the_same_files(tmp_path: Path) -> None:
    first = plot_speed(MARKS, "clips", tmp_path / "a", "speed")
    again = plot_speed(MARKS, "clips", tmp_path / "b", "speed")
    assert [path.name for path in first] == ["speed.svg", "speed.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_reads_on_a_dark_page(tmp_path: Path) -> None:
    picture = plot_speed(MARKS, "clips", tmp_path, "speed")[0].read_text()
    assert 'id="patch_1"' in picture
    ground = picture.split('id="patch_1"')[1].split("</g>")[0]
    assert "fill: #ffffff" in ground


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures in the order in which they are saved."""
    figures: list[Figure] = []
    monkeypatch.setattr(codec_plots, "save_figure", lambda figure, folder, name: figures.append(figure) or [])
    return figures


def test_names_of_equal_codecs_do_not_cover_each_other(tmp_path: Path, saved: list[Figure]) -> None:
    plot_speed(MARKS, "clips", tmp_path, "speed")
    plot_speed(
        [*MARKS, *(Mark(f"other {n}", 9 + n / 50, 1000 + n, 2000 - n) for n in range(5))], "clips", tmp_path, "x"
    )
    for figure in saved:
        assert {mark.name for mark in MARKS} <= {text.get_text() for text in figure.axes[0].texts}
        assert collisions(figure) == []


def test_bars_do_not_cover_their_figures(tmp_path: Path, saved: list[Figure]) -> None:
    rows = [
        dataclasses.replace(ROW, codec=f"a codec with a long name {n}", bits_per_sample=8 + n / 9) for n in range(14)
    ]
    plot_codecs(rows, tmp_path)
    assert collisions(saved[0]) == []


def test_one_codec_alone(tmp_path: Path) -> None:
    assert all(path.stat().st_size > 5000 for path in plot_speed(MARKS[1:2], "clips", tmp_path, "speed"))


def test_bars_of_the_codecs(tmp_path: Path) -> None:
    rows = [ROW, *(dataclasses.replace(ROW, codec=f"other {n}", bits_per_sample=8.5 + n) for n in range(3))]
    paths = plot_codecs(rows, tmp_path)
    assert [path.name for path in paths] == ["codecs.svg", "codecs.png"]
    text = paths[0].read_text()
    assert all(f"<!-- {row.codec} -->" in text and f"<!-- {row.bits_per_sample:.3f} -->" in text for row in rows)
