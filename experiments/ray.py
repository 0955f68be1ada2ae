"""``python -m experiments.ray STUDY``: run a study as tasks of a Ray cluster, or of Ray on this machine.

Needs the extra ``[ray]``. The whole study is checked first; then every unfinished run becomes a task with its own
CPUs and GPUs. A task starts ``train.py`` and, if the study evaluates, ``evaluate.py`` as fresh processes. It does not
run them in Ray's workers, which are reused and would keep TensorFlow's state.
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

Run every unfinished run of a study as a Ray task (pip install -e ".[ray]"). On a cluster, outputs/ and the checkout
must be on a shared file system. The same command resumes the study.

  budget   budget of the study (default: smoke, else the first)
  address  auto for the cluster of this machine, HOST:PORT, or local (the default): Ray on this machine alone
  cpus     CPUs per run (2); Ray runs as many at once as fit
  gpus     GPUs per run (0)
  retries  how often to restart a run that fails (1)
  only     cells to run, such as small,medium
  seeds    seeds instead of the study's, such as 0,1,2
  SETTING  a setting of train.py for every run; force=true restarts existing runs"""

OWN = ("address", "cpus", "gpus", "retries")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a study and return 0, or 1 if a run failed.

    Raises:
        UserError: the study or the request is invalid; no run was started.
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
    print(f"{len(jobs) - len(failed)} of {len(jobs)} runs completed; next: python -m experiments.report {plan.folder}")
    for name, status in failed.items():
        print(f"{name} failed with exit status {status}")
    return 1 if failed else 0


def import_ray() -> Any:
    """Return the module ``ray``.

    Raises:
        RunError: Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise RunError('this launcher needs Ray: pip install -e ".[ray]"') from error
    return ray


def start_ray(ray: Any, address: str) -> None:
    """Connect to the cluster at ``address``, or start Ray on this machine if it is ``local``.

    Raises:
        RunError: there is no cluster at ``address``, or Ray does not start.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # do not wait for a network
    # Tasks import this module by name, so the checkout must be on their path.
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}}
    options: dict[str, Any] = {"runtime_env": environment, "log_to_driver": True}
    if address == "local":
        # Local only; some machines cannot reach themselves by their external address.
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(address=address, **options)
    except (ConnectionError, ValueError, ray.exceptions.RayError) as error:
        remedy = (
            "see /tmp/ray/session_latest/logs" if address == "local" else "use address=local to run without a cluster"
        )
        raise RunError(f"Ray could not be started with address={address}: {error}; {remedy}") from error


def run_tasks(
    ray: Any, jobs: Sequence[Job], cpus: int, gpus: int, *, retries: int, force: bool = False
) -> dict[str, int]:
    """Run the jobs as tasks and wait for all of them.

    Args:
        ray: the module.
        jobs: the runs.
        cpus, gpus: per run.
        retries: how often to restart a run that fails.
        force: restart existing runs from step 0.

    Returns:
        exit statuses of the failed runs, by name.
    """
    # max_retries: Ray restarts the task of a machine that is lost. Failed runs are restarted below.
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
            print(f"{job.name}: exit status {status}, restarted", flush=True)
            submit(job, tries_left - 1, again=True)
        else:
            print(f"{job.name}: exit status {status}", flush=True)
            failed[job.name] = status
    return failed


def run_commands(lines: Sequence[Sequence[str]], folder: str) -> int:
    """Run commands one after another, each in its own process, until one fails; return its exit status, or 0."""
    for line in lines:
        child = subprocess.Popen(line, cwd=Path(folder), stdin=subprocess.DEVNULL)
        try:
            status = child.wait()
        except BaseException:  # Ray cancels a task by an exception; the run still writes its checkpoint.
            child.send_signal(signal.SIGTERM)
            child.wait()
            raise
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
