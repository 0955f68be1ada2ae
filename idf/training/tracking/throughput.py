"""Training time of a run, including resumed parts, and its speed between two measurements."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Clock:
    """Counts seconds and steps. Time spent on validation and the like does not reduce the speed.

    Args:
        seconds: training time before this process, from a checkpoint.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds
        self._start = self._since = time.perf_counter()
        self._steps = 0

    @property
    def seconds(self) -> float:
        """Wall time of the whole run so far."""
        return self._before + time.perf_counter() - self._start

    def step(self) -> None:
        """Count one step."""
        self._steps += 1

    def restart(self) -> None:
        """Start a new measurement of the speed."""
        self._since = time.perf_counter()
        self._steps = 0

    def steps_per_second(self) -> float:
        """Return the speed since :meth:`restart`; 0 before the first step."""
        passed = time.perf_counter() - self._since
        return self._steps / passed if passed > 0 else 0.0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time of the block from the speed."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._since += time.perf_counter() - begin
