"""Ctrl-C and SIGTERM as requests to stop, which the loop honours between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """A request to stop the run and its kind; false until there is one."""

    def __init__(self) -> None:
        self.status: str | None = None
        """``interrupted`` (Ctrl-C), ``preempted`` (SIGTERM) or None."""

    def __bool__(self) -> bool:
        return self.status is not None

    def request(self, status: str) -> None:
        """Request a stop with this status; the first request decides."""
        self.status = self.status or status


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; a second Ctrl-C stops at once (KeyboardInterrupt).

    The first SIGINT after a SIGTERM changes nothing, so that a run still writes its checkpoint if both W&B's agent
    and its library stop it.
    """
    stop = StopRequest()
    interrupts = 0
    if threading.current_thread() is not threading.main_thread():  # Python allows handlers only in the main thread
        yield stop
        return

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            raise KeyboardInterrupt
        stop.request("interrupted")

    def preempted(number: int, frame: FrameType | None) -> None:
        stop.request("preempted")

    before = {signal.SIGINT: signal.signal(signal.SIGINT, interrupted)}
    before[signal.SIGTERM] = signal.signal(signal.SIGTERM, preempted)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
