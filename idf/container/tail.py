"""A file that is read while it is still being written: what was compressed is checked while the rest is compressed."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import IO


class FollowedFile:
    """A file with one writer and, in another thread, one reader that follows it.

    A context for the writer: leaving it is the end of the file, and if by an exception, also of reading. Both ends
    use the one file underneath, in turn, each at a place of its own.

    Args:
        file: binary, to be written, read and seek; at its start, and for nobody else meanwhile.
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
        """For the writer: append."""
        with self._changed:
            self._file.seek(self._written)
            self._file.write(data)
            self._written += len(data)
            self._changed.notify_all()
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """For the reader: the next ``size`` bytes, as soon as there are so many; fewer at the end of the file only.

        Raises:
            EOFError: the writer gave up.
        """
        with self._changed:
            while not (self._is_whole or self._is_given_up) and (size < 0 or self._written - self._place < size):
                self._changed.wait()
            if self._is_given_up:
                raise EOFError("the file is not written to its end")
            self._file.seek(self._place)
            data = self._file.read(size)
            self._place += len(data)
            return data
