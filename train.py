"""Train a model: ``python train.py model=small seed=3 permutation=reverse sharpness=step``.

Settings are ``name=value``. ``--help`` lists the groups, and ``--cfg job`` prints all settings. ``-m`` runs
every combination of comma-separated values, one after another. The same command resumes a run that was
stopped. Exit status: 0 finished, 2 invalid settings or data, 3 diverged, 130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from idf import training  # noqa: F401  (first, because it reports missing packages)

# isort: split

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

import idf
from idf.config import Config, check
from idf.config.compose import config_of, explained
from idf.errors import EXIT_TERMINATED, ConfigError, run_main
from idf.training.command_line import check_command_line
from idf.training.launcher import (
    JobFailedError,
    ProcessLauncher,
    TerminatedError,
    prepare_sweep,
    register_launcher,
    run_in_fresh_process,
)
from idf.training.tracking.wandb_environment import with_environment

statuses: list[int] = []
"""Exit status of the run in this process; Hydra does not pass on the return value of a task."""


def main() -> int:
    """Check the command line and let Hydra run it, once or for each combination of ``-m``; return the exit status."""
    if "--version" in sys.argv[1:]:
        print(f"idf {idf.__version__}")
        return 0
    sys.argv[1:] = check_command_line(sys.argv[1:])
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra would shorten the traceback of a bug
    register_launcher()
    if {"-m", "--multirun"} & set(sys.argv[1:]):
        prepare_sweep(Path(__file__))
    try:
        task()
    except TerminatedError:
        return EXIT_TERMINATED
    except JobFailedError as error:
        return error.exit_status
    except HydraException as error:
        raise ConfigError([explained(error)]) from error
    return next((status for status in (*statuses, *ProcessLauncher.failures) if status), 0)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def task(settings: DictConfig) -> float | None:
    """Run one Hydra job: in this process, or in a fresh one if a launcher runs several.

    Returns:
        The best validation (bits per dimension), for sweepers that optimise it.
    """
    job = HydraConfig.get()
    if job.mode == RunMode.MULTIRUN:
        return run_in_fresh_process(Path(__file__), job, settings)
    statuses.append(run_main(lambda: train(checked(config_of(settings)), job.overrides.task)))
    return None


def checked(config: Config) -> Config:
    """Return a configuration that Hydra composed, possibly from the user's own files, after checking it.

    Raises:
        ConfigError: with every problem.
    """
    if problems := check(config):
        raise ConfigError(problems)
    return config


def train(config: Config, overrides: Sequence[str] = ()) -> int:
    """Train one run (data, folder, model, training, export) and return its exit status.

    Args:
        overrides: the command line, which takes precedence over W&B's environment variables.
    """
    from idf.datasets.batches import select_clips
    from idf.datasets.dataset import open_dataset
    from idf.models.build import build_model
    from idf.runs.run import claimed_run
    from idf.training.framework import prepare_tensorflow
    from idf.training.session import ended, export, fit, resume_point

    config.tracker = with_environment(config.tracker, overrides, os.environ)
    dataset = open_dataset(config.data)
    usable = select_clips(dataset, config.model.window, config.data.short_clips)  # before the folder is created
    with claimed_run(config, data_fingerprint=dataset.fingerprint) as run:
        dataset = replace(dataset, train=usable)
        if (status := ended(run)) is not None:
            return status
        checkpoint = resume_point(run)
        model = build_model(config, checkpoint.constants if checkpoint else None)
        prepare_tensorflow(config)
        outcome = fit(config, model, dataset, run, checkpoint)
        export(config, run)
        return outcome.exit_status


if __name__ == "__main__":
    sys.exit(run_main(main))
