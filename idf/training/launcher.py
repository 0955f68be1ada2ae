"""The Hydra launcher of ``-m``, which starts a fresh process for each run.

TensorFlow keeps state between models in a process (devices, determinism, memory), so runs never share one.
Hydra does everything else: its sweepers supply the combinations and receive each run's best validation. With
Hydra's other launchers (basic, joblib, submitit, ray), each job starts its process through the same function.
Source: Hydra's documentation, "Configuring Plugins / Launcher".
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from idf.config.compose import CONFIG_NAME, LAUNCHER, config_of
from idf.config.identity import run_folder
from idf.runs.run import Run

_OF_THE_SWEEP = ("hydra.mode", "hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper", "hydra.sweep.")
"""Hydra's settings for the sweep as a whole, which are not passed on to its runs."""

_CHECKPOINT_SECONDS = 60
"""Time that runs have to write their checkpoints when they are stopped."""


class TerminatedError(KeyboardInterrupt):
    """SIGTERM to a sweep, raised as a KeyboardInterrupt because other launchers stop their jobs only on Ctrl-C."""


class JobFailedError(Exception):
    """A run ended with an exit status other than 0 and has reported why."""

    def __init__(self, exit_status: int) -> None:
        super().__init__(f"the run ended with exit status {exit_status}")
        self.exit_status = exit_status

    def __reduce__(self) -> tuple[type[JobFailedError], tuple[int]]:  # launchers send it between processes
        return JobFailedError, (self.exit_status,)


class ProcessLauncher(Launcher):
    """Runs the jobs of a batch one after another, each in its own process.

    Attributes:
        failures: exit statuses other than 0 of all jobs so far, including those that a sweeper ignores.
    """

    __module__ = LAUNCHER.rpartition(".")[0]
    failures: list[int] = []  # noqa: RUF012 - shared: Hydra creates the launcher, train.py reads this

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store what the jobs need. Hydra calls this."""
        self._context, self._config = hydra_context, config
        self._program = Path(inspect.getfile(inspect.unwrap(task_function)))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs.

        Returns:
            The best validation of each job (bits per dimension), or the exception with its exit status.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM stopped this process; the remaining jobs are not run.
        """
        returns = []
        for index, overrides in enumerate(job_overrides, initial_job_idx):
            print(f"run {index + 1}: {' '.join(filter_overrides(overrides))}", flush=True)
            config = self._context.config_loader.load_sweep_config(self._config, list(overrides))
            with open_dict(config):
                config.hydra.job.id, config.hydra.job.num = str(index), index
            job = JobReturn(overrides=list(overrides), cfg=copy.deepcopy(config), working_dir=os.getcwd())
            job.hydra_cfg, job.task_name = OmegaConf.masked_copy(config, "hydra"), config.hydra.job.name
            with read_write(job.cfg), open_dict(job.cfg):
                del job.cfg["hydra"]
            try:
                job.return_value = run_in_fresh_process(self._program, config.hydra, job.cfg)
                job.status = JobStatus.COMPLETED
            except JobFailedError as error:
                print(f"run {index + 1} ended with status {error.exit_status}", flush=True)
                self.failures.append(error.exit_status)
                job.return_value, job.status = error, JobStatus.FAILED
            returns.append(job)
        return returns


def prepare_sweep(program: Path) -> None:
    """Let the jobs of Hydra's other launchers find this checkout, and let SIGTERM stop their runs.

    Args:
        program: ``train.py``.
    """
    folders = [str(program.resolve().parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)

    def stop(number: int, frame: object) -> None:
        runs = _runs_below(program)
        for run in runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run, signal.SIGTERM)
        deadline = time.monotonic() + _CHECKPOINT_SECONDS
        while set(runs) & set(_runs_below(program)) and time.monotonic() < deadline:
            time.sleep(0.2)
        raise TerminatedError

    signal.signal(signal.SIGTERM, stop)


def _runs_below(program: Path) -> list[int]:
    """Return the process ids of the runs that this process started, directly or through a launcher's processes."""
    command = ["ps", "-A", "-o", "pid=,ppid=,args="]
    with contextlib.suppress(OSError):
        rows = [
            row.split(None, 2) for row in subprocess.check_output(command, text=True, errors="replace").splitlines()
        ]
        parents = {int(row[0]): int(row[1]) for row in rows}
        return [int(row[0]) for row in rows if str(program) in row[2:][-1] and _is_below(int(row[0]), parents)]
    return []


def _is_below(process: int, parents: dict[int, int]) -> bool:
    while process := parents.get(process, 0):
        if process == os.getpid():
            return True
    return False


def register_launcher() -> None:
    """Register the launcher with Hydra.

    Hydra imports plugins only from its own namespace, ``hydra_plugins``. A checkout installs nothing there, so this
    module is registered under the name that an installed plugin would have.
    """
    plugins = Plugins.instance()  # finds installed plugins
    if "hydra_plugins" not in sys.modules:
        sys.modules["hydra_plugins"] = types.ModuleType("hydra_plugins")
        sys.modules["hydra_plugins"].__path__ = []
    space = sys.modules["hydra_plugins"]
    name = ProcessLauncher.__module__
    sys.modules[name] = sys.modules[__name__]
    setattr(space, name.rpartition(".")[2], sys.modules[__name__])
    plugins.register(ProcessLauncher)


def run_in_fresh_process(program: Path, hydra: DictConfig, settings: DictConfig) -> float | None:
    """Run one job of a sweep as its own command line would.

    Args:
        program: ``train.py``.
        hydra: Hydra's settings of the job.
        settings: the configuration of the job.

    Returns:
        The best validation of the run (bits per dimension); None without one.

    Raises:
        JobFailedError: the run ended with a status other than 0.
        KeyboardInterrupt: Ctrl-C or SIGTERM (:class:`TerminatedError`) stopped this process.
    """
    command = [sys.executable, str(program), *_arguments(hydra)]
    # In a separate session, a signal from the terminal reaches only this process, which passes it on once.
    process = subprocess.Popen(command, start_new_session=True)
    with _passing_on_signals(process) as received:
        status = process.wait()
    if received:
        raise KeyboardInterrupt if received[0] == signal.SIGINT else TerminatedError
    if status:
        raise JobFailedError(status if status > 0 else 128 - status)
    best = Run(run_folder(config_of(settings))).status().get("best")
    return None if best is None else float(best)


def _arguments(hydra: DictConfig) -> list[str]:
    """Return the command line of one job."""
    flags = []
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line":
            flags += ["--config-dir", str(source.path)]
    if hydra.job.config_name != CONFIG_NAME:
        flags += ["--config-name", str(hydra.job.config_name)]
    kept = [text for text in hydra.overrides.hydra if not text.lstrip("+~").startswith(_OF_THE_SWEEP)]
    return [*flags, *hydra.overrides.task, *kept]


@contextlib.contextmanager
def _passing_on_signals(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass SIGINT, SIGTERM and SIGHUP on to the run, so that it can shut down cleanly.

    Yields:
        The signals received so far.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # Python allows handlers only in the main thread
        yield received
        return

    def pass_on(number: int, frame: object) -> None:
        received.append(number)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    numbers = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
