"""One training step under TensorFlow's profiler, for ``tensorboard --logdir`` (plugin ``tensorboard-plugin-profile``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

WARM_UP_STEPS = 10
"""Steps before the traced one: compiling, the first batches and the allocator's growth are over by then."""


class StepProfiler:
    """Traces the step numbered ``at``, and no other.

    Args:
        folder: of the run; the trace goes to ``plugins/profile/`` of its ``tensorboard/``.
        first: the step that this process begins with.
        steps: of the run; a short one is traced at its last step.
    """

    def __init__(self, folder: Path, first: int, steps: int) -> None:
        self.folder = folder / "tensorboard"
        self.at = min(first + WARM_UP_STEPS, steps - 1)

    def __call__(self, step: int, work: Callable[[], T], wait: Callable[[T], Any]) -> T:
        """Do ``work``; if ``step`` is the one to trace, under the profiler and until ``wait`` has its result."""
        if step != self.at:
            return work()
        from idf.quiet_tensorflow import tf

        with tf.profiler.experimental.Profile(str(self.folder)), tf.profiler.experimental.Trace("train", step_num=step):
            result = work()
            wait(result)
        return result
