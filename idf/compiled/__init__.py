"""Compiled loops: Python functions that numba compiles to machine code once per machine.

Importing numba and reading its own cache takes longer than compressing a short clip. So the machine code is stored as a
plain object file (:mod:`idf.compiled.store`) and loaded with LLVM alone (:mod:`idf.compiled.load`). Numba is imported
only if there is no machine code yet (:mod:`idf.compiled.build`).

To declare a loop, decorate it; no registration is needed. The key of its machine code covers its source file and all
project files that this file imports, directly or indirectly (:mod:`idf.compiled.sources`)::

    @compiled_step            # inlined into loops; calls other steps and intrinsics
    def _double(x: int) -> int:
        return 2 * x

    @compiled_loop            # called from Python
    def fill(values: Array, state: State) -> None:
        for i in range(values.shape[0]):
            values[i] = _double(values[i])

Arguments of a loop are contiguous arrays, (nested) named tuples of them, and plain numbers. It returns nothing or an
integer. Loops and steps do not allocate or count references: they get their working memory as arguments. Closures may
hold only plain values.
"""

from idf.compiled.functions import Loop, NotCompiled, compiled_loop, compiled_step, only_kept
from idf.compiled.lazy import cgutils, intrinsic, ir, types
from idf.compiled.store import kept_in

__all__ = [
    "Loop",
    "NotCompiled",
    "cgutils",
    "compiled_loop",
    "compiled_step",
    "intrinsic",
    "ir",
    "kept_in",
    "only_kept",
    "types",
]
