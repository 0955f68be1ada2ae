"""Vector instructions for the adaptive flow, in a fixed order of operations.

Numba leaves it to the optimiser whether a loop becomes vector instructions, and where it matters most
here it does not. So these loops are written out as LLVM vectors. LLVM splits them into what a processor
has; nothing is fused or reordered and lanes meet only in the one sum that is written down, so that
every processor computes the same bits.

* The lattice: eight least-squares lattice predictors side by side, one a lane, that differ in how fast
  they forget. The form with a priori errors and error feedback (S. Haykin, "Adaptive Filter Theory",
  4th ed., section 12.10) gives what recursive least squares gives, for every order up to the highest
  at once, in time proportional to the highest order, and is numerically the most robust of its kind:
  float32 is enough for it.
* Products of vectors, and of a matrix and a vector, in float32, and of 16-bit integers.
* Rows of matrices added to each other, and products of a batch of vectors, in float64.

Arrays are one-dimensional, contiguous, and long enough: nothing is checked here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from idf.compiled import cgutils, intrinsic, ir, types
from idf.config.schema import LANES

STAGE_VECTORS = 7
"""Kept of a stage: forward and backward reflection, forward and backward energy, and of the sample before
1 / backward energy, the backward error and the conversion factor."""
STAGE = STAGE_VECTORS * LANES
MEMORY_VECTORS = 2
"""Given of a lattice: forgetting factors, and floors that the energies are lifted by at each sample."""
_LINE = 64
BLEND = 4
"""Numbers that :func:`blend` takes at a time."""

_DOUBLE, _SINGLE = ir.DoubleType(), ir.FloatType()
_INDEX, _INTEGER, _SHORT = ir.IntType(64), ir.IntType(32), ir.IntType(16)
_SINGLES, _DOUBLES = ir.VectorType(_SINGLE, 16), ir.VectorType(_DOUBLE, BLEND)
_ALIGNMENT = {_DOUBLE: 8, _SINGLE: 4, _INTEGER: 4, _SHORT: 2}


def aligned(values: np.ndarray) -> np.ndarray:
    """A copy that begins where a cache line does: vectors that lie across two take twice as long to load."""
    room = np.empty(values.nbytes + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


class _Writer:
    """Loads, stores and constants of one kind of vector."""

    def __init__(self, context: Any, builder: Any, kind: ir.VectorType) -> None:
        self.context, self.builder, self.kind = context, builder, kind
        self.alignment = _ALIGNMENT[kind.element]

    def data(self, array_type: Any, array: Any) -> Any:
        return self.context.make_array(array_type)(self.context, self.builder, array).data

    def place(self, base: Any, index: Any) -> Any:
        index = ir.Constant(_INDEX, index) if isinstance(index, int) else index
        return self.builder.bitcast(self.builder.gep(base, [index]), self.kind.as_pointer())

    def load(self, place: Any) -> Any:
        value = self.builder.load(place)
        value.align = self.alignment
        return value

    def store(self, value: Any, place: Any) -> None:
        self.builder.store(value, place).align = self.alignment

    def variable(self, value: Any) -> Any:
        place = cgutils.alloca_once(self.builder, self.kind)
        self.store(value, place)
        return place

    def constant(self, value: float) -> Any:
        number = float(value) if self.kind.element in (_DOUBLE, _SINGLE) else int(value)
        return ir.Constant(self.kind, [number] * self.kind.count)

    def order(self, count: int) -> ir.VectorType:
        """Of so many indices into a vector."""
        return ir.VectorType(_INTEGER, count)

    def spread(self, scalar: Any) -> Any:
        """The vector with ``scalar`` in every lane."""
        one = self.builder.insert_element(ir.Constant(self.kind, ir.Undefined), scalar, _INTEGER(0))
        order = ir.Constant(self.order(self.kind.count), [0] * self.kind.count)
        return self.builder.shuffle_vector(one, ir.Constant(self.kind, ir.Undefined), order)

    def loop(self, start: int, count: Any, step: int) -> Any:
        index = ir.Constant(_INDEX, start)
        return cgutils.for_range_slice(self.builder, index, count, ir.Constant(_INDEX, step), intp=_INDEX)


def _lattice_width(context: Any) -> int:
    """Lanes of one vector: all where registers hold eight floats, half of them elsewhere.

    Wider vectors than a processor has would be kept in memory.
    """
    *_, features = context.codegen().magic_tuple()
    return LANES if "+avx," in f"{features}," else LANES // 2


@intrinsic
def lattice_update(typing: Any, stages: Any, orders: Any, memory: Any, x: Any, out: Any) -> Any:
    """Let all lanes learn from sample x, a float32, and predict the next one.

    The conversion factor γ of stage m is carried as its inverse, to which each stage adds: with E = λ B + floor, the
    energy before this sample, B = E + γ b² makes γ' = γ − γ² b² / B the same as 1 / γ' = 1 / γ + b² / E. So stages
    wait for one addition each instead of a division.

    Args:
        stages: float32, ``STAGE`` numbers a stage.
        orders: int64, ascending from 1 or more; the last is the number of stages.
        memory: float32, ``MEMORY_VECTORS`` vectors.
        out: float32; out[8 (m - 1) + j] becomes what order m of lane j expects next, for each m of ``orders``.
            The others are left as they are: to keep them all would take an eighth of the time.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        width = _lattice_width(context)
        w = _Writer(context, builder, ir.VectorType(_SINGLE, width))
        stages_data, orders_data, memory_data, out_data = (
            w.data(signature.args[i], arguments[i]) for i in (0, 1, 2, 4)
        )
        orders_count = context.make_array(signature.args[1])(context, builder, arguments[1]).nitems
        x, one = w.spread(arguments[3]), w.constant(1)
        add, sub, mul, div = builder.fadd, builder.fsub, builder.fmul, builder.fdiv
        lanes = range(0, LANES, width)
        memories = [[w.load(w.place(memory_data, LANES * i + lane)) for i in (0, 1)] for lane in lanes]
        carried = [[w.variable(value) for value in (x, x, one, one, w.constant(0))] for _ in lanes]

        def stage(index: Any) -> None:
            start = builder.mul(index, _INDEX(STAGE))
            for lane, (forgetting, floor), variables in zip(lanes, memories, carried, strict=True):
                forward, backward, upside, weight, expected = variables
                places = [
                    w.place(stages_data, builder.add(start, _INDEX(LANES * i + lane))) for i in range(STAGE_VECTORS)
                ]
                kf, kb, energy_f, energy_b, inverse_b, b_before, g_before = (w.load(place) for place in places)
                f, b, h, g = w.load(forward), w.load(backward), w.load(upside), w.load(weight)
                f_next = sub(f, mul(kf, b_before))
                b_next = sub(b_before, mul(kb, f))
                gf = mul(g_before, f)
                energy_f = add(add(mul(forgetting, energy_f), mul(gf, f)), floor)
                energy_b = add(mul(forgetting, energy_b), floor)
                both = div(one, mul(energy_f, energy_b))
                kf = add(kf, mul(mul(mul(g_before, b_before), f_next), inverse_b))
                kb = add(kb, mul(mul(gf, b_next), mul(both, energy_b)))
                before_b, square = mul(both, energy_f), mul(b, b)
                h_next = add(h, mul(square, before_b))
                g_next = div(one, h_next)
                inverse_b = mul(before_b, mul(h, g_next))
                energy_b = add(energy_b, mul(g, square))
                for value, place in zip((kf, kb, energy_f, energy_b, inverse_b, b, g), places, strict=True):
                    w.store(value, place)
                w.store(add(w.load(expected), mul(kf, b)), expected)
                for value, variable in zip((f_next, b_next, h_next, g_next), variables[:4], strict=True):
                    w.store(value, variable)

        done = cgutils.alloca_once_value(builder, _INDEX(0))
        with cgutils.for_range(builder, orders_count, intp=_INDEX) as loop:
            order = builder.load(builder.gep(orders_data, [loop.index]))
            with cgutils.for_range_slice(builder, builder.load(done), order, _INDEX(1), intp=_INDEX) as (index, _):
                stage(index)
            builder.store(order, done)
            row = builder.mul(builder.sub(order, _INDEX(1)), _INDEX(LANES))
            for lane, (*_, expected) in zip(lanes, carried, strict=True):
                w.store(w.load(expected), w.place(out_data, builder.add(row, _INDEX(lane))))
        return context.get_dummy_value()

    return types.void(stages, orders, memory, types.float32, out), generate


