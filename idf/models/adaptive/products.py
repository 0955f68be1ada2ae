"""Vector instructions of the adaptive flow's network and equations, in a fixed order of operations.

Products of matrices and vectors, and gradient steps, written with :mod:`idf.compiled.vectors`. Arrays are contiguous.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from idf.compiled import cgutils, intrinsic, ir, types
from idf.compiled.vectors import Vectors, index
from idf.models.adaptive.vectors import BLEND, SINGLES


def _add_products(w: Vectors, count: Any, x: tuple[Any, ...], y: tuple[Any, ...], out: tuple[Any, ...]) -> None:
    """Set out[i, j] = Σ_t x[t, i] · y[t, j], summed in the order t = 0 … count - 1, for given i and vectors of j.

    Args:
        x: data, width, and the values of i.
        y: data, width, and the first j of each vector.
        out: data and width.
    """
    builder = w.builder
    (x_data, x_width, rows), (y_data, y_width, places), (out_data, out_width) = x, y, out
    sums = [[w.variable(w.constant(0)) for _ in places] for _ in rows]
    with w.times(count) as t:
        given, wanted = builder.mul(t, x_width), builder.mul(t, y_width)
        columns = [w.load(w.place(y_data, wanted, place)) for place in places]
        for i, totals in zip(rows, sums, strict=True):
            factor = w.spread(builder.load(builder.gep(x_data, [builder.add(given, i)])))
            for column, total in zip(columns, totals, strict=True):
                w.store(builder.fadd(w.load(total), builder.fmul(factor, column)), total)
    for i, totals in zip(rows, sums, strict=True):
        for place, total in zip(places, totals, strict=True):
            w.store(w.load(total), w.place(out_data, builder.mul(i, out_width), place))


@intrinsic
def outer_products(typing: Any, x: Any, count: Any, inputs: Any, slopes: Any, outputs: Any, gradient: Any) -> Any:
    """Set gradient[i, j] = Σ_t x[t, i] · slopes[t, j], float32, summed in the order t = 0 … count - 1.

    Args:
        x: (count, inputs), with an even number of inputs.
        slopes: (count, outputs), with a multiple of 32 outputs.
        gradient: (inputs, outputs).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float32", SINGLES)
        x_data, slopes_data, gradient_data = (w.data(i) for i in (0, 3, 5))
        _, count, inputs, _, outputs, _ = arguments
        with w.every(inputs, step=2) as row:
            rows = [builder.add(row, index(i)) for i in range(2)]

            def columns(first: Any, vectors: int) -> None:
                places = [builder.add(first, index(SINGLES * i)) for i in range(vectors)]
                given, wanted = (x_data, inputs, rows), (slopes_data, outputs, places)
                _add_products(w, count, given, wanted, (gradient_data, outputs))

            _by_columns(w, outputs, columns)
        return context.get_dummy_value()

    ip = types.intp
    return types.void(x, ip, ip, slopes, ip, gradient), generate


@intrinsic
def inner_products(typing: Any, x: Any, y: Any, count: Any, width: Any, first: Any, end: Any, out: Any) -> Any:
    """Set out[i, j] = Σ_t x[t, i] · y[t, j] for first <= i < end, float64, summed in the order t = 0 … count - 1.

    Args:
        x: (count, width), with a width that is a multiple of ``BLEND``.
        y: (count, width).
        first, end: multiples of ``BLEND``.
        out: (end, width); vectors entirely left of the diagonal are not changed.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float64", BLEND)
        x_data, y_data, out_data = (w.data(i) for i in (0, 1, 6))
        _, _, count, width, first, end, _ = arguments
        with w.every(end, first) as row:
            own = [builder.add(row, index(i)) for i in range(BLEND)]
            given, made = (x_data, width, own), (out_data, width)
            # two vectors at a time, because additions to four sums would wait for each other
            odd = builder.and_(builder.sub(width, row), index(BLEND))
            with builder.if_then(builder.icmp_signed("!=", odd, index(0))):
                _add_products(w, count, given, (y_data, width, [row]), made)
            with w.every(width, builder.add(row, odd), 2 * BLEND) as column:
                _add_products(w, count, given, (y_data, width, [column, builder.add(column, index(BLEND))]), made)
        return context.get_dummy_value()

    ip = types.intp
    return types.void(x, y, ip, ip, ip, ip, out), generate


@intrinsic
def descend(
    typing: Any,
    weights: Any,
    trained: Any,
    gradient: Any,
    squares: Any,
    share: Any,
    kept: Any,
    rate: Any,
    least: Any,
    farthest: Any,
) -> Any:
    """Do a step of RMSprop, float32, on arrays whose length is a multiple of 16.

    With g = gradient · share: squares ← kept · squares + (1 − kept) · g², and weights ← trained + d, where d is
    weights − trained − rate · g / (√squares + least), clipped to ±farthest.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float32", SINGLES)
        add, sub, mul, div = builder.fadd, builder.fsub, builder.fmul, builder.fdiv
        datas = [w.data(i) for i in range(4)]
        share, kept, rate, least, farthest = (w.spread(argument) for argument in arguments[4:])
        rest, nearest = sub(w.constant(1), kept), sub(w.constant(0), farthest)
        kind = ir.FunctionType(w.kind, [w.kind])
        root = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.v16f32")
        with w.every(w.count(0)) as i:
            places = [w.place(data, i) for data in datas]
            weight, before, slope, square = (w.load(place) for place in places)
            g = mul(slope, share)
            square = add(mul(kept, square), mul(rest, mul(g, g)))
            moved = sub(sub(weight, before), div(mul(rate, g), add(builder.call(root, [square]), least)))
            moved = builder.select(builder.fcmp_ordered(">", moved, nearest), moved, nearest)
            moved = builder.select(builder.fcmp_ordered("<", moved, farthest), moved, farthest)
            w.store(add(before, moved), places[0])
            w.store(square, places[3])
        return context.get_dummy_value()

    return types.void(weights, trained, gradient, squares, *[types.float32] * 5), generate


