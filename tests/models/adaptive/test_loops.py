"""What of the compiled loops is kept on disk: nothing that could outlive a change in another file."""

from __future__ import annotations

import inspect

import pytest
from numba.core.caching import NullCache
from numba.core.registry import CPUDispatcher

from idf.coding import kernels
from idf.models.adaptive import least_squares, loops, network, steps


def compiled_in(module: object) -> dict[str, CPUDispatcher]:
    """The functions that a module has compiled itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, CPUDispatcher) and value.py_func.__module__ == module.__name__  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize("module", [steps, least_squares, network, loops])
def test_parts_are_not_cached_by_themselves(module: object) -> None:
    """numba takes a function from its cache as long as its own file is the same, whatever it calls has become."""
    found = compiled_in(module)
    assert found
    for name, function in found.items():
        assert isinstance(function._cache, NullCache), name


@pytest.mark.parametrize("name", loops.Loops._fields)
def test_loops_are_cached_by_a_digest_of_all_that_goes_into_them(name: str) -> None:
    function = getattr(loops.LOOPS, name)
    assert not isinstance(function._cache, NullCache)
    assert inspect.getclosurevars(function.py_func).nonlocals["sources"] == loops.SOURCES


def test_what_loops_take_from_the_coder_calls_nothing_elsewhere() -> None:
    for name, function in compiled_in(kernels).items():
        used = inspect.getclosurevars(function.py_func).globals.values()
        called = [value for value in used if isinstance(value, CPUDispatcher)]
        assert all(value.py_func.__module__ == kernels.__name__ for value in called), name
