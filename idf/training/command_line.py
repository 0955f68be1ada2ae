"""Checks of the whole command line of ``train.py``, before Hydra composes anything and before TensorFlow loads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Glob

from idf.config.compose import check_overrides, compose, normalise_override
from idf.config.identity import run_folder
from idf.errors import ConfigError

MAX_CHECKED_RUNS = 200
"""Combinations of a sweep that are checked before the first run starts; the others are checked as they start."""
_PLACES = ("hydra.run.dir", "hydra.sweep.subdir", "hydra.job.chdir")
"""Hydra's settings for the folder of a run."""


def check_command_line(arguments: Sequence[str]) -> list[str]:
    """Check everything that can be checked before a run starts.

    Returns:
        The arguments for Hydra, with normalised values.

    Raises:
        ConfigError: with every problem.
    """
    # The parser accepts overrides only in one row, but -m may be anywhere among them.
    arguments = sorted(arguments, key=lambda text: text not in ("-m", "--multirun"))
    parsed = get_args_parser().parse_args(arguments)
    given = set(parsed.overrides)
    normalised = [normalise_override(text) if text in given else text for text in arguments]
    if parsed.help or parsed.hydra_help or parsed.shell_completion or parsed.info:
        return normalised
    overrides = [normalise_override(text) for text in parsed.overrides]
    problems = [
        f"{text}: the configuration names a run's folder; set outputs=FOLDER and study=NAME instead"
        for text in overrides
        if text.split("=")[0].lstrip("+") in _PLACES
    ]
    problems += _launcher_problems(overrides)
    if parsed.cfg and parsed.multirun:
        problems.append("--cfg shows the settings of one run: leave out -m and give one value for each setting")
    if problems:
        raise ConfigError(problems)
    if parsed.config_dir or parsed.config_name or parsed.config_path:
        return normalised  # the user's own files are checked after Hydra has composed them
    if not parsed.multirun:
        compose(overrides)
        return normalised
    checked = check_overrides(overrides)
    if checked.problems:
        raise ConfigError(checked.problems)
    globs = any(isinstance(override.value(), Glob) for override in checked.overrides)  # Hydra resolves them
    if not globs and not any(text.startswith("hydra/sweeper=") for text in overrides):
        folders: dict[Path, Sequence[str]] = {}
        for run in BasicSweeper.split_arguments(list(checked.overrides), None)[0][:MAX_CHECKED_RUNS]:
            same = folders.setdefault(run_folder(compose(run)), run)
            if same is not run:
                different = [f"{one} and {other}" for one, other in zip(same, run, strict=True) if one != other]
                raise ConfigError(
                    [f"{'; '.join(different)} give the same run; remove one of them or also set study=NAME"]
                )
    return normalised


def _launcher_problems(overrides: Sequence[str]) -> Iterator[str]:
    """Yield the problems of launchers that would only end in a traceback."""
    for text in overrides:
        key, _, launcher = text.partition("=")
        if key != "hydra/launcher":
            continue
        if launcher == "submitit_slurm" and shutil.which("srun") is None:
            yield f"{text}: there is no `srun` on PATH; run this on a SLURM machine or choose submitit_local"
        if launcher.startswith("ray_aws"):
            yield f"{text}: its machines have neither this checkout nor the data; use python -m experiments.ray address=…"
