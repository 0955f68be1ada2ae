from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from idf.plotting import COLUMN_INCHES, WIDTH_INCHES, save_figure
from idf.runs.curves import draw_history, plot_history, read_series, smoothed
from tests.collisions import collisions
from tests.paths import ROOT

NAMES = ("bits_per_dimension", "compression_ratio", "log_scales")
SVG = "{http://www.w3.org/2000/svg}"


def records(sharpness: list[float | None], blocks: int = 5) -> list[dict[str, Any]]:
    """Return a history with training records at steps 0, 10, 20, …, and validation and coding at the last."""
    lines: list[dict[str, Any]] = []
    for index, value in enumerate(sharpness):
        loss = 16 - 0.1 * index
        record = {"step": 10 * index, "kind": "train", "loss": loss, "compression_ratio": 16 / loss}
        record["sharpness"] = value
        for block in range(blocks):
            record |= {f"log_scale/z{block + 1}/{kind}": -6.0 - block for kind in ("mean", "max", "min")}
        lines.append(record)
    last = lines[-1]["step"]
    ratio = {"compression_ratio": 16 / 9}
    lines.append({"step": last, "kind": "validation", "bits_per_dim": 9.0, "clips": 8, **ratio})
    own = {"likelihood_bits_per_dim": 9.05, "clips": 2}
    lines.append({"step": last, "kind": "coded", "bits_per_dim": 9.1, **own, **ratio})
    lines.append({"step": last, "kind": "event", "event": "checkpoint"})
    return lines


def write(folder: Path, lines: list[dict[str, Any]]) -> Path:
    path = folder / "history.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def svg(history: Path, name: str, width: float = WIDTH_INCHES) -> bytes:
    """Draw one figure as SVG only, because all figures in all formats take seconds."""
    return save_figure(draw_history(history, width)[name], history.parent, name, ("svg",))[0].read_bytes()


def check(paths: list[Path]) -> None:
    """Every picture is there as a well-formed SVG with something drawn, as a whole PDF and as a whole PNG."""
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".svg":
            root = ET.fromstring(data)
            assert root.tag == f"{SVG}svg"
            assert len(root.findall(f".//{SVG}path")) > 5
        elif path.suffix == ".pdf":
            assert data.startswith(b"%PDF-")
            assert data.rstrip().endswith(b"%%EOF")
        else:
            assert data.startswith(b"\x89PNG\r\n\x1a\n")
            assert data[12:16] == b"IHDR"
            assert data.endswith(b"IEND\xaeB`\x82")
            assert int.from_bytes(data[16:20], "big") > 800


def test_all_figures(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    paths = plot_history(write(tmp_path, records([-4.0] * 10 + [-6.5] * 10)), tmp_path / "plots")
    assert [path.name for path in paths] == [
        f"{name}{form}" for name in NAMES for form in (".svg", ".pdf", ".png", "-column.svg", "-column.pdf")
    ]
    check(paths)
    assert dict(matplotlib.rcParams) == before


def test_jumps_of_the_sharpness_are_marked_and_smooth_changes_shaded(tmp_path: Path) -> None:
    def text(sharpness: list[float | None]) -> str:
        return svg(write(tmp_path, records(sharpness)), "bits_per_dimension").decode()

    drift = [-4.0 - 0.05 * index for index in range(40)]
    stepped = text([-4.0] * 10 + [-5.25] * 10 + [-6.5] * 10)
    assert "<!-- -5.25 -->" in stepped
    assert "<!-- -6.5 -->" in stepped
    assert "<!-- -4 -->" not in stepped
    assert "sharpness changes" in text(drift)
    for unmarked in (text([None] * 20), text([-6.5] * 20)):
        assert "sharpness" not in unmarked
    (tmp_path / "config.yaml").write_text("sharpness: {kind: learned}\n")
    assert "sharpness" not in text(drift)


def test_figures_without_data_are_left_out(tmp_path: Path) -> None:
    only_validation = [line for line in records([None] * 3) if line["kind"] == "validation"]
    paths = plot_history(write(tmp_path, only_validation), tmp_path)
    assert {path.stem.removesuffix("-column") for path in paths} == {"bits_per_dimension", "compression_ratio"}
    assert plot_history(write(tmp_path, []), tmp_path) == []


def test_a_single_record_is_drawn_as_a_dot(tmp_path: Path) -> None:
    figures = draw_history(write(tmp_path, records([0.0])))
    for figure in figures.values():
        lines = [line for axes in figure.axes for line in axes.get_lines()]
        assert lines
        assert all(line.get_marker() not in ("None", "", None) for line in lines)


def test_a_single_step_and_a_diverged_run(tmp_path: Path) -> None:
    check(plot_history(write(tmp_path, records([None])), tmp_path))
    lines = records([-4.0] * 20)
    lines[19]["loss"] = None  # the history stores NaN as null
    check(plot_history(write(tmp_path, lines), tmp_path))


def test_every_block_has_its_panel(tmp_path: Path) -> None:
    text = svg(write(tmp_path, records([None] * 5, blocks=31)), "log_scales").decode()
    assert all(f"<!-- z{block} -->" in text for block in range(1, 32))


@pytest.mark.parametrize("width", [3.4, 3.8, 7.0])
@pytest.mark.parametrize("blocks", [4, 31])
@pytest.mark.parametrize("sharpness", [[-4.0] * 9 + [-5.25] + [-5.5] + [-6.5] * 9, [-0.1 * n for n in range(20)]])
def test_labels_do_not_overlap(tmp_path: Path, blocks: int, width: float, sharpness: list[float]) -> None:
    for name, figure in draw_history(write(tmp_path, records(sharpness, blocks)), width).items():
        assert collisions(figure) == [], name


def test_smoothed_curves_do_not_look_ahead() -> None:
    jump = [9.0] * 50 + [12.0] * 50
    curve = smoothed(jump)
    assert curve[:50] == jump[:50]
    assert 9.0 < curve[50] < 12.0
    assert curve[-40:] == jump[-40:]
    assert smoothed([1.0, 3.0]) == [1.0, 2.0]
    assert smoothed([]) == []


def test_the_legend_says_how_many_clips_a_curve_covers(tmp_path: Path) -> None:
    figure = draw_history(write(tmp_path, records([None] * 4)))["bits_per_dimension"]
    shown = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"8 validation clips, −log₂ p", "2 of them, −log₂ p", "2 of them, coded"} <= shown


def test_history_after_a_resume_and_a_crash(tmp_path: Path) -> None:
    path = write(tmp_path, [*records([None] * 3), {"step": 10, "kind": "train", "loss": 1.0}])
    path.write_text(path.read_text() + '{"step": 20, "ki')
    assert read_series(path).points("train", "loss") == ([0, 10, 20], [16, 1.0, 15.8])


def test_the_same_data_gives_the_same_svg(tmp_path: Path) -> None:
    history = write(tmp_path, records([None] * 5))
    for width in (WIDTH_INCHES, COLUMN_INCHES):
        for name in NAMES:
            assert svg(history, name, width) == svg(history, name, width)


def test_pyplot_is_not_loaded() -> None:
    # pyplot would select a GUI backend and keep every figure alive.
    code = "import idf.runs.curves, sys; assert 'matplotlib' not in sys.modules; "
    code += "from idf.plotting import new_figure; new_figure(); assert 'matplotlib.pyplot' not in sys.modules"
    root = str(ROOT)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
