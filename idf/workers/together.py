"""Coding two blocks at once in one process, for codecs that then take less time per block.

The blocks come from different files or from the same one. Threads prepare and write them; only one call of the codec
runs at a time, so that a process does not use more than one core. While it runs, other threads queue up, and the next
call takes two of them.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from idf.coding.codec import ChunkCodec
from idf.errors import FormatError
from idf.workers.forwarding import ForwardingCodec

CALLS = 4
"""Calls at once with which there are always two: while two blocks are coded, two others wait."""
PATIENCE = 0.02
"""Seconds to wait for a second call where one can be expected soon."""


@dataclass(eq=False)
class _Call:
    way: str
    arguments: tuple[Any, ...]
    is_done: bool = False
    result: Any = None
    error: BaseException | None = None


class Together(ForwardingCodec):
    """A codec that runs one call at a time, for one block or two. Any number of threads may call it.

    Args:
        codec: a codec; only a :class:`idf.coding.codec.JointCodec` codes two blocks at once.
        patience: seconds for which a call that could run waits for a second one.
    """

    def __init__(self, codec: ChunkCodec, patience: float = 0.0) -> None:
        super().__init__(codec)
        self._codec: Any = codec
        self._ways = {way for way in ("encode", "decode") if hasattr(codec, f"{way}_together")}
        self._patience = patience
        self._free_since = 0.0
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._is_busy = self._is_closed = False

    def close(self) -> None:
        """Let calls that wait for their turn, and new ones, raise RuntimeError."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _ask(self, way: str, *arguments: Any) -> Any:
        call = _Call(way, arguments)
        group = self._turn(call)
        if group:
            try:
                self._run(group)
            finally:
                with self._changed:
                    self._is_busy, self._free_since = False, time.monotonic()
                    for each in group:
                        each.is_done = True
                    self._changed.notify_all()
        if call.error is not None:
            raise call.error
        return call.result

    def _turn(self, call: _Call) -> list[_Call]:
        """Wait until a call is done or has its turn. Returns the calls to run now, none if it is done."""
        with self._changed:
            arrived = time.monotonic()
            self._waiting.append(call)
            self._changed.notify_all()
            try:
                while not call.is_done:
                    if self._is_closed and call in self._waiting:
                        raise RuntimeError("the codec has been closed")
                    if self._is_busy or self._waiting[0] is not call:
                        self._changed.wait()
                        continue
                    group = self._group(call)
                    left = max(arrived, self._free_since) + self._patience - time.monotonic()
                    if len(group) > 1 or call.way not in self._ways or left <= 0:
                        self._waiting = [each for each in self._waiting if each not in group]
                        self._is_busy = True
                        return group
                    self._changed.wait(left)
                return []
            finally:
                if call in self._waiting:  # interrupted or closed
                    self._waiting.remove(call)
                    self._changed.notify_all()

    def _group(self, call: _Call) -> list[_Call]:
        """Return a waiting call and, if there is one that can run with it, another one."""
        if call.way not in self._ways:
            return [call]
        return [call, *(each for each in self._waiting if each.way == call.way and each is not call)][:2]

    def _run(self, group: list[_Call]) -> None:
        """Set the result or the error of each call. All are of one way."""
        way = group[0].way
        try:
            if len(group) == 1:
                group[0].result = getattr(self._codec, way)(*group[0].arguments)
                return
            if way == "encode":
                results = self._codec.encode_together([call.arguments[0] for call in group])
            else:
                results = self._codec.decode_together([call.arguments for call in group])
            for call, result in zip(group, results, strict=True):
                if isinstance(result, FormatError):
                    call.error = result
                else:
                    call.result = result
        except BaseException as error:
            for call in group:
                call.error = error
