"""Logarithms and powers of two without a math library, whose results differ in the last bit between machines.

Both split a number into an exact exponent and a mantissa near 1 (or a small fraction), for which a short series of
IEEE operations in a fixed order suffices. The results are rounded to a grid far coarser than the error of the series.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from idf.compiled import compiled_loop, compiled_step, intrinsic, ir, types

LOG2_BITS = 10
"""Fraction bits of a logarithm."""
EXP2_BITS = 16
"""Fraction bits of a power of two."""

_ROOT_HALF = 0.7071067811865476
_TWICE_LOG2_E = 2.8853900817779268
_LN_2 = 0.6931471805599453
_LEAST = 18
"""Powers of 2^-18 and less round to 0 on their grid."""
_MANTISSA, _HALF = (1 << 52) - 1, 1022 << 52
_BIAS = 1023


@intrinsic
def bits_of(typing: Any, x: Any) -> Any:
    """Return the bits of a float64, as int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def number_of(typing: Any, bits: Any) -> Any:
    """Undo :func:`bits_of`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@compiled_step
def log2_of(x: float) -> float:
    """Return log2 of a positive normal number, in multiples of 2^-10.

    With m in [√½, √2) and s = (m − 1) / (m + 1), log2 m = 2 log2(e) · (s + s³/3 + s⁵/5 + s⁷/7), up to 5e-8.
    """
    bits = bits_of(x)
    mantissa = number_of((bits & _MANTISSA) | _HALF)
    exponent = float((bits >> 52) - 1022)
    small = mantissa < _ROOT_HALF
    mantissa = mantissa * 2.0 if small else mantissa
    exponent = exponent - 1.0 if small else exponent
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    series = ((square * (1.0 / 7.0) + 0.2) * square + 1.0 / 3.0) * square + 1.0
    return np.rint((series * s * _TWICE_LOG2_E + exponent) * 1024.0) * 2.0**-10


@compiled_step
def exp2_of(x: float) -> float:
    """Return 2^x for x <= 0, in multiples of 2^-16.

    The exponential series of the fraction in [−½, ½], up to the sixth power, has an error of at most 1e-7.
    """
    exponent = max(x, -float(_LEAST))
    whole = np.rint(exponent)
    t = (exponent - whole) * _LN_2
    series = t / 720.0 + 1.0 / 120.0
    series = ((((series * t + 1.0 / 24.0) * t + 1.0 / 6.0) * t + 0.5) * t + 1.0) * t + 1.0
    power = number_of((int(whole) + _BIAS) << 52)
    return np.rint(series * power * 65536.0) * 2.0**-16


@compiled_loop
def log2(x: np.ndarray, out: np.ndarray) -> None:
    """Apply :func:`log2_of` to each element of ``x`` (n,)."""
    for i in range(x.size):
        out[i] = log2_of(x[i])


@compiled_loop
def exp2(x: np.ndarray, out: np.ndarray) -> None:
    """Apply :func:`exp2_of` to each element of ``x`` (n,)."""
    for i in range(x.size):
        out[i] = exp2_of(x[i])
