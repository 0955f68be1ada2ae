"""Vector instructions of the turbo flow, in a fixed order of operations.

As in :mod:`idf.models.adaptive.vectors`, loops are written as LLVM vectors, which LLVM splits into the registers of a
processor: nothing is fused or reordered, and sums run over lanes that are added in halves at the end. Every array is
one-dimensional and contiguous and comes with the place where to start, because views of arrays would take longer than
the short loops here. Nothing is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from idf.compiled import cgutils, intrinsic, ir, types

SINGLES, DOUBLES = 16, 8
"""Lanes of a vector of float32 and of float64. Counts are multiples of these."""
WIDE = 3 * DOUBLES
"""Columns of a matrix that :func:`eliminate` takes at a time. It reads and writes up to the end of the last of them."""

_INDEX = ir.IntType(64)
_LANE = ir.IntType(32)
_NUMBERS = {SINGLES: ir.FloatType(), DOUBLES: ir.DoubleType()}


class _Vectors:
    """Loads, stores and constants of vectors with ``lanes`` numbers."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, lanes: int) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments
        self.number, self.lanes = _NUMBERS[lanes], lanes
        self.kind = ir.VectorType(self.number, lanes)

    def data(self, argument: int) -> Any:
        """The numbers of an argument that is an array."""
        make = self.context.make_array(self.signature.args[argument])
        return make(self.context, self.builder, self.arguments[argument]).data

    def place(self, data: Any, *indices: Any) -> Any:
        total = indices[0]
        for index in indices[1:]:
            total = self.builder.add(total, index)
        return self.builder.bitcast(self.builder.gep(data, [total]), self.kind.as_pointer())

    def load(self, place: Any) -> Any:
        value = self.builder.load(place)
        value.align = self._bytes()
        return value

    def store(self, value: Any, place: Any) -> None:
        self.builder.store(value, place).align = self._bytes()

    def _bytes(self) -> int:
        return 8 if self.lanes == DOUBLES else 4

    def constant(self, value: float) -> Any:
        return ir.Constant(self.kind, [value] * self.lanes)

    def spread(self, scalar: Any) -> Any:
        """The vector with ``scalar`` in every lane."""
        nothing = ir.Constant(self.kind, ir.Undefined)
        one = self.builder.insert_element(nothing, scalar, _LANE(0))
        return self.builder.shuffle_vector(
            one, nothing, ir.Constant(ir.VectorType(_LANE, self.lanes), [0] * self.lanes)
        )

    def variable(self, value: Any) -> Any:
        place = cgutils.alloca_once(self.builder, self.kind)
        self.store(value, place)
        return place

    @contextmanager
    def every(self, count: Any) -> Iterator[Any]:
        """A loop over the places of the vectors in ``count`` numbers."""
        step = ir.Constant(_INDEX, self.lanes)
        with cgutils.for_range_slice(self.builder, _INDEX(0), count, step, intp=_INDEX) as (index, _):
            yield index

    def total(self, vector: Any) -> Any:
        """The sum of all lanes: the upper half is added to the lower one, and so on."""
        width = self.lanes
        while width > 1:
            width //= 2
            kind = ir.VectorType(_LANE, width)
            low, high = (
                self.builder.shuffle_vector(vector, vector, ir.Constant(kind, list(range(start, start + width))))
                for start in (0, width)
            )
            vector = self.builder.fadd(low, high)
        return self.builder.extract_element(vector, _LANE(0))


@intrinsic
def learn_and_expect(typing: Any, weights: Any, first: Any, count: Any, history: Any, newest: Any, gain: Any) -> Any:
    """A step of LMS and the next prediction in one pass, float32.

    weights[first + i] += gain · history[newest + 1 + i]; the sum of weights[first + i] · history[newest + i] comes back.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Vectors(context, builder, signature, arguments, SINGLES)
        weights_data, history_data = v.data(0), v.data(3)
        _, first, count, _, newest, gain = arguments
        gains, total = v.spread(gain), v.variable(v.constant(0))
        with v.every(count) as index:
            place = v.place(weights_data, first, index)
            before = v.load(v.place(history_data, newest, index, _INDEX(1)))
            weight = builder.fadd(v.load(place), builder.fmul(gains, before))
            v.store(weight, place)
            product = builder.fmul(weight, v.load(v.place(history_data, newest, index)))
            v.store(builder.fadd(v.load(total), product), total)
        return v.total(v.load(total))

    index = types.intp
    return types.float32(weights, index, index, history, index, types.float32), generate


@intrinsic
def product(typing: Any, a: Any, a_first: Any, b: Any, b_first: Any, count: Any) -> Any:
    """The sum of a[a_first + i] · b[b_first + i], float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Vectors(context, builder, signature, arguments, DOUBLES)
        a_data, b_data = v.data(0), v.data(2)
        _, a_first, _, b_first, count = arguments
        total = v.variable(v.constant(0))
        with v.every(count) as index:
            left, right = v.load(v.place(a_data, a_first, index)), v.load(v.place(b_data, b_first, index))
            v.store(builder.fadd(v.load(total), builder.fmul(left, right)), total)
        return v.total(v.load(total))

    index = types.intp
    return types.float64(a, index, b, index, index), generate


