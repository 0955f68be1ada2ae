"""Profiling of one training step, for ``tensorboard --logdir`` with the plugin ``tensorboard-plugin-profile``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

WARM_UP_STEPS = 10
"""Steps before the traced one; by then compilation, the first batches and the growth of memory are over."""


class StepProfiler:
    """Traces only the step numbered ``at``.

    Args:
        folder: of the run; the trace is written to ``tensorboard/plugins/profile/`` in it.
        first: first step of this process.
        steps: length of the run; short runs are traced at their last step.
    """

    def __init__(self, folder: Path, first: int, steps: int) -> None:
        self.folder = folder / "tensorboard"
        self.at = min(first + WARM_UP_STEPS, steps - 1)

    def __call__(self, step: int, work: Callable[[], T], wait: Callable[[T], Any]) -> T:
        """Return the result of ``work``. If ``step`` is the traced one, profile it until ``wait`` returns."""
        if step != self.at:
            return work()
        from idf.quiet_tensorflow import tf

        with tf.profiler.experimental.Profile(str(self.folder)), tf.profiler.experimental.Trace("train", step_num=step):
            result = work()
            wait(result)
        return result
