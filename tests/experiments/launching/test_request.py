from __future__ import annotations

from pathlib import Path

import pytest

from experiments.launching.request import Request, parse_request, read_request
from idf.errors import ConfigError


def request(*argv: str) -> Request:
    return read_request(parse_request(argv, ("partition",)), "usage")


def test_the_command_line() -> None:
    found = request("table", "budget=full", "only=[a, b]", "seeds=4,5,4", "data.root=/x y", "partition=p")
    assert (found.study, found.budget, found.only, found.seeds) == ("table", "full", ("a", "b"), (4, 5))
    assert found.settings == {"data.root": "/x y"}
    assert not found.force
    assert request("table", "force=true").force
    # A setting of train.py is not taken for a misspelled setting of the launcher.
    assert request("table", "permutation=reverse").settings == {"permutation": "reverse"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "give a study"),
        (["a", "b"], "give one study, not 2"),
        (["a", "seeds=one"], "seeds=one: expected integers"),
        (["a", "bugdet=full"], "bugdet is not a setting of this command; did you mean budget"),
        (["a", "force=yes"], "force=yes: expected one of true, false"),
        (["a", "only=,"], "only=,: the list is empty"),
    ],
)
def test_a_wrong_command_line(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        request(*argv)


def test_finished_runs_are_left_alone(tmp_path: Path, make_run, outputs: Path, capsys) -> None:
    (tmp_path / "mine.yaml").write_text("settings: {tracker: none}\ncells: {a: {}, b: {model: medium}}")
    argv = [str(tmp_path / "mine.yaml"), f"outputs={outputs}"]
    make_run("study=mine-full", "tracker=none", "seed=0")
    assert [job.name for job in request(*argv).unfinished()[1]] == ["b-s0"]
    assert [job.name for job in request(*argv, "force=true").unfinished()[1]] == ["a-s0", "b-s0"]
    assert capsys.readouterr().out == ""
    assert request(*argv, "only=a").unfinished()[1] == []
    assert "all runs are complete; next: python -m experiments.report" in capsys.readouterr().out
