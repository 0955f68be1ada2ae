"""``python -m experiments.slurm STUDY``: the runs of a study as jobs of a SLURM cluster, by submitit.

Needs the extra ``[slurm]``. The study is checked as a whole here, then every run that is not finished becomes a
job of its own: ``train.py``, and ``evaluate.py`` where the study says so. When the time of a job is up or it is
preempted, its run writes a checkpoint and the job goes back into the queue.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.launching.launcher import ROOT
from experiments.launching.plan import Job, Plan, write_manifest
from experiments.study import read_request, split_own_words, unfinished_jobs
from idf.errors import ConfigError, RunError, run_main

USAGE = """\
python -m experiments.slurm STUDY [budget=NAME] [partition=NAME] [hours=4] [cpus=8] [gpus=1] [memory_gb=32]
                                  [cluster=slurm] [only=CELLS] [seeds=SEEDS] [SETTING=VALUE ...]

Submit every run of a study that is not finished as a SLURM job (pip install "idf[slurm]"). outputs/ has to be
on a file system that the nodes share. Watch with python -m experiments.status; the same command again submits
what has not finished.

  cluster  slurm, or local: processes on this machine, to try it out"""

OWN_WORDS = {"partition": "", "hours": "4", "cpus": "8", "gpus": "1", "memory_gb": "32", "cluster": "slurm"}


@dataclass
class RunJob:
    """What a node does: one run of the study. submitit pickles it."""

    commands: list[list[str]]
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __call__(self) -> int:
        """Run the commands until one fails; its status, or 0."""
        for command in self.commands:
            self.child = subprocess.Popen(command, cwd=ROOT)
            status = self.child.wait()
            self.child = None
            if status:
                return status
        return 0

    def checkpoint(self) -> Any:
        """Called by submitit when the job has to leave: let the run save itself, then queue the same job again."""
        from submitit.helpers import DelayedSubmission

        if self.child is not None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait()
            self.child = None
        return DelayedSubmission(RunJob(self.commands))


def main(words: Sequence[str] | None = None) -> int:
    """Submit a study. Returns 0.

    Raises:
        UserError: before anything is submitted.
    """
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help"} & set(words):
        print(USAGE)
        return 0
    given = split_own_words(words, OWN_WORDS)
    own = given.settings
    wrong = given.not_whole(("hours", "cpus", "gpus", "memory_gb"))
    if own["cluster"] not in ("slurm", "local"):
        wrong.append(f"cluster={own['cluster']}: it is slurm or local")
    if wrong:
        raise ConfigError(wrong)
    request = read_request(given.rest)
    plan, jobs = unfinished_jobs(request)
    if not jobs:
        print(f"nothing is left to do; report: python -m experiments.report {plan.folder}")
        return 0
    write_manifest(plan, ["python", "-m", "experiments.slurm", *words])
    submitted = submit(plan, jobs, own, force=request.force)
    for job, handle in zip(jobs, submitted, strict=True):
        print(f"{job.name}: job {handle.job_id}")
    print(f"{len(submitted)} jobs submitted; watch with: python -m experiments.status {plan.name}")
    if own["cluster"] == "local":
        statuses = [handle.result() for handle in submitted]
        return max(statuses, default=0)
    return 0


def submit(plan: Plan, jobs: Sequence[Job], resources: dict[str, str], *, force: bool = False) -> list[Any]:
    """Hand the jobs to submitit; its handles, in the same order.

    Raises:
        RunError: submitit is not installed, or there is no SLURM here.
    """
    try:
        import submitit
    except ImportError as error:
        raise RunError('the SLURM launcher needs submitit: pip install "idf[slurm]"') from error
    # The job imports this module: the checkout has to be on its path, which SLURM takes from here.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    try:
        executor = submitit.AutoExecutor(folder=plan.folder / "logs" / "%j", cluster=resources["cluster"])
    except RuntimeError as error:
        raise RunError(f"{error}; run this on a login node of the cluster, or take cluster=local") from error
    common = {
        "name": plan.name,
        "timeout_min": 60 * int(resources["hours"]),
        "cpus_per_task": int(resources["cpus"]),
        "gpus_per_node": int(resources["gpus"]),
        "mem_gb": int(resources["memory_gb"]),
    }
    if resources["partition"]:
        common["slurm_partition"] = resources["partition"]
    executor.update_parameters(**common)
    return [executor.submit(RunJob(commands(job, int(resources["cpus"]), force=force))) for job in jobs]


def commands(job: Job, threads: int, *, force: bool = False) -> list[list[str]]:
    """The command lines of one run."""
    words = [*job.overrides]
    if not any(word.startswith("threads=") for word in words):
        words.append(f"threads={threads}")
    if force:
        words.append("force=true")
    lines = [[sys.executable, str(ROOT / "train.py"), *words]]
    if job.evaluate is not None:
        lines.append([sys.executable, str(ROOT / "evaluate.py"), f"run={Path(job.folder).resolve()}", *job.evaluate])
    return lines


if __name__ == "__main__":
    sys.exit(run_main(main))
