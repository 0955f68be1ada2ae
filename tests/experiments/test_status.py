from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.status import differences, main
from idf.errors import RunError
from idf.runs.find import find_runs, read_run


def lines_of(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(words) == 0
    return [line for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_one_line_a_run(make_run, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run("study=a", curve={4000: 8.91234})
    diverged = make_run("study=a", "seed=1", "model=medium", status="diverged", curve={}, reason="the loss became nan")
    killed = make_run("study=b", status="running")
    lines = lines_of(capsys, f"outputs={outputs}")
    finished = next(line for line in lines if "finished" in line and "4000/4000" in line)
    assert finished.split()[3:4] == ["8.9123"]
    assert finished.rstrip().endswith("model=small")
    assert any(line.strip().startswith(f"a/{diverged.name} diverged: the loss became nan") for line in lines)
    assert any(f"b/{killed.name} was killed" in line for line in lines)
    assert [line.strip() for line in lines if "resume with" in line] == ["resume with: python train.py study=b"]
    summary = next(line for line in lines if line.startswith("3 runs in"))
    assert {"1 finished", "1 diverged", "1 killed"} <= set(summary.partition("): ")[2].split(", "))


def test_only_some_studies(make_run, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no runs under" in lines_of(capsys, f"outputs={outputs}")[0]
    make_run("study=first")
    make_run("study=second")
    lines = lines_of(capsys, "second", f"outputs={outputs}")
    assert lines[0] == "second"
    assert not any("first" in line for line in lines[:-1])
    with pytest.raises(RunError, match="did you mean first"):
        main(["frist", f"outputs={outputs}"])


def test_differences_are_given_by_group_if_that_is_enough(make_run, outputs: Path) -> None:
    same = ["study=a", "layout=original", "optimizer.learning_rate=0.01"]
    make_run(*same, "sharpness=step")
    make_run(*same, "sharpness=step", "seed=1", "tracker=none")
    make_run(*same, "sharpness=constant")
    runs = [read_run(folder) for folder in find_runs(outputs)]
    assert sorted(differences(runs)) == ["sharpness=constant", "sharpness=step", "sharpness=step"]
    make_run(*same, "sharpness=step", "sharpness.end=-5")
    runs = [read_run(folder) for folder in find_runs(outputs)]
    # The kind alone no longer distinguishes them.
    assert "sharpness=step sharpness.end=-5.0" in differences(runs)
    assert differences(runs[:1]) == [""]


def test_a_run_of_a_study_is_resumed_with_the_study(
    make_run, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make_run("study=a", f"seed={seed}", status="preempted") for seed in range(2)]
    manifest = {"command": ["python", "-m", "experiments.study", "a", "force=true"]}
    manifest["runs"] = [{"run": run.name} for run in runs]
    (outputs / "a" / "study.json").write_text(json.dumps(manifest))
    lines = lines_of(capsys, f"outputs={outputs}")
    assert [line.strip() for line in lines if "resume with" in line] == ["resume with: python -m experiments.study a"]
    (outputs / "a" / "study.json").write_text("{")
    lines = lines_of(capsys, f"outputs={outputs}")
    assert len([line for line in lines if "resume with: python train.py study=a seed=" in line]) == 2


def test_the_cache_is_shown(make_run, outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run("study=a", f"data.cache={tmp_path / 'elsewhere'}")
    for cache in (outputs / "cache", tmp_path / "elsewhere"):
        (cache / "rows-1").mkdir(parents=True)
        (cache / "rows-1" / "inputs-0.npy").write_bytes(bytes(2048))
    lines = "".join(lines_of(capsys, f"outputs={outputs}"))
    assert f"cache {outputs / 'cache'}/: 2.0 KiB in 1 entry, the least recently used 0 s ago" in lines
    assert f"cache {tmp_path / 'elsewhere'}/: 2.0 KiB" in lines
