"""The decorators of compiled loops and steps, and the objects that they return."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from idf.compiled.arguments import Signature, flatten
from idf.compiled.load import Entry, load
from idf.compiled.sources import version
from idf.compiled.store import Key, keep, kept

OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
"""Numba options: no checks for division by zero, and no reference counting of array views, which would take a third of
the time."""


_only_kept: ContextVar[bool] = ContextVar("only_kept", default=False)


class NotCompiled(Exception):
    """There is no machine code yet, and compiling is not allowed."""


@contextlib.contextmanager
def only_kept() -> Iterator[None]:
    """Make loops raise :class:`NotCompiled` inside the block instead of compiling."""
    token = _only_kept.set(True)
    try:
        yield
    finally:
        _only_kept.reset(token)


class Step:
    """A function that is inlined into the compiled loops that call it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        """Call the step from Python. For tests."""
        return self._called_from_python(*arguments)

    @functools.cached_property
    def _called_from_python(self) -> Any:
        import numba

        return numba.njit(**OPTIONS, forceinline=True)(self.function)

    @functools.cached_property
    def _inlined(self) -> Any:
        import numba

        # calls would pass each array of each named tuple on the stack, half of the adaptive flow's time
        options = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return numba.njit(**OPTIONS, **options)(self.function)

    @property
    def _numba_type_(self) -> Any:
        from numba.core import types

        return types.Dispatcher(self._inlined)


class Loop:
    """A function called from Python. Its machine code is loaded, or compiled and stored, at the first call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._entries: dict[Signature, Entry] = {}
        self._lock = threading.Lock()

    @functools.cached_property
    def version(self) -> str:
        """A digest of all its sources, for caches of its results."""
        return version(self.function)

    def __call__(self, *arguments: Any) -> int:
        """Run the loop without the interpreter's lock. Returns what the loop returns, 0 for nothing.

        Raises:
            TypeError: an argument has a type that loops do not accept.
            ValueError: an array is not contiguous and aligned.
            NotCompiled: there is no machine code, within :func:`only_kept`.
        """
        signature, values = flatten(arguments)
        entry = self._entries.get(signature)
        if entry is None:
            with self._lock:
                entry = self._entries.get(signature) or self._find(signature, arguments)
                self._entries[signature] = entry
        return entry(values)

    def _find(self, signature: Signature, arguments: tuple[Any, ...]) -> Entry:
        key = Key.of(self.function, signature)
        code = kept(key)
        if code is None:
            if _only_kept.get():
                raise NotCompiled(key.name)
            from idf.compiled.build import build  # deferred: numba

            code = build(self.function, arguments, OPTIONS)
            keep(key, code)
        return load(key.name, code)


def compiled_step(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare a step, which loops call; see :mod:`idf.compiled`."""
    return Step(function)


def compiled_loop(function: Callable[..., Any]) -> Loop:
    """Declare a loop; see :mod:`idf.compiled`."""
    return Loop(function)
