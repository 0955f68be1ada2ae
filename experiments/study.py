"""``python -m experiments.study STUDY``: run every cell of a study with every seed, one process a run."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from experiments.launching.definition import find_study, read_study
from experiments.launching.launcher import (
    FAILED,
    Launcher,
    Slot,
    available_cores,
    lacks_evaluation,
    make_slots,
    visible_gpus,
)
from experiments.launching.plan import Job, Plan, make_plan, write_manifest
from experiments.launching.progress import open_board, summary
from idf.errors import ConfigError, run_main
from idf.runs.find import ENDED, read_state
from idf.text import Words, did_you_mean, parse_words

USAGE = """\
python -m experiments.study STUDY [budget=NAME] [jobs=N] [--dry-run] [SETTING=VALUE ...]

Run every cell of a study with every seed, each in a process of its own, into outputs/STUDY-BUDGET/.
The same command again goes on where it was; finished runs are left alone.

  STUDY          a YAML file, or the name of one in experiments/: table, stability, ablation, adaptive
  budget         how much of it: as the file says; smoke unless given
  jobs           runs at once (1, or one for each of several GPUs); the CPU cores are divided among them
  gpus           which GPUs, such as 0,1; none; unless given: all there are
  only           cells to run, such as small,medium; the others stay as they are
  seeds          instead of the file's, such as 0,1,2
  retries        how often a run that fails is started again (1)
  SETTING=VALUE  a setting of train.py for every run, such as data.root=/audio; force=true starts over
  --dry-run      check everything, show what would run, run nothing"""

OWN_WORDS = ("budget", "jobs", "gpus", "only", "seeds", "retries")


@dataclass(frozen=True)
class Request:
    """The command line, read.

    Args:
        only: cells to run; None for all.
        gpus: None for what there is.
        extra: settings of train.py.
    """

    study: str
    budget: str | None
    jobs: int | None
    gpus: tuple[str, ...] | None
    only: tuple[str, ...] | None
    seeds: tuple[int, ...] | None
    retries: int
    force: bool
    dry_run: bool
    extra: dict[str, str]


def main(words: Sequence[str] | None = None) -> int:
    """Run a study. Returns 0, 1 when a run failed, 128 + the signal when stopped.

    Raises:
        UserError: before anything is started.
    """
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help"} & set(words):
        print(USAGE)
        return 0
    request = read_request(words)
    plan = make_plan(read_study(find_study(request.study)), request.budget, request.seeds, request.extra)
    jobs = chosen_jobs(plan, request.only)
    gpus = list(request.gpus) if request.gpus is not None else visible_gpus()
    count = request.jobs if request.jobs is not None else max(1, len(gpus) if len(gpus) > 1 else 1)
    slots = make_slots(min(count, len(jobs)), gpus, available_cores() if plan.shared_threads else None)
    if request.dry_run:
        _print_plan(plan, jobs, slots)
        return 0
    write_manifest(plan, ["python", "-m", "experiments.study", *words])
    return launch(plan, jobs, slots, retries=request.retries, force=request.force)


def launch(plan: Plan, jobs: Sequence[Job], slots: Sequence[Slot], *, retries: int, force: bool) -> int:
    """Run the jobs with a board, and say how it went."""
    board = open_board()
    board.say(f"study {plan.name}: {len(jobs)} runs, {len(slots)} at once; logs in {plan.folder / 'logs'}/")
    launcher = Launcher(jobs, slots, plan.folder / "logs", board, retries=retries, force=force)
    try:
        status = launcher.run()
    finally:
        board.close()
    Console(soft_wrap=True).print(summary(launcher.tracks, len(slots), time.monotonic()), highlight=False)
    for track in launcher.tracks:
        if track.state == FAILED:
            print(f"{track.job.name} failed: {track.note}\n  alone: {track.job.command}")
    if status < 128:
        print(f"report: python -m experiments.report {plan.folder}")
    return status


def read_request(words: Sequence[str]) -> Request:
    """Read the command line.

    Raises:
        ConfigError: with every problem found.
    """
    parsed = parse_words(words, flags=("--dry-run",))
    problems = []
    if len(parsed.plain) != 1:
        what = f"name one study, not {len(parsed.plain)}: {' '.join(parsed.plain)}" if parsed.plain else "name a study"
        problems.append(f"{what}\n\n{USAGE}")
    for word in parsed.settings:
        # Near misses of our own words; other unknown ones are found with the settings of train.py.
        hint = did_you_mean(word, OWN_WORDS)
        if word not in OWN_WORDS and "." not in word and hint.startswith("; did you mean"):
            problems.append(f"{word} is not a setting of this command{hint}")
    seeds = _seeds(parsed, problems)
    jobs, retries = _whole(parsed, "jobs", 1, problems), _whole(parsed, "retries", 0, problems)
    extra = {name: value for name, value in parsed.settings.items() if name not in OWN_WORDS}
    force = extra.pop("force", "false").lower()
    if force not in ("true", "false"):
        problems.append(f"force={force}: expected true or false")
    if problems:
        raise ConfigError(problems)
    gpus = parsed.settings.get("gpus")
    only = parsed.settings.get("only")
    return Request(
        study=parsed.plain[0],
        budget=parsed.settings.get("budget"),
        jobs=jobs,
        gpus=None if gpus is None else tuple(_listed(gpus)) if gpus != "none" else (),
        only=None if only is None else tuple(_listed(only)),
        seeds=seeds,
        retries=1 if retries is None else retries,
        force=force == "true",
        dry_run="--dry-run" in parsed.flags,
        extra=extra,
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.strip("[]").split(",") if part.strip()]


def _whole(words: Words, name: str, least: int, problems: list[str]) -> int | None:
    text = words.settings.get(name)
    if text is None:
        return None
    if not text.isdigit() or int(text) < least:
        problems.append(f"{name}={text}: expected a whole number from {least} on")
        return None
    return int(text)


def _seeds(words: Words, problems: list[str]) -> tuple[int, ...] | None:
    text = words.settings.get("seeds")
    if text is None:
        return None
    listed = _listed(text)
    if not listed or not all(seed.isdigit() for seed in listed):
        problems.append(f"seeds={text}: expected whole numbers such as 0,1,2")
        return None
    return tuple(dict.fromkeys(int(seed) for seed in listed))


@dataclass(frozen=True)
class OwnWords:
    """The words of a launcher's command line, divided into its own settings and those of a study."""

    settings: dict[str, str]
    rest: list[str]

    def not_whole(self, names: Sequence[str]) -> list[str]:
        """A problem for each of the settings ``names`` that is no whole number."""
        values = ((name, self.settings[name]) for name in names)
        return [f"{name}={value}: expected a whole number" for name, value in values if not value.isdigit()]


