"""The windows benchmark on its smallest case."""

from __future__ import annotations

from pathlib import Path

from benchmarks.windows import draw, measurements, model_of
from idf.models.load import load_codec
from idf.plotting import COLUMN_INCHES, WIDTH_INCHES
from tests.collisions import collisions


def test_a_model_of_another_window_codes_with_it(tmp_path: Path) -> None:
    codec = load_codec(model_of(512, tmp_path))
    assert codec.model.window == 512
    assert model_of(1024, tmp_path).stem == "bands-medium"


def test_rows_of_both_directions_are_drawn() -> None:
    rows = list(measurements([1], [256]))
    assert [(row.window, row.measured.what) for row in rows] == [(256, "compress"), (256, "decompress")]
    assert all(row.measured.cpu_seconds > 0 and row.measured.peak_mb > 10 for row in rows)
    for width in (COLUMN_INCHES, WIDTH_INCHES):
        figure = draw(rows, width)
        assert len(figure.axes) == 4
        assert collisions(figure) == []
