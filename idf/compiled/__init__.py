"""Compiled loops: Python functions that numba turns into machine code once for each machine.

Importing numba and letting it read its own cache takes longer than compressing a short clip. So the machine code is kept
as a plain object file (:mod:`idf.compiled.store`) and loaded by LLVM alone (:mod:`idf.compiled.load`); numba is imported
only where there is none yet (:mod:`idf.compiled.build`).

To declare a loop, decorate it; nothing else has to be listed. The key of its machine code covers its source file and all
files of ours that this imports, directly or not (:mod:`idf.compiled.sources`)::

    @compiled_step            # inlined into loops; calls other steps and intrinsics
    def _double(x: int) -> int:
        return 2 * x

    @compiled_loop            # called from Python
    def fill(values: Array, state: State) -> None:
        for i in range(values.shape[0]):
            values[i] = _double(values[i])

Arguments of a loop are contiguous arrays, named tuples of such, also nested, and plain numbers; it returns
nothing or an integer. Loops and steps allocate nothing and count no references: they get their space as arguments. Closures
hold plain values only.
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