def split_own_words(words: Sequence[str], defaults: Mapping[str, str]) -> OwnWords:
    """Take the settings that ``defaults`` names out of ``words``."""
    own, rest = dict(defaults), []
    for word in words:
        name, _, value = word.partition("=")
        if name in own:
            own[name] = value
        else:
            rest.append(word)
    return OwnWords(own, rest)


def unfinished_jobs(request: Request) -> tuple[Plan, list[Job]]:
    """The plan of a request and those of its jobs that have something left to do; all of them with ``force``.

    Raises:
        UserError: the study or the request is wrong.
    """
    plan = make_plan(read_study(find_study(request.study)), request.budget, request.seeds, request.extra)
    jobs = chosen_jobs(plan, request.only)
    return plan, [job for job in jobs if request.force or _has_work(job)]


def _has_work(job: Job) -> bool:
    state = read_state(job.folder).name
    return state not in ENDED or (state == "finished" and lacks_evaluation(job))


def chosen_jobs(plan: Plan, only: Sequence[str] | None) -> list[Job]:
    """The jobs of the cells ``only``, of all cells if it is None.

    Raises:
        ConfigError: there is no such cell.
    """
    if only is None:
        return list(plan.jobs)
    unknown = [name for name in only if name not in plan.cells]
    if unknown or not only:
        names = [f"there is no cell {name} in {plan.name}{did_you_mean(name, plan.cells)}" for name in unknown]
        raise ConfigError(names or ["only= names no cell"])
    return [job for job in plan.jobs if job.cell in only]


def _print_plan(plan: Plan, jobs: Sequence[Job], slots: Sequence[Slot]) -> None:
    about = f"{len(slots)} at once"
    if slots[0].threads:
        about += f", {slots[0].threads} thread{'s' * (slots[0].threads != 1)} each"
    gpus = [slot.gpu for slot in slots if slot.gpu is not None]
    if gpus:
        about += f", GPUs {', '.join(gpus)}"
    print(f"# study {plan.name}: {len(plan.cells)} cells, {len(jobs)} runs, {about}. Nothing was started.")
    for job in jobs:
        state = read_state(job.folder)
        found = "new" if state.name == "new" else f"{state.name} at step {state.step}"
        print(f"# {job.name}: {job.steps} steps, {job.folder} ({found})")
        print(job.command)
        if job.evaluate is not None:
            print(shlex.join(["python", "evaluate.py", f"run={job.folder}", *job.evaluate]))


if __name__ == "__main__":
    sys.exit(run_main(main))
