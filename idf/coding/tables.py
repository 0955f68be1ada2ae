"""The integer tables of the entropy coder: logistic sigma, exp and powers of two.

A compressed file can be decoded only with exactly these numbers. They are computed in floats or, if that gives other
numbers, in decimal arithmetic, which is the same on every machine, and compared with a fixed digest. So a difference is
an error and never a wrong decoding. :mod:`idf.coding.kernels` interpolates them.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

import numpy as np

SIGMA_LIMIT_NATS = 22
"""sigma is tabulated on [-22, 22]; beyond it the tail is below 2^-31, less than one unit of frequency."""
SIGMA_STEPS_PER_NAT = 64
"""Linear interpolation at this spacing costs less than 1e-5 bits per symbol."""
SIGMA_BITS = 32
EXP_STEPS_PER_NAT = 64
EXP_BITS = 30
INVERSE_BITS = 30
SCALE_STEPS_PER_OCTAVE = 32
SCALE_MIN = -192
"""Smallest log2-scale in 1/32 octaves: 2^-6 of a sample step."""
SCALE_MAX = 512
"""Largest log2-scale in 1/32 octaves: 2^16 sample steps, the whole ring."""

TABLES_DIGEST = "a465cf4b630f7b6c29b76567a30a6e2fa4978bd2172e6f7a742a64bd8048dd89"
"""SHA-256 of the three tables (see :meth:`Tables.digest`). Part of the format: it never changes."""

_DIGITS = 50


@dataclass(frozen=True)
class Tables:
    """The tables, read-only.

    Attributes:
        sigma: uint32 (2 * 22 * 64 + 1,), ``round(2^32 / (1 + exp(-x)))`` at x = -22, -22 + 1/64, ..., 22 nats.
        exp: int64 (22 * 64 + 1,), ``round(2^30 * exp(-j / 64))`` for j = 0 ... 1408.
        inverse: int64 (705,), ``round(2^30 * 2^(-k / 32))`` for k = -192 ... 512.
    """

    sigma: np.ndarray
    exp: np.ndarray
    inverse: np.ndarray

    def digest(self) -> str:
        """SHA-256 (hex) over sigma as little-endian uint32, then exp and inverse as little-endian int64."""
        state = hashlib.sha256()
        state.update(self.sigma.astype("<u4").tobytes())
        state.update(self.exp.astype("<i8").tobytes())
        state.update(self.inverse.astype("<i8").tobytes())
        return state.hexdigest()


@functools.cache
def coding_tables() -> Tables:
    """Return the tables, built and checked once per process.

    They are computed in floats, which takes a millisecond and is correct if the exponential is accurate to 40 bits, and
    otherwise in decimal arithmetic, which takes a tenth of a second.

    Raises:
        RuntimeError: the tables differ from those of the format. A user cannot fix this: the decimal arithmetic of
            this Python is broken.
    """
    tables = _estimate()
    if tables.digest() != TABLES_DIGEST:
        tables = _build()
    if tables.digest() != TABLES_DIGEST:
        raise RuntimeError(f"the coding tables have digest {tables.digest()}, but the format needs {TABLES_DIGEST}")
    return tables


def _estimate() -> Tables:
    last = SIGMA_LIMIT_NATS * SIGMA_STEPS_PER_NAT
    sigma = 2.0**SIGMA_BITS / (1 + np.exp(-np.arange(-last, last + 1) / SIGMA_STEPS_PER_NAT))
    exp = 2.0**EXP_BITS * np.exp(-np.arange(SIGMA_LIMIT_NATS * EXP_STEPS_PER_NAT + 1) / EXP_STEPS_PER_NAT)
    inverse = 2.0**INVERSE_BITS * np.exp2(-np.arange(SCALE_MIN, SCALE_MAX + 1) / SCALE_STEPS_PER_OCTAVE)
    return Tables(
        _frozen(np.rint(sigma), np.uint32), _frozen(np.rint(exp), np.int64), _frozen(np.rint(inverse), np.int64)
    )


def _build() -> Tables:
    with localcontext(Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)):
        one = Decimal(1)
        last = SIGMA_LIMIT_NATS * SIGMA_STEPS_PER_NAT
        sigma = [
            _rounded(2**SIGMA_BITS / (one + (Decimal(-i) / SIGMA_STEPS_PER_NAT).exp())) for i in range(-last, last + 1)
        ]
        exp = [
            _rounded(2**EXP_BITS * (Decimal(-j) / EXP_STEPS_PER_NAT).exp())
            for j in range(SIGMA_LIMIT_NATS * EXP_STEPS_PER_NAT + 1)
        ]
        octave = Decimal(2).ln() / SCALE_STEPS_PER_OCTAVE
        inverse = [_rounded(2**INVERSE_BITS * (-k * octave).exp()) for k in range(SCALE_MIN, SCALE_MAX + 1)]
    return Tables(_frozen(sigma, np.uint32), _frozen(exp, np.int64), _frozen(inverse, np.int64))


def _rounded(value: Decimal) -> int:
    return int(value.to_integral_value())


def _frozen(values: list[int] | np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    array = np.array(values, dtype)
    array.setflags(write=False)
    return array
