"""Compiling a Python function with numba to an object file that runs without numba.

Only functions that do not allocate can be built, so that the code calls only what every process provides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from idf.compiled.lazy import cgutils, ir, types
from idf.compiled.load import ENTRY

_ALLOWED = {"memcpy", "memmove", "memset", "sqrt", "floor", "ceil", "rint", "trunc", "fabs"}
"""Functions of the C library that every process provides. IEEE 754 defines the numerical ones to the last bit."""
_INEXACT = {"exp", "exp2", "exp10", "log", "log2", "log10", "pow", "powi", "sin", "cos", "tan", "sincos"}
"""LLVM intrinsics that become calls to a mathematics library, whose last bit differs between machines."""


def build(function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> bytes:
    """Compile a loop for arguments of these kinds. Returns an object file for this machine.

    Args:
        function: the loop's Python function.
        arguments: arguments of the kinds to compile for.
        options: numba's options.

    Raises:
        TypeError: the function calls something that is not allowed, or returns something other than an integer.
        numba.core.errors.NumbaError: numba cannot compile it.
    """
    import numba
    from numba.core import compiler
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.registry import cpu_target

    with global_compiler_lock:
        kinds = tuple(numba.typeof(argument) for argument in arguments)
        typing, target = cpu_target.typing_context, cpu_target.target_context
        flags = compiler.Flags()
        cpu_target.options.parse_as_flags(flags, dict(options))
        flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
        flags.enable_pyobject = False
        result = compiler.compile_extra(typing, target, function, kinds, None, flags, {})
        library, name, returned = result.library, result.fndesc.llvm_func_name, result.fndesc.restype
        if not isinstance(returned, (types.Integer, type(types.none))):
            raise TypeError(f"{function.__qualname__} returns {returned}; compiled loops return nothing or an integer")
        module, number, status_code = library.create_ir_module(ENTRY), ir.IntType(64), ir.IntType(32)
        entry = ir.Function(module, ir.FunctionType(status_code, [number.as_pointer()]), ENTRY)
        builder = ir.IRBuilder(entry.append_basic_block())
        with target.push_code_library(library):
            reader = _Reader(target, builder, entry.args[0])
            values = [reader.read(kind) for kind in kinds]
            callee = ir.Function(module, target.call_conv.get_function_type(returned, kinds), name)
            status, out = target.call_conv.call_function(builder, callee, returned, kinds, values)
            is_number = isinstance(returned, types.Integer)
            left = target.cast(builder, out, returned, types.int64) if is_number else ir.Constant(number, 0)
        builder.store(left, entry.args[0])
        builder.ret(builder.select(status.is_ok, ir.Constant(status_code, 0), status.code))
        library.add_ir_module(module)
        library.finalize()
        _check_calls(function, library._final_module)
        code: bytes = target.codegen()._tm.emit_object(library._final_module)
        return code


class _Reader:
    """Reads arguments from the row of numbers, in the order of :func:`idf.compiled.arguments.flatten`."""

    def __init__(self, target: Any, builder: Any, row: Any) -> None:
        self._target, self._builder, self._row = target, builder, row
        self._place = 0

    def read(self, kind: Any) -> Any:
        """Return the next argument, which has the numba type ``kind``."""
        if isinstance(kind, types.Array):
            return self._array(kind)
        if isinstance(kind, types.BaseTuple):
            return self._target.make_tuple(self._builder, kind, [self.read(field) for field in kind])
        value = self._number()
        if isinstance(kind, types.Float):
            value = self._builder.bitcast(value, self._target.get_value_type(types.float64))
            return self._target.cast(self._builder, value, types.float64, kind)
        return self._target.cast(self._builder, value, types.int64, kind)

    def _number(self) -> Any:
        place = self._builder.gep(self._row, [ir.Constant(ir.IntType(64), self._place)])
        self._place += 1
        return self._builder.load(place)

    def _array(self, kind: Any) -> Any:
        """Return the next argument, a contiguous array without reference counting."""
        from numba.np.arrayobj import make_array, populate_array

        array = make_array(kind)(self._target, self._builder)
        data = self._builder.inttoptr(self._number(), array.data.type)
        shape = [self._number() for _ in range(kind.ndim)]
        size = self._target.get_abi_sizeof(self._target.get_data_type(kind.dtype))
        strides: list[Any] = []
        step = ir.Constant(ir.IntType(64), size)
        for length in reversed(shape):
            strides.insert(0, step)
            step = self._builder.mul(step, length)
        pack = cgutils.pack_array
        populate_array(
            array,
            data=data,
            shape=pack(self._builder, shape),
            strides=pack(self._builder, strides),
            itemsize=self._target.get_constant(types.intp, size),
            meminfo=None,
        )
        return array._getvalue()


def _check_calls(function: Callable[..., Any], module: Any) -> None:
    declared = [each.name.removeprefix("llvm.").split(".")[0] for each in module.functions if each.is_declaration]
    own = {each.name.split(".")[1] for each in module.functions if each.name.startswith("llvm.")} - _INEXACT
    if strange := sorted(set(declared) - own - _ALLOWED):
        raise TypeError(f"{function.__qualname__} calls {', '.join(strange)}, which compiled loops must not")
