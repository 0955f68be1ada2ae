from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from experiments import watching
from experiments.status import main, render
from experiments.watching import waiting_runs, watch

Make = Callable[..., Path]


def set_status(folder: Path, **facts: object) -> None:
    path = folder / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.fixture
def running(make_run: Make, outputs: Path) -> tuple[Path, str]:
    """A study with a run in progress and one that has not been started."""
    folder = make_run("study=a", status="running", curve={50: 9.5})
    later = f"{folder.name[:-1]}7"
    (outputs / "a" / "study.json").write_text(json.dumps({"runs": [{"run": folder.name}, {"run": later}]}))
    return folder, later


def follow(
    monkeypatch: pytest.MonkeyPatch, outputs: Path, looks: list[Callable[[], object]], terminal: bool, *named: str
) -> str:
    """Return the output of a watch during which ``looks`` are called, one between every two updates."""
    states = iter(looks)
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: next(states)())
    real = watching.read_run
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=150, height=40)

    def alive(folder: Path) -> object:
        """Read a run, with a running one reported as running although its process does not exist."""
        record = real(folder)
        if record.state.name != "killed":
            return record
        return type(record)(record.folder, type(record.state)("running", record.state.step, best=record.state.best))

    monkeypatch.setattr(watching, "read_run", alive)
    assert watch(console, outputs, named, render, quiet_s=1e9) == 0
    assert next(states, None) is None
    return shown.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_study_is_followed_to_its_end(
    running: tuple[Path, str], make_run: Make, outputs: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    folder, later = running
    make_run("study=other")
    looks = [
        lambda: set_status(folder, status="finished", best=9.0),
        lambda: None,  # the second run has not started yet
        lambda: shutil.copytree(folder, folder.parent / later),
    ]
    text = follow(monkeypatch, outputs, looks, terminal)
    assert "1 running, 1 not started" in text
    assert "1 finished, 1 not started" in text
    assert "2 finished" in text
    assert "other" not in text
    if not terminal:
        assert f"a/{folder.name} running at step 50, best 9.5000" in text
        assert text.count(f"a/{folder.name} ") == 2


def test_ctrl_c_ends_the_watch(running: tuple[Path, str], outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert "1 running" in follow(monkeypatch, outputs, [interrupt], False, "a")


def test_nothing_runs_for_a_while(make_run: Make, outputs: Path) -> None:
    make_run("study=a", status="interrupted")
    shown = io.StringIO()
    assert watch(Console(file=shown), outputs, (), render, interval_s=0.01, quiet_s=0.05) == 0
    assert shown.getvalue() == "nothing is running\n"


def test_runs_not_started(running: tuple[Path, str], outputs: Path) -> None:
    assert waiting_runs(outputs / "a", []) == 2
    assert waiting_runs(outputs / "no study", []) == 0


def test_from_the_command_line(make_run: Make, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run("study=a")
    assert main(["a", "--watch", f"outputs={outputs}"]) == 0
    assert "1 finished" in capsys.readouterr().out
