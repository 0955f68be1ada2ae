"""Starting worker processes. :mod:`idf.workers.pool` uses them, :mod:`idf.workers.serve` is what they run.

A command can start workers before it has loaded what it needs itself, so that both load at the same time. Therefore
this module imports almost nothing.

Workers are fresh interpreters, not forks, and do not run the caller's main module again, so a script needs no
``if __name__ == "__main__"``. They end with this process, however it ends.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from typing import Any

from idf.errors import WorkerError

# Ctrl-C reaches every process of the terminal. Workers ignore it and end when their parent does.
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = {path!r}; "
    "from idf.workers.serve import main; main()"
)
_prepared: list[WorkerProcess] = []


def prepare(count: int) -> None:
    """Start ``count`` processes before they are needed. The caller must call :func:`end_prepared` later."""
    _prepared.extend(WorkerProcess() for _ in range(count))


def take_prepared() -> WorkerProcess | None:
    """Return one of the processes started by :func:`prepare`, or None if none is left."""
    try:
        return _prepared.pop(0)
    except IndexError:
        return None


def end_prepared() -> None:
    """End the processes started by :func:`prepare` that have not been taken."""
    while worker := take_prepared():
        worker.end()


class WorkerProcess:
    """A worker process. Only one thread may use it at a time, except for :meth:`kill`.

    Attributes:
        packed_codec: its pickled codec. Set it before the first request, with which it is sent.
        is_usable: whether it has answered all requests.
    """

    def __init__(self) -> None:
        start = _START.format(path=sys.path)
        self._process = subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.packed_codec = b""
        self._sent_codec = b""
        self.is_usable = True

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, *request: object) -> Any:
        """Return the answer to a request. Raises what the codec raises, or WorkerError if the process is killed."""
        if self.packed_codec is not self._sent_codec:
            self._exchange("codec", self.packed_codec)
            self._sent_codec = self.packed_codec
        return self._exchange(*request)

    def kill(self) -> None:
        """Stop the process at once, even during a request."""
        self._process.kill()

    def end(self) -> None:
        """Stop the process, wait for its end and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # unsent data
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
                f"a worker process was killed from outside ({signal.Signals(-status).name}); "
                "if memory ran out, use fewer --jobs"
            ) from broken
        self.is_usable = True
        if error is not None:
            raise error
        return result
