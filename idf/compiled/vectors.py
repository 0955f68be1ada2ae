"""Explicit vector instructions in compiled loops.

Numba relies on the optimiser to vectorise loops, which fails for the most important ones here. So these loops are
written with LLVM vectors, which LLVM splits into the registers of the processor. Nothing is fused or reordered, and lanes
are combined only in explicit sums, so every processor computes the same bits.

Arrays must be contiguous and long enough; nothing is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from idf.compiled.lazy import arrays, cgutils, intrinsic, ir, types

_LINE = 64
_BYTES = {"float64": 8, "float32": 4, "int32": 4, "int16": 2}


def aligned(values: np.ndarray) -> np.ndarray:
    """Return a copy that begins at a cache line, since vectors that span two lines take twice as long to load."""
    room = np.empty(values.nbytes + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def index(value: int) -> Any:
    """Return a constant index or count."""
    return ir.Constant(ir.IntType(64), value)


@intrinsic
def part(typing: Any, array: Any, start: Any, count: Any) -> Any:
    """Return ``array[start : start + count]``, a view, without the treatment of negative bounds and of missing elements.

    In loops over few elements that treatment takes longer than the loop, and it keeps the optimiser from vectorising.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(array)(context, builder, arguments[0])
        view = context.make_array(array)(context, builder)
        shape, strides = (cgutils.unpack_tuple(builder, values) for values in (whole.shape, whole.strides))
        arrays.populate_array(
            view,
            data=cgutils.pointer_add(builder, whole.data, builder.mul(arguments[1], strides[0]), whole.data.type),
            shape=cgutils.pack_array(builder, [arguments[2], *shape[1:]]),
            strides=cgutils.pack_array(builder, strides),
            itemsize=whole.itemsize,
            meminfo=None,
        )
        return view._getvalue()

    return array(array, types.intp, types.intp), generate


@intrinsic
def scaled(typing: Any, x: Any, exponent: Any) -> Any:
    """Return x · 2^exponent, float32, for int32 exponents and results that are normal numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, exponent = arguments
        number = ir.IntType(32)
        bits = builder.add(builder.bitcast(x, number), builder.shl(exponent, ir.Constant(number, 23)))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.float32, types.int32), generate


class Vectors:
    """Emits loads, stores and constants of vectors of one type, for one intrinsic.

    Args:
        context, builder, signature, arguments: what numba passes to the intrinsic.
        number: type of a lane: float64, float32, int32 or int16.
        lanes: number of lanes.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, number: str, lanes: int) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments
        self.number, self.lanes = number, lanes
        floats = {"float64": ir.DoubleType, "float32": ir.FloatType}
        self.kind = ir.VectorType(floats[number]() if number in floats else ir.IntType(8 * _BYTES[number]), lanes)

    def data(self, argument: int) -> Any:
        """Return a pointer to the elements of an array argument."""
        return self._array(argument).data

    def count(self, argument: int) -> Any:
        """Return the number of elements of an array argument."""
        return self._array(argument).nitems

    def _array(self, argument: int) -> Any:
        make = self.context.make_array(self.signature.args[argument])
        return make(self.context, self.builder, self.arguments[argument])

    def place(self, data: Any, *indices: Any) -> Any:
        """Return a pointer to the vector whose first element has the sum of ``indices`` as its index."""
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
        """Return a pointer to a new local variable, which the optimiser keeps in a register."""
        place = cgutils.alloca_once(self.builder, self.kind)
        self.store(value, place)
        return place

    def constant(self, value: float) -> Any:
        """Return the vector with the constant ``value`` in every lane."""
        return ir.Constant(self.kind, [float(value) if "float" in self.number else int(value)] * self.lanes)

    def spread(self, scalar: Any) -> Any:
        """Return the vector with ``scalar``, a value of the loop, in every lane."""
        one = self.builder.insert_element(self._nothing(), scalar, ir.Constant(ir.IntType(32), 0))
        return self.chosen(one, self._nothing(), [0] * self.lanes)

    def chosen(self, low: Any, high: Any, lanes: list[int]) -> Any:
        """Return the vector of the given lanes of two others; lanes of the second follow those of the first."""
        order = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
        return self.builder.shuffle_vector(low, high, order)

    def _nothing(self) -> Any:
        return ir.Constant(self.kind, ir.Undefined)

    @contextmanager
    def every(self, count: Any, start: Any = None, step: int = 0) -> Iterator[Any]:
        """Emit a loop over indices from ``start`` (default 0) in steps of ``step`` (default the number of lanes)."""
        begin, by = index(0) if start is None else start, index(step or self.lanes)
        with cgutils.for_range_slice(self.builder, begin, count, by) as (place, _):
            yield place

    @contextmanager
    def times(self, count: Any) -> Iterator[Any]:
        """Emit a loop over 0 … count - 1."""
        with cgutils.for_range(self.builder, count) as loop:
            yield loop.index

    def dot(self, a: Any, a_first: Any, b: Any, b_first: Any, count: Any) -> Any:
        """The sum of a[a_first + i] · b[b_first + i], i = 0 … count - 1: a sum for each lane, then :meth:`total`."""
        total = self.variable(self.constant(0))
        with self.every(count) as i:
            left, right = self.load(self.place(a, a_first, i)), self.load(self.place(b, b_first, i))
            self.store(self.builder.fadd(self.load(total), self.builder.fmul(left, right)), total)
        return self.total(self.load(total))

    def update_dot(self, weights: Any, first: Any, gain: Any, values: Any, before: Any, after: Any, count: Any) -> Any:
        """Add gain · values[before + i] to weights[first + i], then do :meth:`dot` of these and values[after …].

        Doing both at once reads the weights once.

        Args:
            gain: a scalar.
        """
        gains, total = self.spread(gain), self.variable(self.constant(0))
        with self.every(count) as i:
            place, old = self.place(weights, first, i), self.load(self.place(values, before, i))
            weight = self.builder.fadd(self.load(place), self.builder.fmul(gains, old))
            self.store(weight, place)
            product = self.builder.fmul(weight, self.load(self.place(values, after, i)))
            self.store(self.builder.fadd(self.load(total), product), total)
        return self.total(self.load(total))

    def total(self, vector: Any) -> Any:
        """Return the sum of all lanes: the upper half is added to the lower half, and so on."""
        width = self.lanes
        while width > 1:
            width //= 2
            halves = (self.chosen(vector, vector, list(range(start, start + width))) for start in (0, width))
            vector = self.builder.fadd(*halves)
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))
