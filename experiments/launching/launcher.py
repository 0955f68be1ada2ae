"""Run jobs side by side, each in a fresh process; a failure of one does not stop the others.

The state of a job is always read from its folder, so a study that was stopped at any point resumes there.
Jobs are defined in :mod:`experiments.launching.plan`, progress is shown by
:mod:`experiments.launching.progress`.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

from experiments.launching.plan import Job
from idf.errors import EXIT_USER_ERROR
from idf.files import output_errors
from idf.runs.find import DAMAGED, RunState, read_state
from idf.runs.run import EXIT_STATUS, RunFolder

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.5

WAITING, TRAINING, EVALUATING = "waiting", "training", "evaluating"
FINISHED, DIVERGED, FAILED, STOPPED, ELSEWHERE = "finished", "diverged", "failed", "stopped", "elsewhere"

OVER = (FINISHED, DIVERGED, FAILED, STOPPED, ELSEWHERE)
"""Final states of a job in this launch. ``elsewhere``: another process works on the run."""


@dataclass(frozen=True)
class Slot:
    """Resources of one process.

    Args:
        threads: number of CPU threads; 0 keeps the run's own setting.
        gpu: value of ``CUDA_VISIBLE_DEVICES``; None keeps the environment's.
    """

    threads: int = 0
    gpu: str | None = None


@dataclass
class Track:
    """One job and its state.

    Args:
        job: the job.
        state: ``waiting``, ``training``, ``evaluating`` or one of :data:`OVER`.
        run: state of the run's folder.
        skipped: the job was over before this launch.
        failures: number of its processes that failed.
        note: why it failed, or what happens next.
        seconds: run time of its ended processes in this launch.
        first_step: training step at which this launch started it.
        started: time at which its running process started (``time.monotonic()``); None if none is running.
    """

    job: Job
    state: str = WAITING
    run: RunState = field(default_factory=lambda: RunState("new"))
    skipped: bool = False
    failures: int = 0
    note: str = ""
    seconds: float = 0.0
    first_step: int = 0
    started: float | None = None

    @property
    def steps_left(self) -> int:
        """Remaining training steps."""
        return 0 if self.state in OVER or self.state == EVALUATING else max(0, self.job.steps - self.run.step)

    def elapsed(self, now: float) -> float:
        """Return the run time in this launch, in seconds; ``now`` is from ``time.monotonic()``."""
        return self.seconds + (now - self.started if self.started is not None else 0.0)


class Progress(Protocol):
    """Shows the progress of the jobs."""

    def show(self, tracks: Sequence[Track], slots: int) -> None:
        """Update the view. Called about twice a second."""

    def say(self, text: str) -> None:
        """Print a message that stays visible."""


@dataclass
class _Process:
    track: Track
    slot: Slot
    popen: subprocess.Popen[bytes]
    log: IO[bytes]
    stage: str


class Launcher:
    """Runs jobs.

    Args:
        jobs: started in this order.
        slots: one for each process that may run at the same time.
        logs: folder for the output of the processes.
        progress: shows progress.
        retries: how often to restart a job that fails.
        force: restart existing runs from step 0.
        train, evaluate: the programs; tests replace them.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        slots: Sequence[Slot],
        logs: Path,
        progress: Progress,
        *,
        retries: int = 1,
        force: bool = False,
        train: Path = ROOT / "train.py",
        evaluate: Path = ROOT / "evaluate.py",
    ) -> None:
        self.tracks = [Track(job) for job in jobs]
        self._free = list(slots)
        self._slots = len(slots)
        self._logs, self._progress, self._retries = logs, progress, retries
        self._programs = {TRAINING: train, EVALUATING: evaluate}
        self._forced = {track.job.folder for track in self.tracks} if force else set()
        self._running: list[_Process] = []
        self._signals: list[int] = []
        self._stopped_by: int | None = None
        self._unwanted: set[Path] = set()

    @property
    def stopped(self) -> bool:
        """Whether a signal has stopped the launch: no more processes are started."""
        return self._stopped_by is not None

    def end(self, track: Track) -> None:
        """Stop the process of one job and do not restart it."""
        self._unwanted.add(track.job.folder)
        for process in self._running:
            if process.track is track:
                _send(process, signal.SIGTERM)

    def run(self) -> int:
        """Run until every job is over.

        Returns:
            0 if all jobs finished or diverged, 1 if others failed, 128 + the signal that stopped the launch.

        Raises:
            OutputError: the log files cannot be written.
        """
        with output_errors(self._logs):
            self._logs.mkdir(parents=True, exist_ok=True)
        for track in self.tracks:
            self._settle(track)
            track.skipped = track.state in OVER
        with _signals_into(self._signals):
            try:
                while self._work():
                    self._progress.show(self.tracks, self._slots)
                    time.sleep(POLL_S)
            finally:
                self._abandon()
        self._progress.show(self.tracks, self._slots)
        if self._stopped_by is not None:
            return 128 + self._stopped_by
        expected = (track.state in (FINISHED, DIVERGED) or track.job.folder in self._unwanted for track in self.tracks)
        return 0 if all(expected) else 1

    def _work(self) -> bool:
        """Do one round: forward signals, collect ended processes, start jobs. Return False when all jobs are over."""
        while self._signals:
            self._pass_on(self._signals.pop(0))
        for process in list(self._running):
            process.track.run = read_state(process.track.job.folder)
            if process.popen.poll() is not None:
                self._collect(process)
        for track in self.tracks:
            if self._free and not self.stopped and track.state == WAITING:
                self._start(track)
        if self.stopped:
            for track in self.tracks:
                if track.state == WAITING:
                    track.state = STOPPED
        return any(track.state not in OVER for track in self.tracks)

    def _settle(self, track: Track) -> str | None:
        """Read the job's folder and return its next stage, or None if the job is over."""
        job, track.run = track.job, read_state(track.job.folder)
        if job.folder in self._forced:
            return TRAINING
        if track.run.owner is not None:
            track.state, track.note = ELSEWHERE, f"{track.run.owner} works on it"
            return None
        if track.run.name == "diverged":
            track.state, track.note = DIVERGED, track.run.reason or ""
            return None
        if track.run.name == DAMAGED:
            track.state, track.note = FAILED, f"{track.run.reason}; force=true restarts the run"
            return None
        if track.run.name != "finished":
            return TRAINING
        if lacks_evaluation(job):
            return EVALUATING
        track.state = FINISHED
        return None

    def _start(self, track: Track) -> None:
        stage = self._settle(track)
        if stage is None:
            return
        slot = self._free.pop(0)
        job = track.job
        arguments = [f"run={job.folder}", *(job.evaluate or ())]
        if stage == TRAINING:
            arguments = train_arguments(job, slot.threads, force=job.folder in self._forced)
        if not track.seconds:  # its first process in this launch
            track.first_step = 0 if job.folder in self._forced else track.run.step
        self._forced.discard(job.folder)  # a retry resumes the run
        path = self._logs / f"{job.name}.log"
        command = [sys.executable, str(self._programs[stage]), *arguments]
        with output_errors(path):
            log = open(path, "ab")  # noqa: SIM115 - closed when the process has ended
            log.write(f"$ {shlex.join(['python', self._programs[stage].name, *arguments])}\n".encode())
            log.flush()
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(slot),
            # Its own process group: Ctrl-C reaches it once, through this launcher.
            start_new_session=True,
        )
        track.state, track.started, track.note = stage, time.monotonic(), ""
        self._running.append(_Process(track, slot, popen, log, stage))
        self._progress.say(f"{job.name}: {stage}" + (f" from step {track.run.step}" if track.run.step else ""))

    def _collect(self, process: _Process) -> None:
        """Record the result of a process that has ended."""
        track, code = process.track, process.popen.returncode
        process.log.close()
        self._running.remove(process)
        self._free.append(process.slot)
        if track.started is not None:
            track.seconds += time.monotonic() - track.started
            track.started = None
        track.state = WAITING
        if code in (0, EXIT_STATUS["diverged"]) and self._settle(track) is None:
            best = f", best {track.run.best:.4f} bits/sample" if track.run.best is not None else ""
            self._progress.say(f"{track.job.name}: {track.state}{best}" + (f" ({track.note})" if track.note else ""))
            return
        if self.stopped or track.job.folder in self._unwanted:
            track.state = STOPPED
            return
        if code == 0 and process.stage == TRAINING and track.run.name == "finished":
            return  # its evaluation comes next
        track.failures += 1
        track.run = read_state(track.job.folder)
        said = track.run.reason if track.run.name == "failed" else _last_message(self._logs / f"{track.job.name}.log")
        reason = f"exit status {code}" if code >= 0 else f"killed by signal {-code} ({signal.Signals(-code).name})"
        track.note = f"{reason}: {said}" if said else reason
        # An error that the user has to fix would occur again.
        hopeless = code == EXIT_USER_ERROR
        if hopeless or track.failures > self._retries:
            track.state = FAILED
            self._progress.say(f"{track.job.name}: failed, {track.note}; see {self._logs / track.job.name}.log")
        else:
            self._progress.say(f"{track.job.name}: {track.note}; attempt {track.failures + 1} of {self._retries + 1}")

    def _pass_on(self, number: int) -> None:
        """Forward a signal to all child processes; a second Ctrl-C stops them at once."""
        if self._stopped_by is None:
            name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
            self._progress.say(f"{name}: stopping {len(self._running)} processes; the same command resumes the study")
        self._stopped_by = self._stopped_by or number
        for process in self._running:
            _send(process, number)

    def _abandon(self) -> None:
        """Stop all processes when an error ends the launch."""
        for process in self._running:
            _send(process, signal.SIGTERM)
        for process in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(timeout=30)
            process.log.close()


