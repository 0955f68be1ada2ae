from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from idf.evaluation.codecs.interface import Entry, Unavailable
from idf.evaluation.measurement import ClipMeasurement, Measurement
from idf.evaluation.results import (
    Results,
    Row,
    clip_records,
    excess_warning,
    make_row,
    results_markdown,
    results_terminal,
    write_results,
)
from idf.tables import to_csv

MEASUREMENT = Measurement(
    (
        ClipMeasurement("a", 8000, 8000, 1000, 0.1, 0.05, 0.2, 0.1),
        ClipMeasurement("b", 44100, 22050, 3000, 0.2, 0.05, 0.2, 0.1),
    ),
    (Path("a"), Path("b")),
    123.4,
)


@pytest.fixture
def row(fakes: ModuleType) -> Row:
    entry = Entry("FLAC | -8", "flac 1", 4096, fakes.Raw())
    return make_row(entry, "demo", "test of demo-v1", MEASUREMENT, [7900.0, 23900.0])


def test_a_row_adds_up(row: Row) -> None:
    assert (row.clips, row.samples, row.bytes, row.window) == (2, 52100, 4000, 4096)
    assert row.bits_per_sample == pytest.approx(8 * 4000 / 52100)
    assert row.compression_ratio == pytest.approx(2 * 52100 / 4000)
    assert row.nll_bits_per_sample == pytest.approx(31800 / 52100)
    # One second at 8 kHz and two at 22.05 kHz, divided by CPU seconds.
    assert row.encode_x_realtime == pytest.approx(3 / 0.3)
    assert row.decode_x_realtime == pytest.approx(3 / 0.1)
    assert row.peak_memory_mib == 123.4
    assert row.lossless is True


def test_the_fields_are_those_promised(row: Row) -> None:
    promised = (
        "codec, dataset, split, clips, samples, window, bytes, bits_per_sample, compression_ratio, "
        "nll_bits_per_sample, training_windows_bits_per_sample, encode_x_realtime, decode_x_realtime, peak_memory_mib, lossless, provider"
    )
    assert set(dataclasses.asdict(row)) == set(promised.split(", "))


def test_values_that_do_not_apply_are_null(fakes: ModuleType) -> None:
    silent = Measurement((ClipMeasurement("a", 8, 8000, 9, 0.0, 0.0, 0.0, 0.0),), (Path("a"),), None)
    row = make_row(Entry("TTA", "PyAV", None, fakes.Raw()), "demo", "test", silent)
    nothing = (row.window, row.nll_bits_per_sample, row.encode_x_realtime, row.decode_x_realtime, row.peak_memory_mib)
    assert nothing == (None,) * 5
    [cells] = csv.DictReader(io.StringIO(to_csv([dataclasses.asdict(row)])))
    assert cells["window"] == cells["nll_bits_per_sample"] == ""
    assert "| TTA | – | 9.0000 | 1.778 | – | – | – | – | – | yes | PyAV |" in results_markdown(Results((row,)))


@pytest.mark.parametrize(("spare", "warned"), [(-1, False), (1, True)])
def test_files_may_exceed_the_likelihood_by_half_a_percent_and_64_bytes_a_clip(
    row: Row, spare: int, warned: bool
) -> None:
    nll_bytes = 100_000
    size = nll_bytes + nll_bytes // 200 + 64 * row.clips + spare
    changed = dataclasses.replace(row, bytes=size, nll_bits_per_sample=8 * nll_bytes / row.samples)
    warning = excess_warning(changed)
    assert (warning is not None) == warned
    if warning:
        assert "the coder does not use the distribution" in warning
        assert str(size) in warning


def test_rows_without_a_likelihood_are_not_warned_about(row: Row) -> None:
    assert excess_warning(dataclasses.replace(row, nll_bits_per_sample=None)) is None


def test_everything_is_written(row: Row, tmp_path: Path) -> None:
    missing = Unavailable("Sac", "no command", "install it")
    results = Results((row,), (missing,), ("look out",), {"idf": "1"}, {row.codec: clip_records(MEASUREMENT.clips)})
    assert [path.name for path in write_results(results, tmp_path)] == ["results.json", "table.csv", "table.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "table.csv", "table.md"]

    data = json.loads((tmp_path / "results.json").read_text())
    assert data["rows"][0] == dataclasses.asdict(row)
    assert data["not_made"] == [{"codec": "Sac", "reason": "no command", "remedy": "install it"}]
    assert data["warnings"] == ["look out"]
    assert data["per_clip"][row.codec][1]["bytes"] == 3000
    assert data["per_clip"][row.codec][1]["nll_bits"] is None

    [cells] = csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text()))
    assert float(cells["bits_per_sample"]) == row.bits_per_sample

    table = (tmp_path / "table.md").read_text()
    assert "demo, test of demo-v1: 2 clips, 52,100 samples" in table
    assert "FLAC \\| -8" in table
    assert "- Sac: no command. Remedy: install it." in table
    assert "look out" in table
    assert len({line.count(" | ") for line in table.splitlines() if line.startswith("| ")}) == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_shows_all_that_matters_at_any_width(row: Row, width: int) -> None:
    results = Results((row,), (Unavailable("Sac", "no command", "install it"),), ("look out",))
    console = Console(width=width, record=True, file=io.StringIO())
    for part in results_terminal(results, width):
        console.print(part)
    text = console.export_text()
    assert all(len(line) <= width for line in text.splitlines())
    words = " ".join(text.split())
    for shown in ("0.6142", "26.050", "flac 1", "lossless", "not measured: Sac: no command; install it", "look out"):
        assert shown in words, shown
