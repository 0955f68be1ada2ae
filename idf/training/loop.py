"""The training loop: steps, and between them logging, validation, coding checks, audio and checkpoints.

:mod:`idf.training.session` supplies the model, the data and the run's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from idf.config import Config, to_plain
from idf.datasets.dataset import Dataset, spread
from idf.runs.checkpoints import Checkpoint
from idf.runs.run import EXIT_STATUS, Run
from idf.training.coding_check import coded_size, export_model
from idf.training.divergence import DivergenceGuard
from idf.training.families.interface import Family
from idf.training.framework import peak_device_memory_mib
from idf.training.schedules import learning_rate_schedule, sharpness_schedule
from idf.training.signals import StopRequest
from idf.training.state import TrainingState
from idf.training.step import StepResult, TrainingStep
from idf.training.tracking.profile import StepProfiler
from idf.training.tracking.progress import SAMPLE_BITS, Display
from idf.training.tracking.reporter import Reporter
from idf.training.tracking.throughput import Clock
from idf.workers.memory import peak_memory_mib

if TYPE_CHECKING:
    import tensorflow as tf


DRAWN_SECONDS = 2


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: str
    """``finished``, ``diverged``, ``interrupted`` or ``preempted``."""
    step: int
    best: float | None
    """Bits per dimension of the best validation; None without one."""
    reason: str | None = None
    wanted: bool = False
    """Whether a tracker's server asked for the stop, so that it is no failure."""

    @property
    def exit_status(self) -> int:
        """Exit status of the program."""
        return 0 if self.wanted else EXIT_STATUS[self.status]


@dataclass
class Position:
    """The position of a run, stored in checkpoints."""

    step: int = 0
    best: float | None = None
    best_step: int | None = None
    done: dict[str, int] = field(default_factory=dict)
    """The last step at which each kind of milestone was done."""
    losses: list[float] = field(default_factory=list)
    """Bits per dimension of each step since the last log record."""


