"""``python -m experiments.study STUDY``: run every cell of a study with every seed, one process per run."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from experiments.launching.launcher import (
    FAILED,
    Launcher,
    Slot,
    available_cores,
    make_slots,
    visible_gpus,
)
from experiments.launching.plan import Job, Plan, write_manifest
from experiments.launching.progress import open_progress, summary
from experiments.launching.request import parse_request, read_request
from idf.arguments import Arguments
from idf.errors import run_main
from idf.runs.find import read_state

USAGE = """\
python -m experiments.study STUDY [budget=NAME] [jobs=N] [--dry-run] [SETTING=VALUE ...]

Run every cell of a study with every seed, one process per run, in outputs/STUDY-BUDGET/.
The same command resumes the study; finished runs are skipped.

  STUDY          a YAML file, or the name of one in experiments/: table, stability, ablation, adaptive
  budget         a budget of the study (default: smoke, else the first)
  jobs           runs at once (default: one per GPU, 1 without GPUs); they share the CPU cores
  gpus           GPUs to use, such as 0,1, or none (default: all)
  only           cells to run, such as small,medium (default: all)
  seeds          seeds instead of the study's, such as 0,1,2
  retries        how often to restart a run that fails (1)
  SETTING=VALUE  a setting of train.py for every run, such as data.root=/audio; force=true restarts existing runs
  --dry-run      check the study and show its runs without starting any"""

OWN = ("jobs", "gpus", "retries")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a study and return 0, 1 if a run failed, or 128 + the signal that stopped it.

    Raises:
        UserError: the study or the request is invalid; no run was started.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_request(argv, OWN, flags=("--dry-run",))
    gpus = _gpus(arguments)
    at_once = arguments.whole("jobs", len(gpus) if len(gpus) > 1 else 1, least=1)
    retries = arguments.whole("retries", 1)
    request = read_request(arguments, USAGE)
    plan, jobs = request.plan()
    slots = make_slots(min(at_once, len(jobs)), gpus, available_cores() if plan.shared_threads else None)
    if "--dry-run" in arguments.flags:
        _print_plan(plan, jobs, slots)
        return 0
    write_manifest(plan, ["python", "-m", "experiments.study", *argv])
    return launch(plan, jobs, slots, retries=retries, force=request.force)


def _gpus(arguments: Arguments) -> list[str]:
    if arguments.settings.get("gpus") == "none":
        return []
    chosen = arguments.listed("gpus")
    return visible_gpus() if chosen is None else list(chosen)


def launch(plan: Plan, jobs: Sequence[Job], slots: Sequence[Slot], *, retries: int, force: bool) -> int:
    """Run the jobs, show their progress and a summary, and return the exit status of :meth:`Launcher.run`."""
    progress = open_progress()
    progress.say(f"study {plan.name}: {len(jobs)} runs, {len(slots)} at once; logs in {plan.folder / 'logs'}/")
    launcher = Launcher(jobs, slots, plan.folder / "logs", progress, retries=retries, force=force)
    try:
        status = launcher.run()
    finally:
        progress.close()
    Console(soft_wrap=True).print(summary(launcher.tracks, len(slots), time.monotonic()), highlight=False)
    for track in launcher.tracks:
        if track.state == FAILED:
            print(f"{track.job.name} failed: {track.note}\n  to run it alone: {track.job.command}")
    if status < 128:
        print(f"next: python -m experiments.report {plan.folder}")
    return status


def _print_plan(plan: Plan, jobs: Sequence[Job], slots: Sequence[Slot]) -> None:
    about = f"{len(slots)} at once"
    if slots[0].threads:
        about += f", {slots[0].threads} thread{'s' * (slots[0].threads != 1)} each"
    gpus = [slot.gpu for slot in slots if slot.gpu is not None]
    if gpus:
        about += f", GPUs {', '.join(gpus)}"
    print(f"# study {plan.name}: {len(plan.cells)} cells, {len(jobs)} runs, {about}. No run was started.")
    for job in jobs:
        state = read_state(job.folder)
        found = "new" if state.name == "new" else f"{state.name} at step {state.step}"
        print(f"# {job.name}: {job.steps} steps, {job.folder} ({found})")
        print(job.command)
        if job.evaluate is not None:
            print(shlex.join(["python", "evaluate.py", f"run={job.folder}", *job.evaluate]))


if __name__ == "__main__":
    sys.exit(run_main(main))