@intrinsic
def dot(typing: Any, a: Any, b: Any, b_start: Any, count: Any) -> Any:
    """Return the sum of a[i] · b[b_start + i], i = 0 … count - 1: float32 with ``count`` a multiple of 16, or float64 with
    one of ``BLEND``.

    As many sums run side by side; they are then added in halves.
    """
    element, kind = (types.float64, _DOUBLES) if a.dtype == types.float64 else (types.float32, _SINGLES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = _Writer(context, builder, kind)
        a_data, b_data = (w.data(signature.args[i], arguments[i]) for i in (0, 1))
        total, width = w.variable(w.constant(0)), kind.count
        with w.loop(0, arguments[3], width) as (index, _):
            left, right = w.load(w.place(a_data, index)), w.load(w.place(b_data, builder.add(arguments[2], index)))
            w.store(builder.fadd(w.load(total), builder.fmul(left, right)), total)
        vector = w.load(total)
        while width > 1:
            width //= 2
            halves = [
                builder.shuffle_vector(vector, vector, ir.Constant(w.order(width), list(range(start, start + width))))
                for start in (0, width)
            ]
            vector = builder.fadd(*halves)
        return builder.extract_element(vector, _INTEGER(0))

    return element(a, b, types.intp, types.intp), generate


@intrinsic
def blend(typing: Any, out: Any, a: Any, row: Any, b: Any, other: Any, start: Any) -> Any:
    """out[j] ← a · row[j] + b · other[j], float64, j from ``start`` on; both it and the length in ``BLEND``s."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = _Writer(context, builder, _DOUBLES)
        out_data, row_data, other_data = (w.data(signature.args[i], arguments[i]) for i in (0, 2, 4))
        count = context.make_array(signature.args[0])(context, builder, arguments[0]).nitems
        a, b = w.spread(arguments[1]), w.spread(arguments[3])
        step = ir.Constant(_INDEX, BLEND)
        with cgutils.for_range_slice(builder, arguments[5], count, step, intp=_INDEX) as (index, _):
            kept = builder.fmul(a, w.load(w.place(row_data, index)))
            added = builder.fmul(b, w.load(w.place(other_data, index)))
            w.store(builder.fadd(kept, added), w.place(out_data, index))
        return context.get_dummy_value()

    return types.void(out, types.float64, row, types.float64, other, types.intp), generate


def _add_products(w: _Writer, count: Any, x: tuple[Any, ...], y: tuple[Any, ...], out: tuple[Any, ...]) -> None:
    """out[i, j] = Σ_t x[t, i] · y[t, j], t = 0 … count - 1 one after another, for some rows i and vectors of columns j.

    Args:
        x: its data, width, and the rows.
        y: its data, width, and the first columns of the vectors.
        out: its data and width.
    """
    builder = w.builder
    (x_data, x_width, rows), (y_data, y_width, places), (out_data, out_width) = x, y, out
    sums = [[w.variable(w.constant(0)) for _ in places] for _ in rows]
    with cgutils.for_range(builder, count, intp=_INDEX) as loop:
        given, wanted = builder.mul(loop.index, x_width), builder.mul(loop.index, y_width)
        columns = [w.load(w.place(y_data, builder.add(wanted, place))) for place in places]
        for i, totals in zip(rows, sums, strict=True):
            factor = w.spread(builder.load(builder.gep(x_data, [builder.add(given, i)])))
            for column, total in zip(columns, totals, strict=True):
                w.store(builder.fadd(w.load(total), builder.fmul(factor, column)), total)
    for i, totals in zip(rows, sums, strict=True):
        for place, total in zip(places, totals, strict=True):
            w.store(w.load(total), w.place(out_data, builder.add(builder.mul(i, out_width), place)))


@intrinsic
def outer_products(typing: Any, x: Any, count: Any, inputs: Any, slopes: Any, outputs: Any, gradient: Any) -> Any:
    """gradient[i, j] = Σ_t x[t, i] · slopes[t, j], float32: products are added one after another, t = 0 … count - 1.

    Args:
        x: (count, inputs); an even number of inputs.
        slopes: (count, outputs); a multiple of 32.
        gradient: (inputs, outputs).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = _Writer(context, builder, _SINGLES)
        x_data, slopes_data, gradient_data = (w.data(signature.args[i], arguments[i]) for i in (0, 3, 5))
        _, count, inputs, _, outputs, _ = arguments
        with w.loop(0, inputs, 2) as (row, _), w.loop(0, outputs, 32) as (first, _):
            rows = [builder.add(row, _INDEX(i)) for i in range(2)]
            places = [builder.add(first, _INDEX(16 * i)) for i in range(2)]
            given, wanted = (x_data, inputs, rows), (slopes_data, outputs, places)
            _add_products(w, count, given, wanted, (gradient_data, outputs))
        return context.get_dummy_value()

    ip = types.intp
    return types.void(x, ip, ip, slopes, ip, gradient), generate


@intrinsic
def inner_products(
    typing: Any, x: Any, y: Any, count: Any, width: Any, first: Any, end: Any, out: Any
) -> Any:
    """out[i, j] = Σ_t x[t, i] · y[t, j], float64: products are added one after another, t = 0 … count - 1.

    Args:
        x: (count, width); the width is a multiple of ``BLEND``.
        y: (count, width).
        first: the first row of ``out``, and
        end: the one after the last; multiples of ``BLEND``.
        out: (end, width). Vectors that lie left of the diagonal are left as they are.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = _Writer(context, builder, _DOUBLES)
        x_data, y_data, out_data = (w.data(signature.args[i], arguments[i]) for i in (0, 1, 6))
        _, _, count, width, first, end, _ = arguments
        step = ir.Constant(_INDEX, BLEND)
        with (
            cgutils.for_range_slice(builder, first, end, step, intp=_INDEX) as (row, _),
            cgutils.for_range_slice(builder, row, width, step, intp=_INDEX) as (column, _),
        ):
            own = [builder.add(row, _INDEX(i)) for i in range(BLEND)]
            _add_products(w, count, (x_data, width, own), (y_data, width, [column]), (out_data, width))
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
    """A step of RMSprop, float32, on arrays whose length is a multiple of 16.

    With g = gradient · share: squares ← kept · squares + (1 − kept) · g², and weights ← trained + what lies between
    ±farthest of weights − trained − rate · g / (√squares + least).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = _Writer(context, builder, _SINGLES)
        add, sub, mul, div = builder.fadd, builder.fsub, builder.fmul, builder.fdiv
        datas = [w.data(signature.args[i], arguments[i]) for i in range(4)]
        share, kept, rate, least, farthest = (w.spread(argument) for argument in arguments[4:])
        rest, nearest = sub(w.constant(1), kept), sub(w.constant(0), farthest)
        kind = ir.FunctionType(_SINGLES, [_SINGLES])
        root = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.v16f32")
        count = context.make_array(signature.args[0])(context, builder, arguments[0]).nitems
        with w.loop(0, count, 16) as (index, _):
            places = [w.place(data, index) for data in datas]
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


@intrinsic
def multiply_integers(
    typing: Any, x: Any, fours: Any, weights: Any, start: Any, biases: Any, bias_start: Any, outputs: Any, out: Any
) -> Any:
    """out = x W + bias in integers, which every order of additions gives alike; sums are int32 and go round at its ends.

    Args:
        x: int16 (4 · fours,).
        weights: int16 (2 · fours, outputs, 2) from ``start``: W, two inputs at a time.
        biases: int32 (outputs,) from ``bias_start``.
        outputs: a multiple of 32.
        out: int32 (outputs,).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = _Writer(context, builder, ir.VectorType(_INTEGER, 16))
        twos = _Writer(context, builder, ir.VectorType(_SHORT, 32))
        x_data, weights_data, biases_data, out_data = (w.data(signature.args[i], arguments[i]) for i in (0, 2, 4, 7))
        _, fours, _, start, _, bias_start, outputs, _ = arguments
        wide = builder.and_(outputs, _INDEX(-64))
        products = ir.VectorType(_INTEGER, 32)

        def each_second(vector: Any, first: int) -> Any:
            order = ir.Constant(w.order(16), list(range(first, 32, 2)))
            return builder.shuffle_vector(vector, ir.Constant(products, ir.Undefined), order)

        def two_inputs(number: Any) -> Any:
            place = builder.gep(x_data, [builder.mul(number, _INDEX(2))])
            both = builder.load(builder.bitcast(place, _INTEGER.as_pointer()))
            both.align = twos.alignment
            return builder.sext(builder.bitcast(w.spread(both), twos.kind), products)

        def columns(first: Any, vectors: int) -> None:
            places = [builder.add(first, _INDEX(16 * i)) for i in range(vectors)]
            # two sums for each output: one would wait for itself
            sums = [[w.variable(w.constant(0)) for _ in places] for _ in range(2)]
            with cgutils.for_range(builder, fours, intp=_INDEX) as loop:
                for half, totals in enumerate(sums):
                    number = builder.add(builder.mul(loop.index, _INDEX(2)), _INDEX(half))
                    factor, row = two_inputs(number), builder.mul(number, outputs)
                    for place, total in zip(places, totals, strict=True):
                        at = builder.add(start, builder.mul(builder.add(row, place), _INDEX(2)))
                        own = builder.sext(twos.load(twos.place(weights_data, at)), products)
                        # processors multiply pairs and add them in one instruction, which LLVM knows by this form
                        pairs = builder.mul(own, factor)
                        added = builder.add(each_second(pairs, 0), each_second(pairs, 1))
                        w.store(builder.add(w.load(total), added), total)
            for place, one, other in zip(places, *sums, strict=True):
                bias = w.load(w.place(biases_data, builder.add(bias_start, place)))
                w.store(builder.add(bias, builder.add(w.load(one), w.load(other))), w.place(out_data, place))

        with w.loop(0, wide, 64) as (index, _):
            columns(index, 4)
        with builder.if_then(builder.icmp_signed("<", wide, outputs)):
            columns(wide, 2)
        return context.get_dummy_value()

    ip = types.intp
    return types.void(x, ip, weights, ip, biases, ip, ip, out), generate


@intrinsic
def multiply(
    typing: Any, x: Any, inputs: Any, weights: Any, weights_start: Any, bias_start: Any, outputs: Any, out: Any
) -> Any:
    """out = x W + bias, float32: each output's products are added one after another, from the bias on.

    Args:
        x: (inputs,).
        weights: W row by row, (inputs, outputs), from ``weights_start``; the bias from ``bias_start``.
        outputs: a multiple of 32.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = _Writer(context, builder, _SINGLES)
        x_data, weights_data, out_data = (w.data(signature.args[i], arguments[i]) for i in (0, 2, 6))
        _, inputs, _, weights_start, bias_start, outputs, _ = arguments
        wide = builder.and_(outputs, _INDEX(-64))

        def columns(first: Any, vectors: int) -> None:
            places = [builder.add(first, _INDEX(16 * i)) for i in range(vectors)]
            sums = [w.variable(w.load(w.place(weights_data, builder.add(bias_start, place)))) for place in places]
            with cgutils.for_range(builder, inputs, intp=_INDEX) as loop:
                factor = w.spread(builder.load(builder.gep(x_data, [loop.index])))
                row = builder.add(weights_start, builder.mul(loop.index, outputs))
                for place, total in zip(places, sums, strict=True):
                    product = builder.fmul(factor, w.load(w.place(weights_data, builder.add(row, place))))
                    w.store(builder.fadd(w.load(total), product), total)
            for place, total in zip(places, sums, strict=True):
                w.store(w.load(total), w.place(out_data, place))

        with w.loop(0, wide, 64) as (index, _):
            columns(index, 4)
        with builder.if_then(builder.icmp_signed("<", wide, outputs)):
            columns(wide, 2)
        return context.get_dummy_value()

    ip = types.intp
    return types.void(x, ip, weights, ip, ip, ip, out), generate
