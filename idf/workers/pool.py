"""Running codecs in worker processes, because one interpreter uses little more than one core.

Workers only encode and decode. Files are read and written in this process, so a killed worker leaves nothing behind.
:mod:`idf.workers.process` starts the processes, :mod:`idf.workers.serve` is what they run.
"""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from idf.coding.codec import ChunkCodec
from idf.errors import DataError, WorkerError
from idf.workers.forwarding import ForwardingCodec
from idf.workers.process import WorkerProcess, take_prepared
from idf.workers.together import Together

T = TypeVar("T")
R = TypeVar("R")

_ENDED = "the worker processes have been stopped"
_STEP_SECONDS = 0.1


class Processes:
    """A context in which codecs run in worker processes, which end with it.

    Args:
        jobs: most processes per codec. With 1, codecs run in this process, on two blocks at once if they can.
        patience: for :class:`~idf.workers.together.Together`.

    Raises:
        DataError: ``jobs`` is not a whole number of at least 1.
    """

    def __init__(self, jobs: int, patience: float = 0.0) -> None:
        if not isinstance(jobs, int | np.integer) or jobs < 1:
            raise DataError(f"jobs={jobs!r}: must be a whole number of at least 1")
        self._jobs, self._patience = jobs, patience
        self._codecs: dict[bytes, ForwardingCodec] = {}
        self._lock = threading.Lock()

    def __call__(self, codec: ChunkCodec) -> ChunkCodec:
        """Return a codec that runs ``codec`` and that any number of threads may call.

        It must be picklable if ``jobs`` is above 1.
        """
        with self._lock:
            if codec.fingerprint not in self._codecs:
                made = ProcessCodec(codec, self._jobs) if self._jobs > 1 else Together(codec, self._patience)
                self._codecs[codec.fingerprint] = made
            return self._codecs[codec.fingerprint]

    def close(self) -> None:
        """End all processes, busy or not. Calls that wait for them raise RuntimeError."""
        with self._lock:
            for codec in self._codecs.values():
                codec.close()

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class ProcessCodec(ForwardingCodec):
    """A codec that encodes and decodes in up to ``jobs`` processes. Any number of threads may call it.

    A process is started when there is work and all others are busy. If one is killed, the call that it worked for
    raises WorkerError, and it is replaced when there is more work.

    Args:
        codec: a picklable codec.
        jobs: most processes.
    """

    def __init__(self, codec: ChunkCodec, jobs: int) -> None:
        super().__init__(codec)
        self._packed = pickle.dumps(codec)
        self._free = threading.Semaphore(jobs)
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._closed = False

    def close(self) -> None:
        """See :meth:`Processes.close`."""
        with self._lock:
            self._closed = True
            for worker in self._busy:  # the threads that wait for them clean up
                worker.kill()
            while self._idle:
                self._idle.pop().end()

    def _ask(self, way: str, *arguments: Any) -> Any:
        with self._free:
            worker = self._take()
            try:
                return worker.ask(way, *arguments)
            except WorkerError:
                if self._closed:
                    raise RuntimeError(_ENDED) from None
                raise
            finally:
                self._give_back(worker)

    def _take(self) -> WorkerProcess:
        with self._lock:
            if self._closed:
                raise RuntimeError(_ENDED)
            worker = self._idle.pop() if self._idle else take_prepared() or WorkerProcess()
            if not worker.is_alive:
                worker.end()
                worker = WorkerProcess()
            worker.packed_codec = self._packed
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._busy.remove(worker)
            if worker.is_usable and not self._closed:
                self._idle.append(worker)
            else:
                worker.end()


def awaited(future: Future[R]) -> R:
    """Wait for a future and return its result, in steps after which Python handles signals.

    The kernel may deliver a signal to another thread. The main thread, whose handler reacts to it, then sleeps on.
    """
    while not wait([future], _STEP_SECONDS).done:
        pass
    return future.result()


def ordered_map(function: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[R]:
    """Map a function over items in order, with ``jobs`` threads and one more that prepares the next block.

    With one job, everything runs in the calling thread.
    """
    if jobs <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(jobs + 1) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > jobs + 1:
                    yield awaited(waiting.popleft())
            while waiting:
                yield awaited(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()
