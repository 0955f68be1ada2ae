"""Codecs at work in processes of their own, because one interpreter computes on little more than one core.

Only encoding and decoding go there; files are read and written here, so that a worker that is killed
leaves nothing behind. Workers are fresh interpreters, not forks, and do not run the caller's main
module again: a script needs no ``if __name__ == "__main__"``. They end with this process, however it
ends. What they do is in :mod:`idf.coding.worker`.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any

import numpy as np

from idf.coding.planes import ChunkCodec
from idf.errors import WorkerError

_START = "import sys; sys.path[:] = {path!r}; from idf.coding.worker import main; main()"
_ENDED = "the worker processes were ended"


class Processes:
    """A context in which codecs work in other processes, up to ``jobs`` for each; they end with it.

    Args:
        jobs: with 1, codecs work in this process.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._codecs: dict[bytes, ProcessCodec] = {}
        self._lock = threading.Lock()

    def __call__(self, codec: ChunkCodec) -> ChunkCodec:
        """The codec as it works here. It must pickle if there are several jobs."""
        if self._jobs <= 1:
            return codec
        with self._lock:
            if codec.fingerprint not in self._codecs:
                self._codecs[codec.fingerprint] = ProcessCodec(codec, self._jobs)
            return self._codecs[codec.fingerprint]

    def close(self) -> None:
        """End all processes, busy or not; calls that wait for them end with a RuntimeError."""
        with self._lock:
            for codec in self._codecs.values():
                codec.close()

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class ProcessCodec:
    """A codec that encodes and decodes in up to ``jobs`` processes, for as many threads or more.

    A process is started when there is work and all others are busy. One that was killed costs the
    block it had, and is replaced when there is more to do.

    Args:
        codec: must pickle.
    """

    def __init__(self, codec: ChunkCodec, jobs: int) -> None:
        self.fingerprint, self.chunk_samples = codec.fingerprint, codec.chunk_samples
        self.joins_channels = codec.joins_channels
        self._packed = pickle.dumps(codec)
        self._free = threading.Semaphore(jobs)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False

    def encode(self, samples: np.ndarray) -> bytes:
        """See :class:`idf.coding.planes.ChunkCodec`. Raises WorkerError where the process was killed."""
        return bytes(self._ask("encode", samples))

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """See :class:`idf.coding.planes.ChunkCodec`. Raises WorkerError where the process was killed."""
        samples: np.ndarray = self._ask("decode", data, count, channels)
        return samples

    def close(self) -> None:
        """See :meth:`Processes.close`."""
        with self._lock:
            self._closed = True
            for worker in self._busy:  # the threads that wait for them do the rest
                worker.kill()
            while self._idle:
                self._idle.pop().end()

    def _ask(self, *request: object) -> Any:
        with self._free:
            worker = self._take()
            try:
                return worker.ask(*request)
            except WorkerError:
                if self._closed:
                    raise RuntimeError(_ENDED) from None
                raise
            finally:
                self._give_back(worker)

    def _take(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError(_ENDED)
            worker = self._idle.pop() if self._idle else _Worker(self._packed)
            if not worker.is_alive:
                worker.end()
                worker = _Worker(self._packed)
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.remove(worker)
            if worker.is_usable and not self._closed:
                self._idle.append(worker)
            else:
                worker.end()


class _Worker:
    """One process. For one thread at a time, but for :meth:`kill`.

    Args:
        packed: its codec, pickled; sent with the first request, since starting takes a while.

    Attributes:
        is_usable: whether it answered all that it was asked.
    """

    def __init__(self, packed: bytes) -> None:
        start = _START.format(path=sys.path)
        self._process = subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._packed: bytes | None = packed
        self.is_usable = True

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, *request: object) -> Any:
        """The answer to a request. Raises what the codec raised, or WorkerError where the process was killed."""
        if self._packed is not None:
            self._exchange("codec", self._packed)
            self._packed = None
        return self._exchange(*request)

    def kill(self) -> None:
        """Stop it at once, whatever it does."""
        self._process.kill()

    def end(self) -> None:
        """Stop it, and forget about it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # what could not be sent any more
                continue

    def _exchange(self, *request: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.is_usable = False  # until it has answered
        try:
            pickle.dump(request, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            error, result = pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as broken:
            status = self._process.wait()
            if status >= 0:
                raise RuntimeError(f"a worker process failed with exit status {status}") from broken
            raise WorkerError(
                f"a worker process was ended from outside ({signal.Signals(-status).name}); "
                "if memory ran out, use fewer --jobs"
            ) from broken
        self.is_usable = True
        if error is not None:
            raise error
        return result
