from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from idf.runs.curves import draw_history, plot_history, read_series
from tests.paths import ROOT

NAMES = ("loss", "bits_per_dimension", "compression_ratio", "log_scales")
SVG = "{http://www.w3.org/2000/svg}"


def records(sharpness: list[float | None], blocks: int = 5) -> list[dict[str, Any]]:
    """A history that logs training at steps 0, 10, 20 ... and validates and codes at the last."""
    lines: list[dict[str, Any]] = []
    for index, value in enumerate(sharpness):
        loss = 16 - 0.1 * index
        record = {"step": 10 * index, "kind": "train", "loss": loss, "compression_ratio": 16 / loss}
        record["sharpness"] = value
        for block in range(blocks):
            record |= {f"log_scale/z{block + 1}/{kind}": -6.0 - block for kind in ("mean", "max", "min")}
        lines.append(record)
    last = lines[-1]["step"]
    lines.append({"step": last, "kind": "validation", "bits_per_dim": 9.0, "compression_ratio": 16 / 9})
    lines.append({"step": last, "kind": "coded", "bits_per_dim": 9.1, "compression_ratio": 16 / 9.1})
    lines.append({"step": last, "kind": "event", "event": "checkpoint"})
    return lines


def write(folder: Path, lines: list[dict[str, Any]]) -> Path:
    path = folder / "history.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def check(paths: list[Path]) -> None:
    """Every picture is there as a well-formed SVG with something drawn and as a whole PNG."""
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".svg":
            root = ET.fromstring(data)
            assert root.tag == f"{SVG}svg"
            assert len(root.findall(f".//{SVG}path")) > 5
        else:
            assert data.startswith(b"\x89PNG\r\n\x1a\n")
            assert data[12:16] == b"IHDR"
            assert data.endswith(b"IEND\xaeB`\x82")
            assert int.from_bytes(data[16:20], "big") > 800


def test_all_figures(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    paths = plot_history(write(tmp_path, records([-4.0] * 10 + [-6.5] * 10)), tmp_path / "plots")
    assert [path.name for path in paths] == [f"{name}.{form}" for name in NAMES for form in ("svg", "png")]
    check(paths)
    assert dict(matplotlib.rcParams) == before


def test_steps_of_the_sharpness_are_marked_and_smooth_ones_shaded(tmp_path: Path) -> None:
    def text(sharpness: list[float | None]) -> str:
        plot_history(write(tmp_path, records(sharpness)), tmp_path)
        return (tmp_path / "bits_per_dimension.svg").read_text()

    drift = [-4.0 - 0.05 * index for index in range(40)]
    stepped = text([-4.0] * 10 + [-5.25] * 10 + [-6.5] * 10)
    assert "<!-- -5.25 -->" in stepped
    assert "<!-- -6.5 -->" in stepped
    assert "<!-- -4 -->" not in stepped
    assert "sharpness moves" in text(drift)
    for unmarked in (text([None] * 20), text([-6.5] * 20)):
        assert "sharpness" not in unmarked
    (tmp_path / "config.yaml").write_text("sharpness: {kind: learned}\n")
    assert "sharpness" not in text(drift)


def test_figures_without_data_are_left_out(tmp_path: Path) -> None:
    only_validation = [line for line in records([None] * 3) if line["kind"] == "validation"]
    paths = plot_history(write(tmp_path, only_validation), tmp_path)
    assert {path.stem for path in paths} == {"bits_per_dimension", "compression_ratio"}
    assert plot_history(write(tmp_path, []), tmp_path) == []


def test_a_single_step_and_a_diverged_run(tmp_path: Path) -> None:
    check(plot_history(write(tmp_path, records([None])), tmp_path))
    lines = records([-4.0] * 20)
    lines[19]["loss"] = None  # how the history stores what is not a number
    check(plot_history(write(tmp_path, lines), tmp_path))


def test_every_block_has_its_panel(tmp_path: Path) -> None:
    plot_history(write(tmp_path, records([None] * 5, blocks=31)), tmp_path)
    text = (tmp_path / "log_scales.svg").read_text()
    assert all(f"<!-- z{block} -->" in text for block in range(1, 32))


@pytest.mark.parametrize("width", [4.2, 7.0])
@pytest.mark.parametrize("blocks", [4, 31])
def test_a_title_and_its_legend_stand_apart(tmp_path: Path, blocks: int, width: float) -> None:
    figure = draw_history(write(tmp_path, records([None] * 5, blocks=blocks)), width)["log_scales"]
    figure.draw_without_rendering()
    assert figure._suptitle is not None
    assert not figure._suptitle.get_window_extent().overlaps(figure.legends[0].get_window_extent())


def test_history_after_a_resume_and_a_crash(tmp_path: Path) -> None:
    path = write(tmp_path, [*records([None] * 3), {"step": 10, "kind": "train", "loss": 1.0}])
    path.write_text(path.read_text() + '{"step": 20, "ki')
    assert read_series(path).points("train", "loss") == ([0, 10, 20], [16, 1.0, 15.8])


def test_the_same_data_gives_the_same_svg(tmp_path: Path) -> None:
    history = write(tmp_path, records([None] * 5))
    first = [path.read_bytes() for path in plot_history(history, tmp_path) if path.suffix == ".svg"]
    assert first == [path.read_bytes() for path in plot_history(history, tmp_path) if path.suffix == ".svg"]


def test_pyplot_is_not_loaded() -> None:
    # pyplot would choose a window system and keep every figure alive.
    code = "import idf.runs.curves, sys; assert 'matplotlib' not in sys.modules; "
    code += "from idf.plotting import new_figure; new_figure(); assert 'matplotlib.pyplot' not in sys.modules"
    root = str(ROOT)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
