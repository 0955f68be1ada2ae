"""``python -m experiments.ray STUDY``: the runs of a study as tasks of a Ray cluster, or of Ray on this machine.

Needs the extra ``[ray]``. The study is checked as a whole here, then every run that is not finished becomes a task
with CPUs and GPUs of its own: a fresh ``train.py`` process, and ``evaluate.py`` where the study says so, never code in
Ray's own workers, which are used again and keep TensorFlow's state.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.launching.launcher import ROOT, commands
from experiments.launching.plan import Job, write_manifest
from experiments.launching.request import parse_request, read_request
from idf.errors import EXIT_USER_ERROR, RunError, run_main
from idf.runs.find import read_state
from idf.runs.run import EXIT_STATUS

USAGE = """\
python -m experiments.ray STUDY [budget=NAME] [address=local] [cpus=2] [gpus=0] [retries=1]
                                [only=CELLS] [seeds=SEEDS] [SETTING=VALUE ...]

Run every run of a study that is not finished as a Ray task (pip install "idf[ray]"). On a cluster, outputs/ and the
checkout have to be on a file system that its machines share. The same command again goes on.

  address  auto for the cluster this machine belongs to, HOST:PORT, or local: Ray on this machine alone
  cpus     of each run; Ray starts as many at once as fit
  gpus     of each run
  retries  how often a run that fails is started again"""

OWN = ("address", "cpus", "gpus", "retries")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a study. Returns 0, or 1 when a run failed.

    Raises:
        UserError: before anything is started.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_request(argv, OWN)
    cpus, gpus = arguments.whole("cpus", 2, least=1), arguments.whole("gpus", 0)
    retries = arguments.whole("retries", 1)
    request = read_request(arguments, USAGE)
    plan, jobs = request.unfinished()
    if not jobs:
        return 0
    ray = import_ray()
    write_manifest(plan, ["python", "-m", "experiments.ray", *argv])
    start_ray(ray, arguments.settings.get("address", "local"))
    try:
        failed = run_tasks(ray, jobs, cpus, gpus, retries=retries, force=request.force)
    finally:
        ray.shutdown()
    print(
        f"{len(jobs) - len(failed)} of {len(jobs)} runs completed; report: python -m experiments.report {plan.folder}"
    )
    for name, status in failed.items():
        print(f"{name} ended with status {status}")
    return 1 if failed else 0


def import_ray() -> Any:
    """Ray.

    Raises:
        RunError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise RunError('this launcher needs Ray: pip install "idf[ray]"') from error
    return ray


def start_ray(ray: Any, address: str) -> None:
    """Join a cluster, or start Ray here.

    Raises:
        RunError: there is no cluster at ``address``, or Ray does not start.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is to wait for a network
    # Tasks import this module by name: the checkout has to be on their path.
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}}
    options: dict[str, Any] = {"runtime_env": environment, "log_to_driver": True}
    if address == "local":
        # Nobody else is to reach it, and some machines cannot reach themselves by their outer address.
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(address=address, **options)
    except (ConnectionError, ValueError, ray.exceptions.RayError) as error:
        remedy = "see /tmp/ray/session_latest/logs" if address == "local" else "address=local needs no cluster"
        raise RunError(f"Ray could not be started with address={address}: {error}; {remedy}") from error


def run_tasks(
    ray: Any, jobs: Sequence[Job], cpus: int, gpus: int, *, retries: int, force: bool = False
) -> dict[str, int]:
    """Run the jobs as tasks and wait for all of them.

    Returns:
        The exit statuses of those that did not complete, by name.
    """
    # Ray starts a lost task again by itself when its machine is gone; what the run ends with is judged here.
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=retries)(run_commands)
    waiting: dict[Any, tuple[Job, int]] = {}

    def submit(job: Job, tries_left: int, again: bool) -> None:
        lines = commands(job, cpus, force=force and not again)
        waiting[task.remote(lines, str(ROOT))] = (job, tries_left)

    for job in jobs:
        submit(job, retries, again=False)
    failed: dict[str, int] = {}
    while waiting:
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        job, tries_left = waiting.pop(done)
        status = ray.get(done)
        if status in (0, EXIT_STATUS["diverged"]):
            print(f"{job.name}: {read_state(job.folder).name}", flush=True)
        elif tries_left and status != EXIT_USER_ERROR:
            print(f"{job.name}: status {status}, started again", flush=True)
            submit(job, tries_left - 1, again=True)
        else:
            print(f"{job.name}: status {status}", flush=True)
            failed[job.name] = status
    return failed


def run_commands(lines: Sequence[Sequence[str]], folder: str) -> int:
    """What a task does: each command in a process of its own until one fails; its status, or 0."""
    for line in lines:
        child = subprocess.Popen(line, cwd=Path(folder), stdin=subprocess.DEVNULL)
        try:
            status = child.wait()
        except BaseException:  # Ray cancels a task by an exception: let the run write its checkpoint.
            child.send_signal(signal.SIGTERM)
            child.wait()
            raise
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
