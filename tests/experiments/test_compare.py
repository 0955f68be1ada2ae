from __future__ import annotations

from pathlib import Path

import pytest

from experiments.compare import differing, main, results
from idf.errors import ConfigError
from idf.runs.find import read_run


def test_settings_and_results_side_by_side(make_run, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"codec": "IDF small", "dataset": "demo", "split": "test", "bits_per_sample": 8.5}
    first = make_run("study=a", train={10: {"samples_per_second": 90000.0, "peak_memory_mib": 812.3}}, evaluated=[row])
    second = make_run("study=a", "model=medium", "seed=1", curve={70: 8.75}, status="diverged")
    assert main([first.name, second.name, f"outputs={outputs}"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["model.window", "256", "1024"] in lines
    assert ["seed", "0", "1"] in lines
    assert not any(line[0].startswith("optimizer") for line in lines)
    assert ["state", "finished", "diverged"] in lines
    assert ["best", "validation,", "bits/sample", "9.0000", "8.7500"] in lines
    assert ["training", "speed,", "samples/s", "90,000", "–"] in lines
    assert ["peak", "memory,", "MiB", "812", "–"] in lines
    assert ["demo,", "test:", "this", "model", "8.5000", "–"] in lines
    assert ["training", "time", "0:10", "0:07"] in lines


def test_equal_settings_are_reported_as_equal(make_run, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run("study=a")
    assert main([folder.name, str(folder), f"outputs={outputs}"]) == 0
    assert "settings: no differences" in capsys.readouterr().out
    (folder / "config.yaml").unlink()
    assert main([folder.name, str(folder), f"outputs={outputs}"]) == 0
    out = capsys.readouterr().out
    assert "cannot be read" in out
    assert "no differences" not in out


def test_one_run_is_too_few(make_run, outputs: Path) -> None:
    folder = make_run("study=a")
    with pytest.raises(ConfigError, match="give at least two runs"):
        main([folder.name, f"outputs={outputs}"])


def test_a_missing_key_is_a_difference() -> None:
    assert differing([{"a": 1, "b": None}, {"a": 1}]) == {"b": ["null", "–"]}
    assert differing([{"a": True}, {"a": False}]) == {"a": ["true", "false"]}


def test_rows_without_a_value_are_left_out(make_run) -> None:
    rows = results([read_run(make_run("study=a", curve={}, status="failed"))])
    assert set(rows) == {"state", "step", "size on disk"}
