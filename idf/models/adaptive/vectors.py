"""Vector instructions of the adaptive flow's predictors, in a fixed order of operations (:mod:`idf.compiled.vectors`).

* The lattice: eight parallel least-squares lattice predictors, one per lane, which differ in how fast they forget.
  The form with a priori errors and error feedback (S. Haykin, "Adaptive Filter Theory", 4th ed., section 12.10)
  gives the results of recursive least squares for every order up to the highest at once, in time proportional to the
  highest order. It is numerically the most robust form; float32 is sufficient.
* Products of two vectors, and sums of scaled rows.

Products of matrices are in :mod:`idf.models.adaptive.products`. Arrays are one-dimensional.
"""

from __future__ import annotations

from typing import Any

from idf.compiled import cgutils, intrinsic, types
from idf.compiled.vectors import Vectors, index
from idf.config.schema import LANES

STAGE_VECTORS = 7
"""State of a stage: forward and backward reflection, forward and backward energy, and for the previous sample
1 / backward energy, the backward error and the conversion factor."""
STAGE = STAGE_VECTORS * LANES
MEMORY_VECTORS = 2
"""Constants of a lattice: forgetting factors, and floors that are added to the energies at each sample."""
SINGLES, BLEND = 16, 4
"""Lanes of a float32 and of a float64 vector. Counts are multiples of these."""


def _lattice_width(context: Any) -> int:
    """Return the lanes per vector: all if registers hold eight floats, otherwise half of them.

    Vectors wider than registers would be kept in memory.
    """
    *_, features = context.codegen().magic_tuple()
    return LANES if "+avx," in f"{features}," else LANES // 2


@intrinsic
def lattice_update(typing: Any, stages: Any, orders: Any, memory: Any, x: Any, out: Any) -> Any:
    """Update all lanes with sample x, a float32, and predict the next sample.

    The conversion factor γ of stage m is carried as its inverse, to which each stage adds. With E = λ B + floor, the
    energy before this sample, B = E + γ b² makes γ' = γ − γ² b² / B equivalent to 1 / γ' = 1 / γ + b² / E. Each stage
    then waits for an addition instead of a division.

    Args:
        stages: float32, ``STAGE`` numbers per stage.
        orders: int64, ascending from 1 or more; the last is the number of stages.
        memory: float32, ``MEMORY_VECTORS`` vectors.
        out: float32; out[8 (m - 1) + j] is set to the prediction of order m in lane j, for each m of ``orders``.
            The others are not changed; storing all of them would cost an eighth of the time.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        width = _lattice_width(context)
        w = Vectors(context, builder, signature, arguments, "float32", width)
        stages_data, orders_data, memory_data, out_data = (w.data(i) for i in (0, 1, 2, 4))
        x, one = w.spread(arguments[3]), w.constant(1)
        add, sub, mul, div = builder.fadd, builder.fsub, builder.fmul, builder.fdiv
        lanes = range(0, LANES, width)
        memories = [[w.load(w.place(memory_data, index(LANES * i + lane))) for i in (0, 1)] for lane in lanes]
        carried = [[w.variable(value) for value in (x, x, one, one, w.constant(0))] for _ in lanes]

        def stage(number: Any) -> None:
            start = builder.mul(number, index(STAGE))
            for lane, (forgetting, floor), variables in zip(lanes, memories, carried, strict=True):
                forward, backward, upside, weight, expected = variables
                places = [w.place(stages_data, start, index(LANES * i + lane)) for i in range(STAGE_VECTORS)]
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

        done = cgutils.alloca_once_value(builder, index(0))
        with w.times(w.count(1)) as place:
            order = builder.load(builder.gep(orders_data, [place]))
            with w.every(order, builder.load(done), 1) as number:
                stage(number)
            builder.store(order, done)
            row = builder.mul(builder.sub(order, index(1)), index(LANES))
            for lane, (*_, expected) in zip(lanes, carried, strict=True):
                w.store(w.load(expected), w.place(out_data, row, index(lane)))
        return context.get_dummy_value()

    return types.void(stages, orders, memory, types.float32, out), generate


@intrinsic
def dot(typing: Any, a: Any, b: Any, b_start: Any, count: Any) -> Any:
    """Return the sum of a[i] · b[b_start + i] over i = 0 … count - 1, in the dtype of ``a``, float32 or float64.

    ``SINGLES`` or ``BLEND`` partial sums, of which ``count`` is a multiple, are computed in parallel and then added in
    halves.
    """
    element, lanes = (types.float64, BLEND) if a.dtype == types.float64 else (types.float32, SINGLES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, str(element), lanes)
        _, _, b_start, count = arguments
        return w.dot(w.data(0), index(0), w.data(1), b_start, count)

    return element(a, b, types.intp, types.intp), generate


@intrinsic
def update_dot(typing: Any, weights: Any, gain: Any, values: Any, before: Any, after: Any, count: Any) -> Any:
    """Add gain · values[before + i] to weights[i], i = 0 … count - 1, then return :func:`dot` of them and values[after …].

    float32; ``count`` is a multiple of ``SINGLES``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float32", SINGLES)
        _, gain, _, before, after, count = arguments
        return w.update_dot(w.data(0), index(0), gain, w.data(2), before, after, count)

    ip = types.intp
    return types.float32(weights, types.float32, values, ip, ip, ip), generate


@intrinsic
def blend(typing: Any, out: Any, a: Any, row: Any, b: Any, other: Any, start: Any) -> Any:
    """Set out[j] ← a · row[j] + b · other[j] for j >= start, float64; start and length are multiples of ``BLEND``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float64", BLEND)
        out_data, row_data, other_data = (w.data(i) for i in (0, 2, 4))
        a, b = w.spread(arguments[1]), w.spread(arguments[3])
        with w.every(w.count(0), arguments[5]) as j:
            kept = builder.fmul(a, w.load(w.place(row_data, j)))
            added = builder.fmul(b, w.load(w.place(other_data, j)))
            w.store(builder.fadd(kept, added), w.place(out_data, j))
        return context.get_dummy_value()

    return types.void(out, types.float64, row, types.float64, other, types.intp), generate
