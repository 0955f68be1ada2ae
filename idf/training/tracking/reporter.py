"""Reporting of measurements to the JSONL history, then to the trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from idf.audio.pcm import write_wav16
from idf.runs.run import Run
from idf.training.tracking.trackers import Tracker


class Reporter:
    """Writes to a run's history and its trackers."""

    def __init__(self, run: Run, trackers: Sequence[Tracker]) -> None:
        self._run = run
        self._trackers = tuple(trackers)

    def record(self, kind: str, step: int, seconds: float, figures: Mapping[str, float], **facts: Any) -> None:
        """Log figures of one kind (``train``, ``validation`` or ``coded``); ``facts`` go to the history only."""
        self._run.history.append({"step": step, "seconds": round(seconds, 3), "kind": kind, **figures, **facts})
        for tracker in self._trackers:
            tracker.scalars(step, {f"{kind}/{name}": value for name, value in figures.items()})

    def event(self, step: int, seconds: float, event: str, **facts: Any) -> None:
        """Record an event, in the history only."""
        self._run.history.append({"step": step, "seconds": round(seconds, 3), "kind": "event", "event": event, **facts})

    def audio(self, step: int, name: str, samples: np.ndarray, rate_hz: int) -> None:
        """Write a clip, int32 (time,) or (time, channels) with 16-bit values, to ``samples/<name>-<step>.wav``."""
        self._run.samples.mkdir(parents=True, exist_ok=True)
        write_wav16(self._run.samples / f"{name}-{step:08d}.wav", samples, rate_hz)
        for tracker in self._trackers:
            tracker.audio(step, f"audio/{name}", samples, rate_hz)
