"""Vector instructions of the turbo flow, in a fixed order of operations.

Loops use LLVM vectors (:mod:`idf.compiled.vectors`); sums run over lanes, which are added in halves at the end. Every
array is one-dimensional and contiguous and comes with a start index, because creating array views would take longer
than the short loops here.
"""

from __future__ import annotations

from typing import Any

from idf.compiled import cgutils, intrinsic, ir, types
from idf.compiled.vectors import Vectors, index

SINGLES, DOUBLES = 16, 8
"""Lanes of a float32 and of a float64 vector. Counts are multiples of these."""
WIDE = 3 * DOUBLES
"""Columns of a matrix that :func:`eliminate` processes together. It reads and writes up to the end of the last group."""


@intrinsic
def learn_and_expect(typing: Any, weights: Any, first: Any, count: Any, history: Any, newest: Any, gain: Any) -> Any:
    """Do a step of LMS and return the next prediction, in one pass, float32.

    weights[first + i] += gain · history[newest + 1 + i]; returns the sum of weights[first + i] · history[newest + i].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, "float32", SINGLES)
        _, first, count, _, newest, gain = arguments
        before = builder.add(newest, index(1))
        return v.update_dot(v.data(0), first, gain, v.data(3), before, newest, count)

    ip = types.intp
    return types.float32(weights, ip, ip, history, ip, types.float32), generate


@intrinsic
def product(typing: Any, a: Any, a_first: Any, b: Any, b_first: Any, count: Any) -> Any:
    """Return the sum of a[a_first + i] · b[b_first + i], float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, "float64", DOUBLES)
        _, a_first, _, b_first, count = arguments
        return v.dot(v.data(0), a_first, v.data(2), b_first, count)

    ip = types.intp
    return types.float64(a, ip, b, ip, ip), generate


@intrinsic
def fade_into(
    typing: Any, rows: Any, before: Any, after: Any, count: Any, keep: Any, history: Any, newest: Any, sample: Any
) -> Any:
    """Set rows[after + i] = keep · rows[before + i] + sample · history[newest + i], float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, "float64", DOUBLES)
        rows_data, history_data = v.data(0), v.data(5)
        _, before, after, count, keep, _, newest, sample = arguments
        keep, sample = v.spread(keep), v.spread(sample)
        with v.every(count) as i:
            kept = builder.fmul(keep, v.load(v.place(rows_data, before, i)))
            added = builder.fmul(sample, v.load(v.place(history_data, newest, i)))
            v.store(builder.fadd(kept, added), v.place(rows_data, after, i))
        return context.get_dummy_value()

    ip = types.intp
    return types.void(rows, ip, ip, ip, types.float64, history, ip, types.float64), generate


@intrinsic
def eliminate(typing: Any, numbers: Any, upper: Any, unit: Any, row: Any, first: Any, end: Any, stride: Any) -> Any:
    """Eliminate row ``row`` of a matrix with all rows above it (Gaussian elimination by rows), float64.

    upper[row, j] −= unit[0, row] · upper[0, j], then likewise with rows 1 to row − 1; for j from ``first``, a multiple
    of ``DOUBLES``, to ``end``, in groups of ``WIDE`` columns.

    Args:
        upper, unit: offsets in ``numbers`` of two matrices with ``stride`` columns.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, "float64", DOUBLES)
        data = v.data(0)
        _, upper, unit, row, first, end, stride = arguments
        own = builder.add(upper, builder.mul(row, stride))
        with v.every(end, first, WIDE) as column:
            columns = [builder.add(column, index(DOUBLES * i)) for i in range(WIDE // DOUBLES)]
            sums = [v.variable(v.load(v.place(data, own, place))) for place in columns]
            with v.times(row) as t:
                above = builder.mul(t, stride)
                factor = v.spread(builder.load(builder.gep(data, [builder.add(builder.add(unit, above), row)])))
                for place, total in zip(columns, sums, strict=True):
                    taken = builder.fmul(factor, v.load(v.place(data, upper, above, place)))
                    v.store(builder.fsub(v.load(total), taken), total)
            for place, total in zip(columns, sums, strict=True):
                v.store(v.load(total), v.place(data, own, place))
        return context.get_dummy_value()

    ip = types.intp
    return types.void(numbers, ip, ip, ip, ip, ip, ip), generate


@intrinsic
def scaled(typing: Any, numbers: Any, source: Any, target: Any, count: Any, factor: Any) -> Any:
    """Set numbers[target + i] = factor · numbers[source + i], float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, "float64", DOUBLES)
        data = v.data(0)
        _, source, target, count, factor = arguments
        factor = v.spread(factor)
        with v.every(count) as i:
            v.store(builder.fmul(factor, v.load(v.place(data, source, i))), v.place(data, target, i))
        return context.get_dummy_value()

    ip = types.intp
    return types.void(numbers, ip, ip, ip, types.float64), generate


@intrinsic
def weighed(typing: Any, values: Any, errors: Any, first: Any) -> Any:
    """Return the mean of ``DOUBLES`` values, float64, with weights 1 / error^8."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, "float64", DOUBLES)
        value, error = (v.load(v.place(v.data(i), arguments[2])) for i in (0, 1))
        for _ in range(3):
            error = builder.fmul(error, error)
        weight = builder.fdiv(v.constant(1), error)
        return builder.fdiv(v.total(builder.fmul(weight, value)), v.total(weight))

    return types.float64(values, errors, types.intp), generate


@intrinsic
def judge(typing: Any, values: Any, errors: Any, first: Any, sample: Any, rate: Any, least: Any) -> Any:
    """Set errors += rate · (\\|sample − values\\| + least − errors) for ``DOUBLES`` values, float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, "float64", DOUBLES)
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
