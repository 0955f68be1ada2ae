"""The command line of ``train.py`` checked as a whole, before Hydra composes anything and before TensorFlow loads."""

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
"""Every combination of a sweep is composed before the first run starts; beyond this many, each at its start."""
_PLACES = ("hydra.run.dir", "hydra.sweep.subdir", "hydra.job.chdir")
"""Settings of Hydra that would say where a run lies."""


def check_command_line(arguments: Sequence[str]) -> list[str]:
    """Check everything that can be checked before a run starts.

    Returns:
        The arguments for Hydra, values normalised.

    Raises:
        ConfigError: with every problem.
    """
    # The parser takes overrides in one row only; people write -m wherever they remember it.
    arguments = sorted(arguments, key=lambda text: text not in ("-m", "--multirun"))
    parsed = get_args_parser().parse_args(arguments)
    given = set(parsed.overrides)
    normalised = [normalise_override(text) if text in given else text for text in arguments]
    if parsed.help or parsed.hydra_help or parsed.shell_completion or parsed.info:
        return normalised
    overrides = [normalise_override(text) for text in parsed.overrides]
    problems = [
        f"{text}: a run lies in outputs=FOLDER under study=NAME, named by its configuration; set those"
        for text in overrides
        if text.split("=")[0].lstrip("+") in _PLACES
    ]
    problems += _launcher_problems(overrides)
    if parsed.cfg and parsed.multirun:
        problems.append("--cfg shows the settings of one run: leave out -m and give one value for each setting")
    if problems:
        raise ConfigError(problems)
    if parsed.config_dir or parsed.config_name or parsed.config_path:
        return normalised  # with files of the user's own: what they hold is checked when Hydra has composed them
    if not parsed.multirun:
        compose(overrides)
        return normalised
    checked = check_overrides(overrides)
    if checked.problems:
        raise ConfigError(checked.problems)
    globs = any(isinstance(override.value(), Glob) for override in checked.overrides)  # which Hydra resolves
    if not globs and not any(text.startswith("hydra/sweeper=") for text in overrides):
        folders: dict[Path, Sequence[str]] = {}
        for run in BasicSweeper.split_arguments(list(checked.overrides), None)[0][:MAX_CHECKED_RUNS]:
            same = folders.setdefault(run_folder(compose(run)), run)
            if same is not run:
                different = [f"{one} and {other}" for one, other in zip(same, run, strict=True) if one != other]
                raise ConfigError(
                    [f"{'; '.join(different)} come to one and the same run; leave one out, or set study=NAME too"]
                )
    return normalised


def _launcher_problems(overrides: Sequence[str]) -> Iterator[str]:
    """Launchers that would start nothing, or nothing that works, and end in a traceback."""
    for text in overrides:
        key, _, launcher = text.partition("=")
        if key != "hydra/launcher":
            continue
        if launcher == "submitit_slurm" and shutil.which("srun") is None:
            yield f"{text}: there is no `srun` on PATH; start it on a SLURM machine, or take submitit_local"
        if launcher.startswith("ray_aws"):
            yield f"{text}: its machines have neither this checkout nor the data; use python -m experiments.ray address=…"
