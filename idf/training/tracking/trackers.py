"""Trackers that log a run besides its own JSONL file: Weights & Biases and TensorBoard.

A tracker never stops a run: after its first failure, which is reported, it is ignored. None of them prompts, and
none needs a network.
"""

from __future__ import annotations

import contextlib
import netrc
import os
import urllib.parse
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from idf.config import Config, signature, to_plain
from idf.config.identity import run_name, setting_name
from idf.runs.run import Run
from idf.training.tracking.wandb_environment import with_environment

_NETWORK_PATIENCE_S = 30
"""Time that an online run waits for the server before it continues offline."""


class Tracker(Protocol):
    """Logs one run."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers, named as ``kind/name``."""

    def audio(self, step: int, name: str, samples: np.ndarray, rate_hz: int) -> None:
        """Log one clip: int32 (time,) or (time, channels), 16-bit values."""

    def asked_to_stop(self) -> bool:
        """Return whether this tracker asked for the run to stop, for example because a sweep ended it early."""

    def preempted(self) -> None:
        """Record that the run lost its machine and should be restarted elsewhere."""

    def finish(self, exit_status: int, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        """Log the run's exit status, its final numbers and the files to upload, and close."""


def open_trackers(config: Config, run: Run, tracker_id: str | None) -> tuple[list[Tracker], str | None]:
    """Open the trackers that ``config.tracker`` selects.

    Args:
        tracker_id: id of the W&B run to resume, from a checkpoint.

    Returns:
        The trackers and the id of the W&B run, None without one.
    """
    trackers: list[Tracker] = []
    identity = tracker_id
    if config.tracker.tensorboard:
        trackers.append(_Shielded(TensorBoardTracker(run), "TensorBoard"))
    if config.tracker.wandb:
        try:
            wandb_tracker = WandbTracker(config, run, tracker_id)
        except Exception as error:  # Training must not depend on W&B.
            _warn("Weights & Biases", error)
        else:
            trackers.append(_Shielded(wandb_tracker, "Weights & Biases"))
            identity = wandb_tracker.id
    return trackers, identity


class TensorBoardTracker:
    """Logs scalars and audio to ``tensorboard/`` in the run's folder."""

    def __init__(self, run: Run) -> None:
        from idf.quiet_tensorflow import tf

        self._writer = tf.summary.create_file_writer(str(run.folder / "tensorboard"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        from idf.quiet_tensorflow import tf

        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

    def audio(self, step: int, name: str, samples: np.ndarray, rate_hz: int) -> None:
        from idf.quiet_tensorflow import tf

        wave = samples.reshape(1, len(samples), -1).astype(np.float32) / 2**15
        with self._writer.as_default():
            tf.summary.audio(name, tf.constant(wave), rate_hz, step=step, encoding="wav")

    def asked_to_stop(self) -> bool:
        return False

    def preempted(self) -> None:
        pass

    def finish(self, exit_status: int, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        self._writer.close()


class WandbTracker:
    """Logs to Weights & Biases: online if the user is logged in, otherwise to offline files for ``wandb sync``."""

    def __init__(self, config: Config, run: Run, tracker_id: str | None) -> None:
        import wandb

        self._wandb = wandb
        try:
            self._run = self._init(config, run, tracker_id, config.tracker.mode or wandb_mode())
        except wandb.Error:
            # Logged in, but the server does not answer; offline files can be uploaded later.
            self._run = self._init(config, run, tracker_id, "offline")
        # The x-axis is the training step instead of wandb's count of calls, which restarts in a resumed run.
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")
        for name in ("validation/bits_per_dim", "coded/bits_per_dim", "train/loss"):
            self._run.define_metric(name, step_metric="step", summary="min")
        for name in ("validation/compression_ratio", "coded/compression_ratio", "train/compression_ratio"):
            self._run.define_metric(name, step_metric="step", summary="max")

    @property
    def id(self) -> str:
        """Id of the W&B run, with which a resumed run logs to the same one."""
        return str(self._run.id)

    def _init(self, config: Config, run: Run, tracker_id: str | None, mode: str) -> Any:
        tracker = config.tracker
        settings = self._wandb.Settings(
            silent=True, quiet=True, console="off", init_timeout=_NETWORK_PATIENCE_S, login_timeout=_NETWORK_PATIENCE_S
        )
        with _without_warnings():
            return self._wandb.init(
                mode=cast(Any, mode),
                dir=tracker.dir or run.folder,
                project=tracker.project,
                entity=tracker.entity,
                group=tracker.group or f"{setting_name(config)} {signature(config)}",
                tags=_tags(config),
                name=tracker.name or run_name(config),
                job_type=tracker.job_type,
                notes=tracker.notes,
                id=tracker_id,
                resume="allow" if tracker_id else None,
                config=to_plain(config),
                settings=settings,
            )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({"step": step, **values})

    def audio(self, step: int, name: str, samples: np.ndarray, rate_hz: int) -> None:
        with _without_warnings():
            wave = self._wandb.Audio(samples.astype(np.float32) / 2**15, sample_rate=rate_hz)
        self._run.log({"step": step, name: wave})

    def asked_to_stop(self) -> bool:
        if self._run.offline:
            return False
        try:  # Undocumented, but the only call that distinguishes a stopped run from one that lost its machine.
            from wandb.sdk.launch.api import LaunchApi

            return bool(LaunchApi().check_stop_requested(self._run.project, self._run.entity, self._run.id))
        except Exception:
            return False

    def preempted(self) -> None:
        self._run.mark_preempting()

    def finish(self, exit_status: int, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        self._run.summary.update(dict(summary))
        present = [path for path in files if path.exists()]
        if present:
            artifact = self._wandb.Artifact(f"model-{self._run.id}", type="model", metadata=dict(summary))
            for path in present:
                artifact.add_file(str(path))
            self._run.log_artifact(artifact)
        self._run.finish(exit_code=exit_status)


def _tags(config: Config) -> list[str]:
    """Return the tags of a run: study, size, layout, permutation, sharpness, data set, and those of the user."""
    parts = [config.study, *setting_name(config).split("-"), config.data.name, *config.tracker.tags]
    return list(dict.fromkeys(parts))


def log_table(run: Run, config: Config, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add a table of results (and its artifact) to a finished run's W&B run, if it has one.

    Args:
        name: of the table, such as ``evaluation``.
        rows: plain values, one list per row.
    """
    identity = run.status().get("tracker_id")
    if not (config.tracker.wandb and identity):
        return
    try:
        settings = with_environment(config.tracker, (), os.environ)
        tracker = WandbTracker(replace(config, tracker=settings), run, identity)
        table = tracker._wandb.Table(columns=list(columns), data=[list(row) for row in rows])
        tracker._run.log({name: table})
        tracker._run.finish(exit_code=0)
    except Exception as error:  # As above, results must not depend on W&B.
        _warn("Weights & Biases", error)


def wandb_mode() -> str:
    """Return ``WANDB_MODE`` if it is set, otherwise ``online`` if this machine has an API key, otherwise ``offline``.

    Only the presence of a key is tested. It is not verified, so this never waits for a network.
    """
    if chosen := os.environ.get("WANDB_MODE"):
        return chosen
    if os.environ.get("WANDB_API_KEY"):
        return "online"
    host = urllib.parse.urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    path = Path(os.environ.get("NETRC", Path.home() / ("_netrc" if os.name == "nt" else ".netrc")))
    try:
        return "online" if host and host in netrc.netrc(str(path)).hosts else "offline"
    except (OSError, netrc.NetrcParseError):
        return "offline"


class _Shielded:
    """Wraps a tracker: reports its first failure and drops all later calls."""

    def __init__(self, tracker: Tracker, name: str) -> None:
        self._tracker: Tracker | None = tracker
        self._name = name

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._try(lambda tracker: tracker.scalars(step, values))

    def audio(self, step: int, name: str, samples: np.ndarray, rate_hz: int) -> None:
        self._try(lambda tracker: tracker.audio(step, name, samples, rate_hz))

    def asked_to_stop(self) -> bool:
        return self._tracker is not None and self._tracker.asked_to_stop()

    def preempted(self) -> None:
        self._try(lambda tracker: tracker.preempted())

    def finish(self, exit_status: int, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        self._try(lambda tracker: tracker.finish(exit_status, summary, files))

    def _try(self, call: Callable[[Tracker], None]) -> None:
        if self._tracker is None:
            return
        try:
            call(self._tracker)
        except Exception as error:
            self._tracker = None
            _warn(self._name, error)


def _warn(name: str, error: Exception) -> None:
    print(f"{name} failed and is disabled for this run: {error}")


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Suppress deprecation warnings of wandb and its dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
