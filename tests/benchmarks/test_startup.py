from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from benchmarks import startup


def test_all_commands_are_timed(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(arguments: list[str], folder: Path) -> tuple[float, float]:
        ran.append(arguments)
        return float(len(ran)), 0.5 * len(ran)

    monkeypatch.setattr(startup, "_run", run)
    timings = startup.measure(tmp_path, str(tiny_model), runs=2)
    assert soundfile.info(tmp_path / "clip.wav").duration == startup.SECONDS
    assert timings[0] == startup.Timing("compress, checked", 1.0, 2.0, 1.0)
    assert len(ran) == 3 * len(timings)
    monkeypatch.undo()
    wall, cpu = startup._run(["--version"], tmp_path)
    assert wall > 0
    assert cpu > 0
