"""Vector instructions in compiled loops, written down one by one.

Numba leaves it to the optimiser whether a loop becomes vector instructions, and where it matters most here it does not.
So some loops are written as LLVM vectors. LLVM splits them into the registers that a processor has; nothing is fused or
reordered, and lanes meet only in sums that are written down, so every processor computes the same bits.

Arrays are contiguous and long enough: nothing is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from idf.compiled.lazy import cgutils, ir

_LINE = 64
_BYTES = {"float64": 8, "float32": 4, "int32": 4, "int16": 2}


def aligned(values: np.ndarray) -> np.ndarray:
    """Return a copy that begins at a cache line: vectors that lie across two take twice as long to load."""
    room = np.empty(values.nbytes + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def index(value: int) -> Any:
    """Return a constant place or count."""
    return ir.Constant(ir.IntType(64), value)


class Vectors:
    """Loads, stores and constants of vectors of one kind, in one intrinsic.

    Args:
        context, builder, signature, arguments: what numba gives the intrinsic.
        number: the type of a lane: float64, float32, int32 or int16.
        lanes: the number of lanes.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, number: str, lanes: int) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments
        self.number, self.lanes = number, lanes
        floats = {"float64": ir.DoubleType, "float32": ir.FloatType}
        self.kind = ir.VectorType(floats[number]() if number in floats else ir.IntType(8 * _BYTES[number]), lanes)

    def data(self, argument: int) -> Any:
        """The numbers of an argument that is an array."""
        return self._array(argument).data

    def count(self, argument: int) -> Any:
        """How many there are."""
        return self._array(argument).nitems

    def _array(self, argument: int) -> Any:
        make = self.context.make_array(self.signature.args[argument])
        return make(self.context, self.builder, self.arguments[argument])

    def place(self, data: Any, *indices: Any) -> Any:
        """Where the vector begins whose first number is at the sum of the indices."""
        total = indices[0]
        for other in indices[1:]:
            total = self.builder.add(total, other)
        return self.builder.bitcast(self.builder.gep(data, [total]), self.kind.as_pointer())

    def load(self, place: Any) -> Any:
        value = self.builder.load(place)
        value.align = _BYTES[self.number]
        return value

    def store(self, value: Any, place: Any) -> None:
        self.builder.store(value, place).align = _BYTES[self.number]

    def variable(self, value: Any) -> Any:
        """A place of its own, which the optimiser keeps in a register."""
        place = cgutils.alloca_once(self.builder, self.kind)
        self.store(value, place)
        return place

    def constant(self, value: float) -> Any:
        """The vector with ``value`` in every lane."""
        return ir.Constant(self.kind, [float(value) if "float" in self.number else int(value)] * self.lanes)

    def spread(self, scalar: Any) -> Any:
        """The vector with ``scalar``, which the loop computes, in every lane."""
        one = self.builder.insert_element(self._nothing(), scalar, ir.Constant(ir.IntType(32), 0))
        return self.chosen(one, self._nothing(), [0] * self.lanes)

    def chosen(self, low: Any, high: Any, lanes: list[int]) -> Any:
        """The vector made of lanes of two others, those of the second counted on."""
        order = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
        return self.builder.shuffle_vector(low, high, order)

    def _nothing(self) -> Any:
        return ir.Constant(self.kind, ir.Undefined)

    @contextmanager
    def every(self, count: Any, start: Any = None, step: int = 0) -> Iterator[Any]:
        """A loop over places from ``start`` (0) on, by ``step`` (the lanes of a vector)."""
        begin, by = index(0) if start is None else start, index(step or self.lanes)
        with cgutils.for_range_slice(self.builder, begin, count, by) as (place, _):
            yield place

    @contextmanager
    def times(self, count: Any) -> Iterator[Any]:
        """A loop over 0 … count - 1."""
        with cgutils.for_range(self.builder, count) as loop:
            yield loop.index

    def total(self, vector: Any) -> Any:
        """The sum of all lanes: the upper half is added to the lower one, and so on."""
        width = self.lanes
        while width > 1:
            width //= 2
            halves = (self.chosen(vector, vector, list(range(start, start + width))) for start in (0, width))
            vector = self.builder.fadd(*halves)
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))