@intrinsic
def fade_into(
    typing: Any, rows: Any, before: Any, after: Any, count: Any, keep: Any, history: Any, newest: Any, sample: Any
) -> Any:
    """rows[after + i] = keep · rows[before + i] + sample · history[newest + i], float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Vectors(context, builder, signature, arguments, DOUBLES)
        rows_data, history_data = v.data(0), v.data(5)
        _, before, after, count, keep, _, newest, sample = arguments
        keep, sample = v.spread(keep), v.spread(sample)
        with v.every(count) as index:
            kept = builder.fmul(keep, v.load(v.place(rows_data, before, index)))
            added = builder.fmul(sample, v.load(v.place(history_data, newest, index)))
            v.store(builder.fadd(kept, added), v.place(rows_data, after, index))
        return context.get_dummy_value()

    index = types.intp
    return types.void(rows, index, index, index, types.float64, history, index, types.float64), generate


@intrinsic
def eliminate(typing: Any, numbers: Any, upper: Any, unit: Any, row: Any, first: Any, end: Any, stride: Any) -> Any:
    """Row ``row`` of a matrix minus its share of all rows above, float64; Gauss, a row at a time.

    upper[row, j] −= unit[0, row] · upper[0, j], then row 1 and so on to row − 1; for j from ``first`` on, a multiple of
    ``DOUBLES``, to ``end``, in steps of ``WIDE`` columns.

    Args:
        upper, unit: where two matrices of ``stride`` columns begin in ``numbers``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Vectors(context, builder, signature, arguments, DOUBLES)
        data = v.data(0)
        _, upper, unit, row, first, end, stride = arguments
        own = builder.add(upper, builder.mul(row, stride))
        wide = ir.Constant(_INDEX, WIDE)
        with cgutils.for_range_slice(builder, first, end, wide, intp=_INDEX) as (column, _):
            columns = [builder.add(column, _INDEX(DOUBLES * i)) for i in range(WIDE // DOUBLES)]
            sums = [v.variable(v.load(v.place(data, own, place))) for place in columns]
            with cgutils.for_range(builder, row, intp=_INDEX) as loop:
                above = builder.mul(loop.index, stride)
                factor = v.spread(builder.load(builder.gep(data, [builder.add(builder.add(unit, above), row)])))
                for place, total in zip(columns, sums, strict=True):
                    taken = builder.fmul(factor, v.load(v.place(data, upper, above, place)))
                    v.store(builder.fsub(v.load(total), taken), total)
            for place, total in zip(columns, sums, strict=True):
                v.store(v.load(total), v.place(data, own, place))
        return context.get_dummy_value()

    index = types.intp
    return types.void(numbers, index, index, index, index, index, index), generate


@intrinsic
def scaled(typing: Any, numbers: Any, source: Any, target: Any, count: Any, factor: Any) -> Any:
    """numbers[target + i] = factor · numbers[source + i], float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Vectors(context, builder, signature, arguments, DOUBLES)
        data = v.data(0)
        _, source, target, count, factor = arguments
        factor = v.spread(factor)
        with v.every(count) as index:
            v.store(builder.fmul(factor, v.load(v.place(data, source, index))), v.place(data, target, index))
        return context.get_dummy_value()

    index = types.intp
    return types.void(numbers, index, index, index, types.float64), generate


@intrinsic
def weighed(typing: Any, values: Any, errors: Any, first: Any) -> Any:
    """The mean of ``DOUBLES`` values, float64, with weights 1 / error^8."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Vectors(context, builder, signature, arguments, DOUBLES)
        value, error = (v.load(v.place(v.data(i), arguments[2])) for i in (0, 1))
        for _ in range(3):
            error = builder.fmul(error, error)
        weight = builder.fdiv(v.constant(1), error)
        return builder.fdiv(v.total(builder.fmul(weight, value)), v.total(weight))

    return types.float64(values, errors, types.intp), generate


@intrinsic
def judge(typing: Any, values: Any, errors: Any, first: Any, sample: Any, rate: Any, least: Any) -> Any:
    """errors += rate · (\\|sample − values\\| + least − errors), ``DOUBLES`` of them, float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Vectors(context, builder, signature, arguments, DOUBLES)
        _, _, first, sample, rate, least = arguments
        place = v.place(v.data(1), first)
        value, error = v.load(v.place(v.data(0), first)), v.load(place)
        kind = ir.FunctionType(v.kind, [v.kind])
        size = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fabs.v{DOUBLES}f64")
        apart = builder.call(size, [builder.fsub(v.spread(sample), value)])
        apart = builder.fsub(builder.fadd(apart, v.spread(least)), error)
        v.store(builder.fadd(error, builder.fmul(v.spread(rate), apart)), place)
        return context.get_dummy_value()

    number = types.float64
    return types.void(values, errors, types.intp, number, number, number), generate
