"""Reading a file while it is being written, so that compressed blocks are checked during compression."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import IO


class FollowedFile:
    """A file with one writer and one reader that follows it in another thread.

    The writer uses it as a context: leaving the context ends the file, and an exception also ends reading. Writer and
    reader share the underlying file, each with its own position.

    Args:
        file: writable, readable and seekable binary file, at its start and not used elsewhere meanwhile.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._changed = threading.Condition()
        self._written, self._place = 0, 0
        self._is_whole, self._is_given_up = False, False

    def __enter__(self) -> FollowedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_whole, self._is_given_up = kind is None, kind is not None
            self._changed.notify_all()

    def write(self, data: bytes) -> int:
        """Append ``data``. For the writer."""
        with self._changed:
            self._file.seek(self._written)
            self._file.write(data)
            self._written += len(data)
            self._changed.notify_all()
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Wait for the next ``size`` bytes and return them; fewer only at the end of the file. For the reader.

        Raises:
            EOFError: the writer failed.
        """
        with self._changed:
            while not (self._is_whole or self._is_given_up) and (size < 0 or self._written - self._place < size):
                self._changed.wait()
            if self._is_given_up:
                raise EOFError("the file was not written completely")
            self._file.seek(self._place)
            data = self._file.read(size)
            self._place += len(data)
            return data
