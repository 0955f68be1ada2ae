from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from idf.evaluation.codec_plots import Mark, draw_codecs, draw_speed, plot_codecs, plot_speed, short_names
from idf.evaluation.results import Row
from idf.plotting import COLUMN_INCHES, WIDTH_INCHES
from tests.collisions import collisions

ROW = Row("IDF", "idf", "demo", "test", 1, 10, 256, 10, 8.0, 2.0, 7.9, None, 5.0, 5.0, 100.0, True)

MARKS = [
    Mark("idf best", 7.73, 3.0, 2.9, 3.7, 3.6, ours=True),
    Mark("idf default", 7.79, 7.9, 6.3, 10.8, 10.5, ours=True),
    Mark("idf fast", 7.92, 10.8, 9.7, 37, 33, ours=True),
    Mark("idf turbo", 8.12, 7.5, 7.4, 130, 125, ours=True),
    Mark("Sac --normal", 8.03, 5.1, 6.4),
    Mark("MPEG-4 ALS -b -p -z3", 8.31, 26, 28),
    Mark("Monkey's Audio -c4000", 8.37, 490, 454),
    Mark("SRLA -m6 -B8192 -V3 -P3", 8.57, 15, 951),
    Mark("WavPack -hh -x6", 8.66, 15, 855),
    Mark("FLAC -8 -b 1024", 8.79, 966, 1831),
    Mark("TTA", 8.85, 1649, 1846),
    Mark("FLAC -8", 9.11, 1120, 1779),
    Mark("ALAC", 9.28, 1026, 1298),
]
"""The codecs of the README's figure, with speeds much as measured."""
WIDTHS = [WIDTH_INCHES, COLUMN_INCHES]


def test_the_same_numbers_give_the_same_files(tmp_path: Path) -> None:
    first = plot_speed(MARKS, "clips", tmp_path / "a", "speed")
    again = plot_speed(MARKS, "clips", tmp_path / "b", "speed")
    names = ["speed.svg", "speed.pdf", "speed.png", "speed-column.svg", "speed-column.pdf"]
    assert [path.name for path in first] == names
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_reads_on_a_dark_page(tmp_path: Path) -> None:
    picture = plot_speed(MARKS[:2], "clips", tmp_path, "speed")[0].read_text()
    assert 'id="patch_1"' in picture
    ground = picture.split('id="patch_1"')[1].split("</g>")[0]
    assert "fill: #ffffff" in ground


@pytest.mark.parametrize("width", WIDTHS)
def test_labels_do_not_cover_each_other(width: float) -> None:
    figure = draw_speed(MARKS, "clips", width)
    assert collisions(figure) == []
    names = [mark.name for mark in MARKS]
    for axes in figure.axes:
        assert [text.get_text() for text in axes.texts] == (names if width == WIDTH_INCHES else short_names(names))


@pytest.mark.parametrize("width", WIDTHS)
def test_labels_of_equal_codecs_do_not_cover_each_other(width: float) -> None:
    close = [Mark(f"other {n}", 9 + n / 50, 1000 + n, 2000 - n) for n in range(5)]
    assert collisions(draw_speed([*MARKS, *close], "clips", width)) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_text_is_legible_at_the_width_that_a_figure_is_drawn_for(width: float) -> None:
    import matplotlib.text

    for figure in (draw_speed(MARKS, "clips", width), draw_codecs([ROW], width)):
        sizes = [text.get_fontsize() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
        assert min(sizes) >= 7


def test_short_names() -> None:
    assert short_names(["FLAC -8", "FLAC -8 -b 1024", "Sac --normal", "TTA", "MPEG-4 ALS -b"]) == [
        *("FLAC -8", "FLAC -8 -b 1024", "Sac", "TTA", "MPEG-4 ALS")
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_bars_do_not_cover_their_figures(width: float) -> None:
    rows = [
        dataclasses.replace(ROW, codec=f"a codec with a long name {n}", bits_per_sample=8 + n / 9) for n in range(14)
    ]
    assert collisions(draw_codecs(rows, width)) == []


def test_one_codec_alone(tmp_path: Path) -> None:
    assert all(path.stat().st_size > 5000 for path in plot_speed(MARKS[4:5], "clips", tmp_path, "speed"))


def test_bars_of_the_codecs(tmp_path: Path) -> None:
    rows = [ROW, *(dataclasses.replace(ROW, codec=f"other {n}", bits_per_sample=8.5 + n) for n in range(3))]
    paths = plot_codecs(rows, tmp_path)
    assert [path.name for path in paths[:3]] == ["codecs.svg", "codecs.pdf", "codecs.png"]
    text = paths[0].read_text()
    assert all(f"<!-- {row.codec} -->" in text and f"<!-- {row.bits_per_sample:.3f} -->" in text for row in rows)
