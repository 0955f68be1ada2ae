"""Before a run starts: the command line checked as a whole, and several runs as one process each.

TensorFlow keeps state between models in one process (devices, determinism, memory), so the runs of
``-m`` never share one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser

from idf.config.compose import check_overrides, compose, normalise_override
from idf.errors import EXIT_INTERRUPTED, ConfigError

MAX_CHECKED_RUNS = 200
"""Every combination of a sweep is composed before the first run starts; beyond this many, each at its start."""


@dataclass(frozen=True)
class CommandLine:
    """Arguments that have been checked."""

    arguments: tuple[str, ...]
    """For Hydra, values normalised."""
    runs: tuple[tuple[str, ...], ...]
    """Overrides of each run of ``-m``; empty without it."""


def check_command_line(arguments: Sequence[str]) -> CommandLine:
    """Check everything that can be checked before TensorFlow is imported.

    Raises:
        ConfigError: with every problem.
    """
    # The parser takes overrides in one row only; people write -m wherever they remember it.
    arguments = sorted(arguments, key=lambda text: text not in ("-m", "--multirun"))
    parsed = get_args_parser().parse_args(arguments)
    overrides = [normalise_override(text) for text in parsed.overrides]
    given = set(parsed.overrides)
    normalised = tuple(normalise_override(text) if text in given else text for text in arguments)
    if parsed.help or parsed.hydra_help or parsed.shell_completion:
        return CommandLine(normalised, ())
    if not parsed.multirun:
        compose(overrides)
        return CommandLine(normalised, ())
    checked = check_overrides(overrides)
    if checked.problems:
        raise ConfigError(checked.problems)
    if any(text.startswith("hydra/") for text in overrides):
        # Another launcher or sweeper was asked for: Hydra itself runs it.
        return CommandLine(normalised, ())
    runs = tuple(tuple(run) for run in BasicSweeper.split_arguments(list(checked.overrides), None)[0])
    for run in runs[:MAX_CHECKED_RUNS]:
        compose(run)
    return CommandLine(normalised, runs)


def run_each(program: Path, runs: Sequence[Sequence[str]]) -> int:
    """Run the program once for each list of overrides, one after another.

    Returns:
        0 if all went well, the status of the first that did not; a stopped run stops the rest.
    """
    worst = 0
    for number, run in enumerate(runs, 1):
        print(f"run {number} of {len(runs)}: {' '.join(run)}", flush=True)
        status = subprocess.run([sys.executable, str(program), *run], check=False).returncode
        if status:
            print(f"run {number} of {len(runs)} ended with status {status}", flush=True)
            worst = worst or status
        if status in (EXIT_INTERRUPTED, 128 + 15) or status < 0:
            break
    return worst
