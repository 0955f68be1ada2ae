from __future__ import annotations

import sys
from pathlib import Path

import pytest

from idf.errors import ConfigError
from idf.training.launch import check_command_line, run_each


def test_one_run_and_values_as_agents_write_them() -> None:
    command = check_command_line(["model=medium", "permutation.seed=None"])
    assert command.arguments == ("model=medium", "permutation.seed=null")
    assert command.runs == ()


def test_flags_of_hydra_pass() -> None:
    assert check_command_line(["--cfg", "job", "seed=1"]).arguments == ("--cfg", "job", "seed=1")
    assert check_command_line(["--help"]).runs == ()


def test_every_combination_is_a_run() -> None:
    command = check_command_line(["model=small,medium", "-m", "seed=range(0,2)", "study=x"])
    assert command.runs == (
        ("model=small", "seed=0", "study=x"),
        ("model=small", "seed=1", "study=x"),
        ("model=medium", "seed=0", "study=x"),
        ("model=medium", "seed=1", "study=x"),
    )


def test_an_impossible_combination_stops_all_of_them_before_the_first() -> None:
    with pytest.raises(ConfigError, match="not a multiple"):
        check_command_line(["-m", "model=small,large", "training.batch_samples=8192"])
    with pytest.raises(ConfigError, match="did you mean"):
        check_command_line(["-m", "model=small,larg"])


def test_a_process_a_run_and_the_rest_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "program.py"
    program.write_text("import os, sys; print(os.getpid(), sys.argv[1]); sys.exit(int(sys.argv[1]))")
    assert run_each(program, [("0",), ("3",), ("2",), ("143",), ("0",)]) == 3
    started = [line.split() for line in capfd.readouterr().out.splitlines() if line[0].isdigit()]
    assert [number for _, number in started] == ["0", "3", "2", "143"]
    assert len({process for process, _ in started}) == 4
    assert run_each(program, [("0",), ("0",)]) == 0
    assert sys.executable
