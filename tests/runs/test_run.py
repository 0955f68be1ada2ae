from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from idf.config import Config, load_config, run_folder
from idf.config.compose import compose
from idf.errors import RunError
from idf.runs.run import Run, claimed_run

Tiny = Callable[..., Config]


@pytest.fixture
def tiny(outputs: Path) -> Tiny:
    """A function that composes overrides for a run in a separate folder."""
    return lambda *overrides: compose([*overrides, f"outputs={outputs}"])


def test_a_new_folder_describes_its_run(tiny: Tiny) -> None:
    config = tiny("seed=4")
    with claimed_run(config, data_fingerprint="abc") as run:
        assert run.folder == run_folder(config)
        assert load_config(run.config_path) == config
        status = run.status()
        assert (status["status"], status["step"], status["seed"], status["data"]) == ("running", 0, 4, "abc")
    environment = json.loads((run.folder / "environment.json").read_text())
    assert {"idf", "python", "packages", "git", "platform", "cpus", "command"} <= environment.keys()
    assert environment["packages"]["tensorflow"]


def test_a_crash_is_recorded_and_keeps_its_traceback(tiny: Tiny) -> None:
    run = Run(run_folder(tiny()))

    def crash() -> None:
        with claimed_run(tiny(), data_fingerprint="abc"):
            run.write_status("running", step=5, best=7.5)
            raise ZeroDivisionError("oh")

    with pytest.raises(ZeroDivisionError):
        crash()
    status = run.status()
    assert (status["status"], status["reason"], status["step"], status["best"]) == ("failed", "oh", 5, 7.5)
    run.write_status("running")
    assert "reason" not in run.status()


def test_force_starts_over(tiny: Tiny) -> None:
    with claimed_run(tiny(), data_fingerprint="abc") as run:
        (run.folder / "checkpoints").mkdir()
        (run.folder / "checkpoints" / "x").write_text("x")
        (run.folder / "history.jsonl").write_text("x")
    with claimed_run(tiny(), data_fingerprint="abc"):
        assert (run.folder / "history.jsonl").exists()
    with claimed_run(tiny("force=true"), data_fingerprint="other") as run:
        assert not (run.folder / "history.jsonl").exists()
        assert not (run.folder / "checkpoints").exists()
        assert run.status()["data"] == "other"


def test_other_data_under_the_same_settings_is_refused(tiny: Tiny) -> None:
    with claimed_run(tiny(), data_fingerprint="abc"):
        pass
    with pytest.raises(RunError, match=r"different data.*study=NAME"), claimed_run(tiny(), data_fingerprint="xyz"):
        pass


def test_only_one_process_works_on_a_run(tiny: Tiny) -> None:
    with (
        claimed_run(tiny(), data_fingerprint="abc"),
        pytest.raises(RunError, match="is working on the run"),
        claimed_run(tiny(), data_fingerprint="abc"),
    ):
        pass


def test_a_damaged_status_is_named(tiny: Tiny, tmp_path: Path) -> None:
    with claimed_run(tiny(), data_fingerprint="abc") as run:
        pass
    (run.folder / "status.json").write_text("{")
    with pytest.raises(RunError, match=r"status\.json cannot be read"):
        run.status()
