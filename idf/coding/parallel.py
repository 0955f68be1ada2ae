"""Several blocks at once, results in order, never more in memory than there are jobs (and two).

Threads of this process: they overlap reading, coding and writing, but they code little faster than
one does. For that the codec has to work in other processes (:mod:`idf.coding.processes`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(function: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[R]:
    """``map`` by ``jobs`` threads and one more, which prepares the next block; in this thread for one job."""
    if jobs <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(jobs + 1) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > jobs + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
