"""The arguments that ``study``, ``slurm`` and ``ray`` share: which runs of which study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.launching.definition import find_study, read_study
from experiments.launching.launcher import lacks_evaluation
from experiments.launching.plan import Job, Plan, make_plan
from idf.arguments import Arguments, parse_arguments
from idf.config.compose import groups, settings
from idf.errors import ConfigError, did_you_mean
from idf.runs.find import ENDED, read_state

COMMON = ("budget", "only", "seeds", "force")
"""Settings of all launchers. Settings that are neither these nor the launcher's own go to ``train.py``."""


@dataclass(frozen=True)
class Request:
    """Which runs of which study.

    Args:
        study: a file, or the name of one in ``experiments/``.
        budget: by name; None for the default.
        only: cells to run; None for all.
        seeds: replace the study's seeds; None keeps them.
        force: restart existing runs from step 0.
        settings: of ``train.py``, for every run.
    """

    study: str
    budget: str | None
    only: tuple[str, ...] | None
    seeds: tuple[int, ...] | None
    force: bool
    settings: dict[str, str]

    def plan(self) -> tuple[Plan, list[Job]]:
        """Compose every run; return the plan and the jobs of the requested cells.

        Raises:
            UserError: the study or the request is invalid.
        """
        plan = make_plan(read_study(find_study(self.study)), self.budget, self.seeds, self.settings)
        if self.only is None:
            return plan, list(plan.jobs)
        unknown = [name for name in self.only if name not in plan.cells]
        if unknown:
            raise ConfigError(
                [f"there is no cell {name} in {plan.name}{did_you_mean(name, plan.cells)}" for name in unknown]
            )
        return plan, [job for job in plan.jobs if job.cell in self.only]

    def unfinished(self) -> tuple[Plan, list[Job]]:
        """Return the plan and the jobs that are not complete (with ``force``, all jobs); print a message if there are none.

        Raises:
            UserError: the study or the request is invalid.
        """
        plan, jobs = self.plan()
        jobs = [job for job in jobs if self.force or _has_work(job)]
        if not jobs:
            print(f"all runs are complete; next: python -m experiments.report {plan.folder}")
        return plan, jobs


def parse_request(argv: Sequence[str], own: Sequence[str], flags: Sequence[str] = ()) -> Arguments:
    """Parse a launcher's command line.

    Args:
        argv: the command line.
        own: settings that only this launcher has.
        flags: its options.
    """
    names = (*COMMON, *own)
    arguments = parse_arguments(argv, settings=names, flags=flags, passes=None)
    for name in arguments.passed_settings:
        # Misspelled settings of the launcher; other unknown settings are found by the checks of train.py.
        unknown = "." not in name and name not in settings() and name not in groups()
        if unknown and (hint := did_you_mean(name, names, otherwise="")):
            arguments.problems.append(f"{name} is not a setting of this command{hint}")
    return arguments


def read_request(arguments: Arguments, usage: str) -> Request:
    """Return the shared part of the command line, after the caller has read the launcher's own settings.

    Raises:
        ConfigError: with every problem of the whole command line.
    """
    plain = arguments.plain
    if len(plain) != 1:
        what = f"give one study, not {len(plain)}: {' '.join(plain)}" if plain else "give a study"
        arguments.problems.append(f"{what}\n\n{usage}")
    seeds = arguments.listed("seeds")
    if seeds is not None and not all(seed.isdecimal() for seed in seeds):
        arguments.problems.append(f"seeds={arguments.settings['seeds']}: expected integers such as 0,1,2")
    force = arguments.chosen("force", ("true", "false"), "false")
    only = arguments.listed("only")
    arguments.check()
    return Request(
        study=plain[0],
        budget=arguments.settings.get("budget"),
        only=only,
        seeds=None if seeds is None else tuple(dict.fromkeys(map(int, seeds))),
        force=force == "true",
        settings=arguments.passed_settings,
    )


def _has_work(job: Job) -> bool:
    state = read_state(job.folder).name
    return state not in ENDED or (state == "finished" and lacks_evaluation(job))
