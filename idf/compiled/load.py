"""Loading machine code from an object file into this process, with LLVM alone."""

from __future__ import annotations

import ctypes
import functools
import threading
from typing import Any

from llvmlite import binding as llvm

ENTRY = "idf_entry"
"""Name of the only function in an object file, int32 (int64 *). It stores the loop's result in the first number and
returns 0, or another number if the loop failed."""

_LOCK = threading.Lock()


class Entry:
    """Callable machine code.

    Args:
        name: name of the loop, for messages.
        engine: the LLVM engine that owns the code.
    """

    def __init__(self, name: str, engine: Any) -> None:
        self._name, self._engine = name, engine
        self._call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(engine.get_function_address(ENTRY))

    def __call__(self, values: list[int]) -> int:
        """Run it with arguments flattened by :func:`idf.compiled.arguments.flatten`. Returns the loop's result."""
        row = (ctypes.c_int64 * max(len(values), 1))(*values)
        if status := self._call(ctypes.addressof(row)):
            raise RuntimeError(f"the compiled loop {self._name} failed with status {status}")
        return row[0]


def load(name: str, code: bytes) -> Entry:
    """Load an object file that :func:`idf.compiled.build.build` made for this machine."""
    with _LOCK:
        _initialise()
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine()
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        return Entry(name, engine)


@functools.cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def processor() -> str:
    """Return the processor's name and instruction sets, as LLVM names them."""
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # as numba does
        features = ""
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"
