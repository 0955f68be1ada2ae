"""Vector instructions for the regressions inside windows, in a fixed order of operations.

See :mod:`idf.compiled.vectors`. The sums of a block of columns stay in registers, which the optimiser does not achieve
by itself.
"""

from __future__ import annotations

from typing import Any

from idf.compiled import intrinsic, types
from idf.compiled.vectors import Vectors, index

COLUMNS = 32
"""Columns of a matrix that are processed at a time."""
_DOUBLES = 8


@intrinsic
def combine_rows(typing: Any, matrix: Any, width: Any, factors: Any, rows: Any, columns: Any, out: Any) -> Any:
    """Set out[k] = Σ_i factors[i] · matrix[i, k], float64, summed in the order i = 0 … rows - 1.

    Args:
        matrix: (rows or more, width).
        columns: number of k, a multiple of ``COLUMNS``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float64", _DOUBLES)
        _, width, _, rows, columns, _ = arguments
        matrix_data, factors_data, out_data = (w.data(argument) for argument in (0, 2, 5))
        with w.every(columns, step=COLUMNS) as first:
            places = [builder.add(first, index(start)) for start in range(0, COLUMNS, _DOUBLES)]
            sums = [w.variable(w.constant(0)) for _ in places]
            with w.times(rows) as i:
                factor = w.spread(builder.load(builder.gep(factors_data, [i])))
                row = builder.mul(i, width)
                for place, total in zip(places, sums, strict=True):
                    product = builder.fmul(w.load(w.place(matrix_data, row, place)), factor)
                    w.store(builder.fadd(w.load(total), product), total)
            for place, total in zip(places, sums, strict=True):
                w.store(w.load(total), w.place(out_data, place))
        return context.get_dummy_value()

    ip = types.intp
    return types.void(matrix, ip, factors, ip, ip, out), generate


@intrinsic
def update_rows(
    typing: Any,
    matrix: Any,
    width: Any,
    factors: Any,
    vector: Any,
    growth: Any,
    rows: Any,
    columns: Any,
    next_factors: Any,
    out: Any,
) -> Any:
    """Set matrix[i, k] ← (matrix[i, k] + factors[i] · vector[k]) · growth for all rows, then do :func:`combine_rows`.

    Args:
        matrix: (rows, width).
        columns: number of k, a multiple of ``COLUMNS``.
        next_factors: (rows,), the factors of :func:`combine_rows`.
        out: may be ``vector``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        w = Vectors(context, builder, signature, arguments, "float64", _DOUBLES)
        _, width, _, _, growth, rows, columns, _, _ = arguments
        matrix_data, factors_data, vector_data, next_data, out_data = (w.data(argument) for argument in (0, 2, 3, 7, 8))
        growth = w.spread(growth)
        with w.every(columns, step=COLUMNS) as first:
            places = [builder.add(first, index(start)) for start in range(0, COLUMNS, _DOUBLES)]
            added = [w.load(w.place(vector_data, place)) for place in places]
            sums = [w.variable(w.constant(0)) for _ in places]
            with w.times(rows) as i:
                factor, following = (
                    w.spread(builder.load(builder.gep(data, [i]))) for data in (factors_data, next_data)
                )
                row = builder.mul(i, width)
                for place, more, total in zip(places, added, sums, strict=True):
                    own = w.place(matrix_data, row, place)
                    value = builder.fmul(builder.fadd(w.load(own), builder.fmul(factor, more)), growth)
                    w.store(value, own)
                    w.store(builder.fadd(w.load(total), builder.fmul(value, following)), total)
            for place, total in zip(places, sums, strict=True):
                w.store(w.load(total), w.place(out_data, place))
        return context.get_dummy_value()

    ip = types.intp
    return types.void(matrix, ip, factors, vector, types.float64, ip, ip, next_factors, out), generate
