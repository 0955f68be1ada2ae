"""``python -m experiments.slurm STUDY``: run a study as jobs of a SLURM cluster, through submitit.

Needs the extra ``[slurm]``. The whole study is checked first; then every unfinished run becomes a job that runs
``train.py`` and, if the study evaluates, ``evaluate.py``. When a job times out or is preempted, its run writes a
checkpoint and the job is queued again.
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

Submit every unfinished run of a study as a SLURM job (pip install -e ".[slurm]"). outputs/ must be on a file system
that the nodes share. Watch the runs with python -m experiments.status; the same command submits unfinished runs again.

  budget     budget of the study (default: smoke, else the first)
  partition  SLURM partition
  hours      time limit of a job (4); a job that needs longer resumes in a new one
  cpus       CPU cores per job (8)
  gpus       GPUs per job (1)
  memory_gb  memory per job, in GB (32)
  cluster    slurm (the default), or local: processes on this machine, for a trial
  only       cells to run, such as small,medium
  seeds      seeds instead of the study's, such as 0,1,2
  SETTING    a setting of train.py for every run; force=true restarts existing runs"""

OWN = ("partition", "hours", "cpus", "gpus", "memory_gb", "cluster")


@dataclass(frozen=True)
class Resources:
    """Resources of each job, and the cluster.

    Args:
        cluster: ``slurm`` or ``local``.
        partition: SLURM partition; None for the default.
        hours: time limit.
        cpus, gpus: number of CPU cores and GPUs.
        memory_gb: memory in GB.
    """

    cluster: str
    partition: str | None
    hours: int
    cpus: int
    gpus: int
    memory_gb: int


@dataclass
class RunJob:
    """One run of the study, executed on a node. submitit pickles it."""

    commands: list[list[str]]
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __call__(self) -> int:
        """Run the commands until one fails; return its exit status, or 0."""
        for command in self.commands:
            self.child = subprocess.Popen(command, cwd=ROOT)
            status = self.child.wait()
            self.child = None
            if status:
                return status
        return 0

    def checkpoint(self) -> Any:
        """Let the run write a checkpoint, then queue the job again. submitit calls this on timeout and preemption."""
        from submitit.helpers import DelayedSubmission

        if self.child is not None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait()
            self.child = None
        return DelayedSubmission(RunJob(self.commands))


def main(argv: Sequence[str] | None = None) -> int:
    """Submit a study and return 0; with ``cluster=local``, wait and return the largest exit status.

    Raises:
        UserError: the study or the request is invalid; nothing was submitted.
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
    """Submit the jobs through submitit and return its handles, in the same order.

    Raises:
        RunError: submitit is not installed, or SLURM is not available here.
    """
    try:
        import submitit
    except ImportError as error:
        raise RunError('the SLURM launcher needs submitit: pip install -e ".[slurm]"') from error
    # The job imports this module, so the checkout must be on its path; SLURM passes this environment on.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    try:
        executor = submitit.AutoExecutor(folder=plan.folder / "logs" / "%j", cluster=resources.cluster)
    except RuntimeError as error:
        raise RunError(f"{error}; run this on a login node of the cluster, or use cluster=local") from error
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