def _by_columns(w: Vectors, outputs: Any, columns: Callable[[Any, int], None]) -> None:
    """Call ``columns`` with the first column and the number of vectors of 16: four at a time, and two for a rest of 32."""
    wide = w.builder.and_(outputs, index(-64))
    with w.every(wide, step=64) as first:
        columns(first, 4)
    with w.builder.if_then(w.builder.icmp_signed("<", wide, outputs)):
        columns(wide, 2)


@intrinsic
def multiply_integers(
    typing: Any,
    x: Any,
    room: Any,
    streams: Any,
    fours: Any,
    weights: Any,
    start: Any,
    biases: Any,
    bias_start: Any,
    outputs: Any,
    out: Any,
) -> Any:
    """Set out = x W + bias in integers, for which the order of additions does not matter; int32 sums wrap around.

    Args:
        x: int16 (streams, room), the first 4 · fours numbers of each.
        streams: 1 or 2; the weights are read once.
        weights: int16 (2 · fours, outputs, 2) from ``start``: W, two inputs at a time.
        biases: int32 (outputs,) from ``bias_start``.
        outputs: a multiple of 32.
        out: int32 (streams, outputs).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "int32", 16)
        twos = Vectors(context, builder, signature, arguments, "int16", 32)
        x_data, weights_data, biases_data, out_data = (w.data(i) for i in (0, 4, 6, 9))
        _, room, streams, fours, _, start, _, bias_start, outputs, _ = arguments
        products = ir.VectorType(ir.IntType(32), 32)

        def each_second(vector: Any, first: int) -> Any:
            return w.chosen(vector, ir.Constant(products, ir.Undefined), list(range(first, 32, 2)))

        def two_inputs(stream: int, number: Any) -> Any:
            first = builder.mul(room, index(stream))
            place = builder.gep(x_data, [builder.add(first, builder.mul(number, index(2)))])
            both = builder.load(builder.bitcast(place, ir.IntType(32).as_pointer()))
            both.align = 2
            return builder.sext(builder.bitcast(w.spread(both), twos.kind), products)

        def columns(count: int, first: Any, vectors: int) -> None:
            places = [builder.add(first, index(16 * i)) for i in range(vectors)]
            # two sums for each output of a single stream, because additions to one would wait for each other
            sums = [[[w.variable(w.constant(0)) for _ in places] for _ in range(3 - count)] for _ in range(count)]
            with w.times(fours) as four:
                for half in range(2):
                    number = builder.add(builder.mul(four, index(2)), index(half))
                    factors, row = [two_inputs(s, number) for s in range(count)], builder.mul(number, outputs)
                    for i, place in enumerate(places):
                        at = builder.mul(builder.add(row, place), index(2))
                        own = builder.sext(twos.load(twos.place(weights_data, start, at)), products)
                        for factor, totals in zip(factors, sums, strict=True):
                            total = totals[half % len(totals)][i]
                            # LLVM recognises this form as the instruction that multiplies pairs and adds them
                            pairs = builder.mul(own, factor)
                            added = builder.add(each_second(pairs, 0), each_second(pairs, 1))
                            w.store(builder.add(w.load(total), added), total)
            for s, totals in enumerate(sums):
                for place, *parts in zip(places, *totals, strict=True):
                    whole = w.load(w.place(biases_data, bias_start, place))
                    for part in parts:
                        whole = builder.add(whole, w.load(part))
                    w.store(whole, w.place(out_data, builder.mul(outputs, index(s)), place))

        with builder.if_else(builder.icmp_signed("==", streams, index(1))) as (alone, together):
            with alone:
                _by_columns(w, outputs, partial(columns, 1))
            with together:
                _by_columns(w, outputs, partial(columns, 2))
        return context.get_dummy_value()

    ip = types.intp
    return types.void(x, ip, ip, ip, weights, ip, biases, ip, ip, out), generate


@intrinsic
def multiply(
    typing: Any, x: Any, inputs: Any, weights: Any, weights_start: Any, bias_start: Any, outputs: Any, out: Any
) -> Any:
    """Set out = x W + bias, float32; each output is summed in order, starting with the bias.

    Args:
        x: (inputs,).
        weights: W row by row, (inputs, outputs), from ``weights_start``; the bias from ``bias_start``.
        outputs: a multiple of 32.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float32", SINGLES)
        x_data, weights_data, out_data = (w.data(i) for i in (0, 2, 6))
        _, inputs, _, weights_start, bias_start, outputs, _ = arguments

        def columns(first: Any, vectors: int) -> None:
            places = [builder.add(first, index(16 * i)) for i in range(vectors)]
            sums = [w.variable(w.load(w.place(weights_data, bias_start, place))) for place in places]
            with w.times(inputs) as i:
                factor = w.spread(builder.load(builder.gep(x_data, [i])))
                row = builder.add(weights_start, builder.mul(i, outputs))
                for place, total in zip(places, sums, strict=True):
                    product = builder.fmul(factor, w.load(w.place(weights_data, row, place)))
                    w.store(builder.fadd(w.load(total), product), total)
            for place, total in zip(places, sums, strict=True):
                w.store(w.load(total), w.place(out_data, place))

        _by_columns(w, outputs, columns)
        return context.get_dummy_value()

    ip = types.intp
    return types.void(x, ip, weights, ip, ip, ip, out), generate