class Loop:
    """Trains one run from its first (or next) step to its end.

    Args:
        config, family, state, dataset: settings, model and data of the run.
        step: performs one optimiser step on ``state``.
        run, reporter, display: receive the results.
        stop: checked between steps.
        tracker_id: stored in checkpoints, so that a resumed run logs to the same W&B run.
    """

    def __init__(
        self,
        config: Config,
        family: Family,
        state: TrainingState,
        dataset: Dataset,
        step: TrainingStep,
        *,
        run: Run,
        reporter: Reporter,
        display: Display,
        stop: StopRequest,
        tracker_id: str | None = None,
    ) -> None:
        self._config, self._settings, self._family = config, config.training, family
        self._state, self._dataset, self._run = state, dataset, run
        self._reporter, self._display, self._stop, self._tracker_id = reporter, display, stop, tracker_id
        self._rate = learning_rate_schedule(config.optimizer, self._settings.steps)
        self._schedule = sharpness_schedule(config.sharpness, self._settings.steps)
        self._batch = self._settings.batch_samples // config.model.window
        self._step = step
        self._scorer = family.scorer(state.weights)
        self._validation_clips = spread(dataset.validation, self._settings.validate_clips)
        self._coded_clips = spread(self._validation_clips, self._settings.code_clips)
        self.position = Position()
        self._guard = DivergenceGuard(self._settings.diverged_bits)
        self._clock = Clock()
        self._result: StepResult | None = None
        self._profiler: StepProfiler | None = None
        self._unread: list[tf.Tensor] = []
        self._reason: str | None = None
        """Why the run has diverged."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Resume from a checkpoint as if the run had never stopped."""
        self._state.restore(checkpoint)
        meta = checkpoint.meta
        self.position = Position(checkpoint.step, meta["best"], meta["best_step"], dict(meta["done"]), meta["losses"])
        self._guard = DivergenceGuard(self._settings.diverged_bits, **meta["guard"])
        self._clock = Clock(meta["seconds"])

    def fit(self, batches: Iterable[tf.Tensor]) -> Outcome:
        """Train until the last step, a request to stop, or divergence.

        Args:
            batches: of all steps from :attr:`position` to the last; int32 (batch, window) for window flows.
        """
        # The run may have been stopped between a step and its milestones.
        outcome = self._milestones() if self.position.step else None
        if outcome is not None:
            return outcome
        if self._config.profile:
            self._profiler = StepProfiler(self._run.folder, self.position.step, self._settings.steps)
        if self._settings.compile:
            self._display.say("compiling the training step")
        self._clock.restart()
        for windows in batches:
            self._advance(windows)
            outcome = self._milestones()
            if outcome is not None:
                return outcome
        raise RuntimeError(f"the batches ended at step {self.position.step} of {self._settings.steps}")

    def _advance(self, windows: tf.Tensor) -> None:
        """Do one step. Its result stays on the device, because reading it would delay the next step."""
        step = self.position.step
        first = self._result is None
        self._result = self._traced(step, lambda: self._step(windows, self._rate.at(step), self._sharpness(step)))
        self._unread.append(self._result.loss)
        self.position.step = step + 1
        self._clock.step()
        if first:
            # Reading the loss waits for the compilation, which should not count towards the speed of training.
            began = float(self._result.loss)
            self._read_losses()
            if self._settings.compile:
                self._display.say(f"compiled; step {step + 1}/{self._settings.steps}  {began:.3f} bits/sample")
            self._clock.restart()

    def _traced(self, step: int, work: Callable[[], StepResult]) -> StepResult:
        if self._profiler is None:
            return work()
        if step == self._profiler.at:
            self._read_losses()  # waits for earlier steps, which do not belong in the trace
        result = self._profiler(step, work, lambda done: float(done.loss))
        if step == self._profiler.at:
            self._display.say(f"step {step + 1} traced: tensorboard --logdir {self._profiler.folder}")
        return result

    def _milestones(self) -> Outcome | None:
        """Do everything due after this step, the checkpoint last; return the outcome if the run has ended."""
        settings = self._settings
        if self._due("log", settings.log_every):
            self._log()
        measuring = (
            ("validate", settings.validate_every, self._validate),
            ("code", settings.code_every, self._code),
            ("audio", settings.audio_every, self._audio),
        )
        save = self._stop or self._due("save", settings.checkpoint_every)
        if save or any(self._due(name, every) for name, every, _ in measuring):
            self._read_losses()
        if self._reason is not None:
            self._reporter.event(self.position.step, self._clock.seconds, "diverged", reason=self._reason)
            return Outcome("diverged", self.position.step, self.position.best, self._reason)
        for name, every, measure in measuring:
            if self._due(name, every) and not self._stop:
                with self._clock.paused():
                    if measure(self._sharpness(self.position.step - 1)):
                        self.position.done[name] = self.position.step
        if self._stop or self._due("save", settings.checkpoint_every):
            with self._clock.paused():
                self.position.done["save"] = self.position.step
                self._run.checkpoints.save(self._snapshot())
        if self._stop:
            return Outcome(str(self._stop.status), self.position.step, self.position.best)
        if self.position.step == settings.steps:
            return Outcome("finished", self.position.step, self.position.best)
        return None

    def _due(self, name: str, every: int) -> bool:
        """Return whether this step is the last or a multiple of ``every`` (0 for never), and not done yet."""
        step = self.position.step
        return bool(
            every and (step % every == 0 or step == self._settings.steps) and self.position.done.get(name, 0) < step
        )

    def _sharpness(self, step: int) -> float | None:
        return None if self._schedule is None else self._schedule.at(step)

    # -- milestones: each measurement returns whether it completed --

    def _log(self) -> None:
        assert self._result is not None
        self._read_losses()
        position = self.position
        bits = float(np.mean(position.losses))
        log_scales = self._result.log_scales.numpy()
        speed = self._clock.steps_per_second() * self._batch * self._config.model.window
        sharpness = self._sharpness(position.step - 1)
        figures = {
            "loss": bits,
            "compression_ratio": _ratio(bits),
            # A learned sharpness is the log-scale of the last block, which is the same for all its latents.
            "sharpness": float(log_scales[-1, 0]) if sharpness is None else sharpness,
            "learning_rate": self._rate.at(position.step - 1),
            "gradient_norm": float(self._result.gradient_norm),
            "samples_per_second": round(speed, 1),
        }
        memory = _memory()
        figures |= memory
        for block, row in zip(self._step.block_names, log_scales.tolist(), strict=True):
            figures |= {f"log_scale/{block}/{kind}": x for kind, x in zip(("mean", "max", "min"), row, strict=True)}
        self._reporter.record("train", position.step, self._clock.seconds, figures)
        self._display.train(position.step, bits, speed)
        self._write_status(**memory)
        position.losses = []
        position.done["log"] = position.step
        self._clock.restart()

    def _validate(self, sharpness: float | None) -> bool:
        position = self.position
        if not self._validation_clips:
            self._export(self._run.model_path, sharpness)
            return True
        bits = self._scorer.bits_per_sample(self._validation_clips, sharpness, lambda: bool(self._stop))
        if bits is None:
            return False
        if position.best is None or bits < position.best:  # false for NaN
            position.best, position.best_step = bits, position.step
            self._run.checkpoints.save_best(self._snapshot())
            self._export(self._run.model_path, sharpness)
        figures = {"bits_per_dim": bits, "compression_ratio": _ratio(bits)}
        self._record("validation", figures, clips=len(self._validation_clips))
        self._write_status()
        self._display.validation(position.step, bits, position.best)
        return True

    def _code(self, sharpness: float | None) -> bool:
        if not self._coded_clips:
            return True
        path = self._run.folder / "now.idfm"
        try:
            self._export(path, sharpness)
            size = coded_size(path, self._config.coder, self._dataset, self._coded_clips, lambda: bool(self._stop))
        finally:
            path.unlink(missing_ok=True)
        # −log2 p of the coded clips, which should almost equal their coded size.
        likelihood = self._scorer.bits_per_sample(self._coded_clips, sharpness, lambda: bool(self._stop))
        if size is None or likelihood is None:
            return False
        bits = size.bits_per_sample
        figures = {"bits_per_dim": bits, "compression_ratio": _ratio(bits)}
        count = len(self._coded_clips)
        self._record("coded", {**figures, "likelihood_bits_per_dim": likelihood}, clips=count)
        self._display.say(
            f"step {self.position.step}: coded {count} of {len(self._validation_clips)} validation clips to "
            f"{bits:.3f} bits/sample, ratio {_ratio(bits):.3f} (likelihood: {likelihood:.3f} bits/sample)"
        )
        return True

    def _audio(self, sharpness: float | None) -> bool:
        if not self._coded_clips:
            return True
        step = self.position.step
        pcm = self._dataset.read(self._coded_clips[0])
        self._reporter.audio(step, "input", pcm.samples, pcm.rate_hz)
        count = min(len(pcm.samples), DRAWN_SECONDS * pcm.rate_hz)
        drawn = self._family.draw(self._weights(), count, step, sharpness)
        self._reporter.audio(step, "drawn", drawn, pcm.rate_hz)
        return True

    # -- helpers --

    def _write_status(self, **facts: float) -> None:
        position, steps = self.position, self._settings.steps
        self._run.write_status("running", step=position.step, steps=steps, best=position.best, **facts)

    def _read_losses(self) -> None:
        losses = [float(loss) for loss in self._unread]
        self._unread = []
        self.position.losses += losses
        self._reason = self._reason or self._guard.update(losses)

    def _record(self, kind: str, figures: dict[str, float], **facts: int) -> None:
        self._reporter.record(kind, self.position.step, self._clock.seconds, figures, **facts)

    def _weights(self) -> dict[str, np.ndarray]:
        return {name: variable.numpy() for name, variable in self._state.weights.items()}

    def _export(self, path: Path, sharpness: float | None) -> None:
        facts = {"step": self.position.step, "validation_bits_per_dim": self.position.best}
        export_model(path, self._family.model, self._weights(), sharpness, self._config, facts)

    def _snapshot(self) -> Checkpoint:
        position = self.position
        meta = {
            "config": to_plain(self._config),
            "seed": self._config.seed,
            "seconds": self._clock.seconds,
            "best": position.best,
            "best_step": position.best_step,
            "done": dict(position.done),
            "losses": list(position.losses),
            "log_scale": self._sharpness(position.step - 1),
            "guard": {"smoothed": self._guard.smoothed, "steps": self._guard.steps},
            "tracker_id": self._tracker_id,
        }
        return self._state.snapshot(position.step, self._family.model.constants, meta)


def _memory() -> dict[str, float]:
    """Return the peak memory of this process and of its GPUs in MiB, as far as known."""
    peaks = {"peak_memory_mib": peak_memory_mib(), "peak_gpu_memory_mib": peak_device_memory_mib()}
    return {name: round(peak, 1) for name, peak in peaks.items() if peak is not None}


def _ratio(bits: float) -> float:
    return SAMPLE_BITS / bits if bits > 0 else float("nan")