def train_arguments(job: Job, threads: int, *, force: bool) -> list[str]:
    """Return the arguments of ``train.py`` for a job.

    Args:
        job: the job.
        threads: number of threads, if the job does not set it; 0 keeps the run's own setting.
        force: restart the run from step 0.
    """
    arguments = [argument for argument in job.overrides if not (force and argument.startswith("force="))]
    if threads and not any(argument.startswith("threads=") for argument in arguments):
        arguments.append(f"threads={threads}")
    return [*arguments, "force=true"] if force else arguments


def commands(job: Job, threads: int, *, force: bool = False) -> list[list[str]]:
    """Return the commands that train and evaluate one job, on any machine that has the checkout."""
    lines = [[sys.executable, str(ROOT / "train.py"), *train_arguments(job, threads, force=force)]]
    if job.evaluate is not None:
        lines.append([sys.executable, str(ROOT / "evaluate.py"), f"run={job.folder.resolve()}", *job.evaluate])
    return lines


def make_slots(jobs: int, gpus: Sequence[str], threads: int | None) -> list[Slot]:
    """Return one slot per concurrent job, with cores and GPUs divided among them.

    Args:
        jobs: number of concurrent jobs.
        gpus: as for ``CUDA_VISIBLE_DEVICES``; with several, each slot gets one, in turn.
        threads: cores to divide; None keeps the runs' own setting.
    """
    share = 0 if threads is None or jobs == 1 else max(1, threads // jobs)
    return [Slot(share, gpus[index % len(gpus)] if len(gpus) > 1 else None) for index in range(jobs)]


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Return the GPUs that runs could use, from ``CUDA_VISIBLE_DEVICES`` or else ``nvidia-smi``."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [gpu.strip() for gpu in chosen.split(",") if gpu.strip() and gpu.strip() != "-1"]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.splitlines() if line.strip().isdigit()]


def lacks_evaluation(job: Job) -> bool:
    """Return whether a finished run of this job still has to be evaluated."""
    return job.evaluate is not None and not RunFolder(job.folder).is_evaluated()


def _environment(slot: Slot) -> dict[str, str]:
    # Unbuffered output and full error messages in the logs.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "HYDRA_FULL_ERROR": "1"}
    if slot.gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = slot.gpu
    if slot.threads:
        environment |= {name: str(slot.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    return environment


def _send(process: _Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        if process.stage == EVALUATING and hasattr(os, "killpg"):
            os.killpg(process.popen.pid, number)  # evaluate.py runs a worker process
        else:
            process.popen.send_signal(number)  # train.py stops its helper processes after its checkpoint


def _last_message(path: Path) -> str:
    """Return the last error line, or else the last line, that the last process in the log printed; empty if none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    spoken = []
    for line in reversed(lines):
        if line.startswith("$ "):
            break
        if line.strip():
            spoken.append(line.strip())
    errors = [line for line in spoken if line.startswith("error:")]
    return (errors or spoken or [""])[0][:300]


@contextlib.contextmanager
def _signals_into(queue: list[int]) -> Iterator[None]:
    """Append SIGINT and SIGTERM to ``queue`` instead of ending the process."""

    def note(number: int, frame: FrameType | None) -> None:
        queue.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
