"""Train a model: ``python train.py model=small seed=3 permutation=reverse sharpness=step``.

Settings are ``name=value``; ``--help`` lists the groups, ``--cfg job`` prints all of them. ``-m`` runs
every combination of comma-separated values, one after another. The same command again resumes a run
that was stopped. Exit status: 0 finished, 2 something to mend in the settings or the data,
3 diverged, 130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from idf.config import Config
from idf.config.compose import config_of, register_schema
from idf.errors import run_main
from idf.training.launch import check_command_line, run_each


def main() -> int:
    """Check the command line, then run it: once, or once for each combination of ``-m``."""
    command = check_command_line(sys.argv[1:])
    if command.runs:
        return run_each(Path(__file__), command.runs)
    sys.argv[1:] = command.arguments
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra would cut the traceback of a bug short
    register_schema()
    composed()
    return 0


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def composed(settings: DictConfig) -> None:
    """Take over from Hydra, which would not pass an exit status on."""
    sys.exit(run_main(lambda: train(config_of(settings))))


def train(config: Config) -> int:
    """One run: data, folder, model, training, export."""
    from idf.datasets.batches import select_clips
    from idf.datasets.dataset import open_dataset
    from idf.models.build import build_model
    from idf.runs.run import claimed_run
    from idf.training.framework import prepare_tensorflow
    from idf.training.session import ended, export, fit, resume_point

    dataset = open_dataset(config.data)
    select_clips(dataset, config.model.window, config.data.short_clips)  # unusable data leaves no run behind
    with claimed_run(config, data_fingerprint=dataset.fingerprint) as run:
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
