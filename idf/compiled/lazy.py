"""The parts of numba that modules of compiled code refer to, imported only when something is compiled."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cached_property
from typing import Any


class _Module:
    """A module that is imported on first use."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


arrays: Any = _Module("numba.np.arrayobj")
cgutils: Any = _Module("numba.core.cgutils")
types: Any = _Module("numba.core.types")
ir: Any = _Module("llvmlite.ir")


class Intrinsic:
    """See :func:`intrinsic`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        raise NotImplementedError(f"{self.__name__} exists only inside compiled code")

    @cached_property
    def _numba_type_(self) -> Any:
        from numba.core.registry import cpu_target
        from numba.extending import intrinsic

        made, context = intrinsic(self._function), cpu_target.typing_context
        context.refresh()  # registers it
        return context.resolve_value_type(made)


def intrinsic(function: Callable[..., Any]) -> Any:
    """Decorate as :func:`numba.extending.intrinsic` does, but only on first use."""
    return Intrinsic(function)
