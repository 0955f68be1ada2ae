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
from typing import Any

from experiments.launching.launcher import ROOT, commands
from experiments.launching.plan import Job, Plan, write_manifest
from experiments.launching.request import parse_request, read_request
from idf.errors import RunError, run_main

USAGE = """\
python -m experiments.slurm STUDY [budget=NAME] [partition=NAME] [hours=4] [cpus=8] [gpus=1] [memory_gb=32]
                                  [cluster=slurm] [only=CELLS] [seeds=SEEDS] [SETTING=VALUE ...]

Submit every run of a study that is not finished as a SLURM job (pip install "idf[slurm]"). outputs/ has to be
on a file system that the nodes share. Watch with python -m experiments.status; the same command again submits
what has not finished.

  cluster  slurm, or local: processes on this machine, to try it out"""

OWN = ("partition", "hours", "cpus", "gpus", "memory_gb", "cluster")


@dataclass(frozen=True)
class Resources:
    """What each job gets, and where."""

    cluster: str
    partition: str | None
    hours: int
    cpus: int
    gpus: int
    memory_gb: int


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


def main(argv: Sequence[str] | None = None) -> int:
    """Submit a study. Returns 0.

    Raises:
        UserError: before anything is submitted.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_request(argv, OWN)
    resources = Resources(
        cluster=arguments.chosen("cluster", ("slurm", "local"), "slurm"),
        partition=arguments.settings.get("partition"),
        hours=arguments.whole("hours", 4, least=1),
        cpus=arguments.whole("cpus", 8, least=1),
        gpus=arguments.whole("gpus", 1),
        memory_gb=arguments.whole("memory_gb", 32, least=1),
    )
    request = read_request(arguments, USAGE)
    plan, jobs = request.unfinished()
    if not jobs:
        return 0
    write_manifest(plan, ["python", "-m", "experiments.slurm", *argv])
    submitted = submit(plan, jobs, resources, force=request.force)
    for job, handle in zip(jobs, submitted, strict=True):
        print(f"{job.name}: job {handle.job_id}")
    print(f"{len(submitted)} jobs submitted; watch with: python -m experiments.status {plan.name}")
    if resources.cluster == "local":
        statuses = [handle.result() for handle in submitted]
        return max(statuses, default=0)
    return 0


def submit(plan: Plan, jobs: Sequence[Job], resources: Resources, *, force: bool = False) -> list[Any]:
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
        executor = submitit.AutoExecutor(folder=plan.folder / "logs" / "%j", cluster=resources.cluster)
    except RuntimeError as error:
        raise RunError(f"{error}; run this on a login node of the cluster, or take cluster=local") from error
    common: dict[str, str | int] = {
        "name": plan.name,
        "timeout_min": 60 * resources.hours,
        "cpus_per_task": resources.cpus,
        "gpus_per_node": resources.gpus,
        "mem_gb": resources.memory_gb,
    }
    if resources.partition is not None:
        common["slurm_partition"] = resources.partition
    executor.update_parameters(**common)
    return [executor.submit(RunJob(commands(job, resources.cpus, force=force))) for job in jobs]


if __name__ == "__main__":
    sys.exit(run_main(main))
