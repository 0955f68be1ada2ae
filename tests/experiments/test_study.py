from __future__ import annotations

from pathlib import Path

import pytest

from experiments import study as command
from experiments.study import main
from idf.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("settings: {tracker: none}\ncells: {a: {model: small}, b: {model: medium}}\nseeds: [0, 1]")
    return path


def test_a_dry_run_shows_commands_and_writes_nothing(
    file: Path, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(file), f"outputs={outputs}", "--dry-run", "only=b", "jobs=2", "gpus=3,4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "2 runs, 2 at once" in lines[0]
    assert "GPUs 3, 4" in lines[0]
    commands = [line for line in lines if not line.startswith("#")]
    assert len(commands) == 2
    assert all(line.startswith("python train.py tracker=none model=medium") for line in commands)
    assert not outputs.exists()


def test_missing_cells(file: Path) -> None:
    with pytest.raises(ConfigError, match="there is no cell c in mine-full; there are a, b"):
        main([str(file), "only=a,c", "--dry-run"])
    with pytest.raises(ConfigError, match="only= has no value"):
        main([str(file), "only=", "--dry-run"])


def test_several_gpus_run_several_jobs(file: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched = {}

    def launch(plan, jobs, slots, **more) -> int:
        launched.update(jobs=len(jobs), gpus=[slot.gpu for slot in slots], **more)
        return 0

    monkeypatch.setattr(command, "launch", launch)
    monkeypatch.setattr(command, "visible_gpus", lambda: ["0", "1", "2"])
    assert main([str(file), f"outputs={outputs}", "retries=4"]) == 0
    assert launched == {"jobs": 4, "gpus": ["0", "1", "2"], "retries": 4, "force": False}
    assert (outputs / "mine-full" / "study.json").is_file()
    main([str(file), f"outputs={outputs}", "jobs=1", "force=true"])
    assert (launched["gpus"], launched["force"]) == (["0"], True)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("jobs=0", "jobs=0: expected a whole number of at least 1"),
        ("retries=-1", "retries=-1: expected"),
        ("--dryrun", "did you mean --dry-run"),
    ],
)
def test_a_wrong_command_line(file: Path, argument: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main([str(file), argument])


def test_gpus_are_chosen_or_none(file: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "visible_gpus", lambda: ["0", "1", "2"])
    seen = []
    monkeypatch.setattr(command, "launch", lambda plan, jobs, slots, **more: seen.append([slot.gpu for slot in slots]))
    main([str(file), f"outputs={outputs}", "gpus=none", "jobs=2"])
    main([str(file), f"outputs={outputs}", "gpus=[5, 7]"])
    assert seen == [[None, None], ["5", "7"]]
