from __future__ import annotations

import pytest

from idf.errors import ConfigError
from idf.training.command_line import check_command_line


def test_values_as_agents_write_them() -> None:
    assert check_command_line(["model=medium", "permutation.seed=None"]) == ["model=medium", "permutation.seed=null"]


def test_flags_of_hydra_pass() -> None:
    assert check_command_line(["--cfg", "job", "seed=1"]) == ["--cfg", "job", "seed=1"]
    assert check_command_line(["--help"]) == ["--help"]


def test_multirun_may_be_anywhere() -> None:
    given = check_command_line(["model=small,medium", "-m", "seed=range(0,2)", "study=x"])
    assert given == ["-m", "model=small,medium", "seed=range(0,2)", "study=x"]


def test_an_impossible_combination_stops_a_sweep_before_its_first_run() -> None:
    with pytest.raises(ConfigError, match="must be a multiple"):
        check_command_line(["-m", "model=small,large", "training.batch_samples=8192"])
    with pytest.raises(ConfigError, match="did you mean"):
        check_command_line(["-m", "model=small,larg"])


def test_settings_of_several_runs_are_not_shown() -> None:
    with pytest.raises(ConfigError, match="leave out -m"):
        check_command_line(["-m", "--cfg", "job", "seed=1,2"])


@pytest.mark.parametrize("setting", ["hydra.run.dir", "hydra.sweep.subdir", "+hydra.job.chdir"])
def test_hydra_cannot_set_the_folder_of_a_run(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"set outputs=FOLDER and study=NAME instead"):
        check_command_line([f"{setting}=elsewhere"])


def test_a_pattern_of_options() -> None:
    assert check_command_line(["-m", "permutation=glob(*)", "layout=original"])
    with pytest.raises(ConfigError, match="no option matches; choose from"):
        check_command_line(["-m", "model=glob(zz*)"])


@pytest.mark.parametrize(
    ("launcher", "message"), [("submitit_slurm", "no `srun` on PATH"), ("ray_aws", "experiments.ray")]
)
def test_launchers_that_cannot_work_here(launcher: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=message):
        check_command_line(["-m", f"hydra/launcher={launcher}", "seed=1,2"])


def test_data_are_a_part_of_the_run() -> None:
    assert check_command_line(["-m", "data=folder", "data.root=/a/one,/a/two"])
    with pytest.raises(ConfigError, match=r"data.root=/a/wavs and data.root=/b/wavs give the same run"):
        check_command_line(["-m", "data=folder", "data.root=/a/wavs,/b/wavs"])
