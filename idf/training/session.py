"""One run from its locked folder to its final status: resume, train, record the outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from idf.config import Config
from idf.datasets.cache import trim
from idf.datasets.dataset import Dataset
from idf.models.build import build_model
from idf.models.interface import Model
from idf.runs.checkpoints import Checkpoint, load_checkpoint
from idf.runs.run import EXIT_STATUS, Run
from idf.training.coding_check import export_model
from idf.training.devices import Devices
from idf.training.families.interface import Family, cache_folder
from idf.training.framework import gpu_models
from idf.training.loop import Loop, Outcome
from idf.training.signals import stop_on_signals
from idf.training.state import TrainingState
from idf.training.tracking.progress import open_display
from idf.training.tracking.reporter import Reporter
from idf.training.tracking.trackers import Tracker, open_trackers

if TYPE_CHECKING:
    import tensorflow as tf


def ended(run: Run) -> int | None:
    """Report a run that has already ended and return its exit status; return None if it can start or resume."""
    status = run.status()
    step = status.get("step", 0)
    match status.get("status"):
        case "finished":
            best = f", best {status['best']:.3f} bits/sample" if status.get("best") is not None else ""
            print(f"{run.folder} is finished (step {step}{best}); force=true starts it over")
        case "diverged":
            print(f"{run.folder} diverged at step {step}: {status.get('reason')}; force=true starts it over")
        case _:
            return None
    return EXIT_STATUS[status["status"]]


def resume_point(run: Run) -> Checkpoint | None:
    """Return the checkpoint to resume from, or None without any, and truncate the history to it.

    Raises:
        RunError: there are checkpoints, but none of them can be read.
    """
    checkpoint, damaged = run.checkpoints.latest()
    for sentence in damaged:
        print(f"{sentence}: using the previous checkpoint")
    run.history.truncate_after(checkpoint.step if checkpoint else -1)
    return checkpoint


def fit(config: Config, model: Model, dataset: Dataset, run: Run, checkpoint: Checkpoint | None) -> Outcome:
    """Train ``model`` from the start or from ``checkpoint``, and record the outcome.

    Raises:
        DataError: the training clips cannot be used.
        OutputError: a file cannot be written, for example because the disk is full.
    """
    from idf.training.families.load import family_of  # deferred: loads TensorFlow, which needs its set-up first

    devices = Devices(config)
    with stop_on_signals() as stop, devices.scope():
        first = checkpoint.step if checkpoint else 0
        family = family_of(config, model, dataset)
        # A resumed run reads the values from the checkpoint and needs only names and shapes here.
        parameters = model.initial_parameters(config.seed) if checkpoint else family.start()
        state = TrainingState(parameters, config.optimizer)
        batches = _batches(config, family, first)
        for sentence in trim(cache_folder(config), config.data.cache_gb * 1e9):
            print(sentence)
        trackers, tracker_id = open_trackers(config, run, checkpoint.meta["tracker_id"] if checkpoint else None)
        status, exit_status = "failed", EXIT_STATUS["failed"]
        outcome: Outcome | None = None
        display = open_display(first, config.training.steps)
        try:
            run.write_status("running", tracker_id=tracker_id, gpus=gpu_models(config))
            loop = Loop(
                config,
                family,
                state,
                dataset,
                devices.step(family.bits, state),
                run=run,
                reporter=Reporter(run, trackers),
                display=display,
                stop=stop,
                tracker_id=tracker_id,
            )
            if checkpoint:
                loop.restore(checkpoint)
                display.say(f"resuming {run.folder} at step {first}")
            else:
                display.say(f"training {run.folder}")
            outcome = _judged(loop.fit(batches), trackers)
            status, exit_status = outcome.status, outcome.exit_status
            display.say(_farewell(outcome, run))
            return outcome
        finally:
            display.close()
            if outcome is not None:
                run.write_status(status, step=outcome.step, best=outcome.best, **_reason(outcome))
            summary = {"status": status} | ({"best_bits_per_dim": outcome.best} if outcome and outcome.best else {})
            for tracker in trackers:
                if status == "preempted" and exit_status:
                    tracker.preempted()
                tracker.finish(exit_status, summary, [run.checkpoints.best_path, run.model_path])


def _batches(config: Config, family: Family, first: int) -> tf.data.Dataset:
    """Return the batches starting at step ``first``."""
    if config.training.one_batch:
        return family.batches(0).take(1).repeat(config.training.steps - first)
    return family.batches(first)


def export(config: Config, run: Run) -> None:
    """Write ``model.idfm`` from the best checkpoint and the plots of the history, as far as these exist."""
    best = run.checkpoints.best_path
    if best.exists():
        checkpoint = load_checkpoint(best)
        model = build_model(config, checkpoint.constants)
        facts = {"step": checkpoint.step, "validation_bits_per_dim": checkpoint.meta["best"]}
        export_model(run.model_path, model, checkpoint.weights, checkpoint.meta["log_scale"], config, facts)
    if run.history.path.exists():
        from idf.runs.curves import plot_history

        plot_history(run.history.path, run.plots)


def _judged(outcome: Outcome, trackers: list[Tracker]) -> Outcome:
    """Return the outcome, marked as ``wanted`` if a tracker's server stopped the run.

    Otherwise an agent would count the runs that a sweep ends early as failures and give up the sweep.
    """
    if outcome.status not in ("preempted", "interrupted") or not any(tracker.asked_to_stop() for tracker in trackers):
        return outcome
    return replace(outcome, reason="stopped early by the sweep or on the run's W&B page", wanted=True)


def _reason(outcome: Outcome) -> dict[str, str]:
    return {"reason": outcome.reason} if outcome.reason else {}


def _farewell(outcome: Outcome, run: Run) -> str:
    best = f"best {outcome.best:.3f} bits/sample on validation" if outcome.best is not None else "not yet validated"
    match outcome.status:
        case "finished":
            return f"finished at step {outcome.step}, {best}: {run.folder}"
        case "diverged":
            return f"diverged at step {outcome.step}: {outcome.reason}; {best}: {run.folder}"
    why = f" ({outcome.reason})" if outcome.reason else ""
    return f"{outcome.status} at step {outcome.step}{why}, {best}; the same command resumes it: {run.folder}"
