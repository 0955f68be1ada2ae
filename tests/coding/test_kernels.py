from __future__ import annotations

from typing import Any

from idf.coding.kernels import compiled


def test_code_that_cannot_be_cached_is_compiled_all_the_same() -> None:
    """As where neither the installed package nor the home folder can be written: no file, no cache."""
    scope: dict[str, Any] = {}
    exec("def halve(x):\n    return x >> 1", scope)
    halve = compiled(scope["halve"])
    assert halve(-3) == -2
    assert halve.signatures  # it was compiled
