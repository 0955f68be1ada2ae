"""The figure of time and memory against length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from benchmarks import streaming
from idf.plotting import COLUMN_INCHES, WIDTH_INCHES
from tests.collisions import collisions


def test_the_plot_shows_every_direction_that_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "OUTPUTS", tmp_path)
    rows = [
        streaming.Measured(seconds, what, 1, seconds / 12, seconds / 12, 190)
        for seconds in (10, 3600)
        for what in streaming.LOOKS
    ]
    streaming.save(rows)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"streaming.{kind}" for kind in ("svg", "pdf", "png", "json")),
        *(f"streaming-column.{kind}" for kind in ("svg", "pdf")),
    }
    assert len(json.loads((tmp_path / "streaming.json").read_text())) == 4
    times, memory = streaming.draw(rows).axes
    assert len(times.lines) == len(memory.lines) == 3  # two directions and the limit
    for width in (COLUMN_INCHES, WIDTH_INCHES):
        assert collisions(streaming.draw(rows, width)) == []


def test_long_speech_is_the_voice_repeated(tmp_path: Path) -> None:
    streaming.write_speech(tmp_path / "x.wav", 62)
    samples, rate = soundfile.read(tmp_path / "x.wav", dtype="int16")
    assert (len(samples), rate) == (62 * streaming.RATE_HZ, streaming.RATE_HZ)
    assert samples[60 * rate :].any()


def test_both_directions_are_measured() -> None:
    rows = list(streaming.measurements([1], [1], ["--model", "turbo"]))
    assert [row.what for row in rows] == ["compress", "decompress"]
    assert all(row.cpu_seconds > 0 and row.peak_mb > 10 for row in rows)
