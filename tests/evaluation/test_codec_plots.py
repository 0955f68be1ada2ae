from __future__ import annotations

import dataclasses
from pathlib import Path

from idf.evaluation.codec_plots import Mark, plot_codecs, plot_speed
from idf.evaluation.results import Row

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


def test_names_of_equal_codecs_do_not_cover_each_other(tmp_path: Path, monkeypatch) -> None:
    drawn = []
    from matplotlib.axes import Axes

    plain = Axes.annotate

    def annotate(self, text, *places, **style):
        note = plain(self, text, *places, **style)
        drawn.append((self, note))
        return note

    monkeypatch.setattr(Axes, "annotate", annotate)
    plot_speed(MARKS, "clips", tmp_path, "speed")
    assert len(drawn) == 2 * len(MARKS)
    for panel in {axes for axes, _ in drawn}:
        boxes = [note.get_window_extent() for axes, note in drawn if axes is panel]
        assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if a.overlaps(b)]


def test_one_codec_alone(tmp_path: Path) -> None:
    assert all(path.stat().st_size > 5000 for path in plot_speed(MARKS[1:2], "clips", tmp_path, "speed"))


def test_bars_of_the_codecs(tmp_path: Path) -> None:
    row = Row("IDF", "idf", "demo", "test", 1, 10, 256, 10, 8.0, 2.0, 7.9, 5.0, 5.0, 100.0, True)
    rows = [row, *(dataclasses.replace(row, codec=f"other {n}", bits_per_sample=8.5 + n) for n in range(3))]
    paths = plot_codecs(rows, tmp_path)
    assert [path.name for path in paths] == ["codecs.svg", "codecs.png"]
    text = paths[0].read_text()
    assert all(f"<!-- {row.codec} -->" in text and f"<!-- {row.bits_per_sample:.3f} -->" in text for row in rows)
