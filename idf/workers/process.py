"""The processes that code for a command, one by one. They are started from here, and a command may have some
started before it has loaded what it needs itself, so that both load at the same time; for that this module
loads nothing. Who uses them: :mod:`idf.workers.pool`; what they do: :mod:`idf.workers.serve`.

Workers are fresh interpreters, not forks, and do not run the caller's main module again: a script needs no
``if __name__ == "__main__"``. They end with this process, however it ends.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from typing import Any

from idf.errors import WorkerError

# Ctrl-C reaches every process of the terminal; the one that started us tells us to stop, by going away.
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = {path!r}; "
    "from idf.workers.serve import main; main()"
)
_prepared: list[WorkerProcess] = []


def prepare(count: int) -> None:
    """Start ``count`` processes before they are needed. :func:`end_prepared` has to follow."""
    _prepared.extend(WorkerProcess() for _ in range(count))


def take_prepared() -> WorkerProcess | None:
    """One of the processes that :func:`prepare` started, if any are left."""
    try:
        return _prepared.pop(0)
    except IndexError:
        return None


def end_prepared() -> None:
    """End the processes that :func:`prepare` started and nobody took."""
    while worker := take_prepared():
        worker.end()


class WorkerProcess:
    """One process. For one thread at a time, but for :meth:`kill`.

    Attributes:
        packed_codec: its codec, pickled; to be set before the first request, with which it is sent.
        is_usable: whether it answered all that it was asked.
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
        """The answer to a request. Raises what the codec raised, or WorkerError where the process was killed."""
        if self.packed_codec is not self._sent_codec:
            self._exchange("codec", self.packed_codec)
            self._sent_codec = self.packed_codec
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
