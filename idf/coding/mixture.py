"""The distribution that the coder uses: a mixture of discretised logistics with integer parameters.

The mixture is defined on the 16-bit samples z = -32768 ... 32767, at k = z + 32768. With F the mixture's
CDF at the lower edge of symbol k (z - 1/2), the coder uses the integer CDF

    C(k) = k + floor((2^p - 2^16) F(k)),   k = 0 ... 2^16,   F(0) = 0,   F(2^16) = 1.

So the two extreme symbols get the tails, and every symbol has a frequency of at least 1: any input can be coded, in at
most p bits per symbol. That minimum takes 2^(16-p) of the mass: 0.0004 bits per symbol at p = 28. There are no tables
per symbol, so memory is needed only for the parameters.

The bits are written by :mod:`idf.coding.message`; the arithmetic is in :mod:`idf.coding.kernels`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from idf.coding import kernels
from idf.coding.alphabet import full
from idf.coding.tables import EXP_STEPS_PER_NAT, SCALE_MAX, SCALE_MIN, SCALE_STEPS_PER_OCTAVE, coding_tables

PRECISION = 28
"""Bits of frequency resolution. With fewer, the minimum frequency costs more (0.006 bits at 24); more overflow int64."""
PRECISION_RANGE = range(24, 29)

SYMBOL_MIN = -kernels.HALF
SYMBOL_MAX = kernels.HALF - 1

_IDEAL_ROWS = 1 << 14


@dataclass(frozen=True)
class IntegerMixture:
    """Mixtures of M logistics for n symbols, one each.

    Every int32 value is allowed; values outside the ranges below act like the nearest one inside.

    Attributes:
        logits: int32 (n, M), units of 1/64 nat. Only differences matter. A component 22 nats or more
            below the heaviest has no weight.
        means: int32 (n, M), units of 1/256 sample step, -2^24 ... 2^24.
        scales: int32 (n, M), log2 of the scale in 1/32 octave: the scale is 2^(k/32) sample steps,
            k = -192 ... 512.

    Raises:
        ValueError: wrong dtype, unequal shapes, or M = 0.
    """

    logits: np.ndarray
    means: np.ndarray
    scales: np.ndarray

    def __post_init__(self) -> None:
        for field in fields(self):
            array = np.asarray(getattr(self, field.name))
            if array.dtype != np.int32 or array.ndim != 2 or array.shape[1] == 0:
                raise ValueError(f"{field.name} must be int32 (n, M) with M > 0, not {array.dtype} {array.shape}")
            if array.shape != np.shape(self.logits):
                raise ValueError(f"{field.name} has shape {array.shape}, but logits have {np.shape(self.logits)}")
            # a single memory layout, since numba compiles once for each
            object.__setattr__(self, field.name, np.require(array, requirements=["C_CONTIGUOUS", "WRITEABLE"]))

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def components(self) -> int:
        """M, the number of logistics in each symbol's mixture."""
        return int(self.logits.shape[1])


@dataclass(frozen=True)
class DecodedSymbols:
    """Symbols found by :func:`locate`, int32 (n,), and their intervals, int64 starts and freqs (n,)."""

    symbols: np.ndarray
    starts: np.ndarray
    freqs: np.ndarray


def intervals(
    symbols: np.ndarray, mixture: IntegerMixture, precision: int = PRECISION
) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of each symbol in [0, 2^precision).

    Args:
        symbols: int32 (n,), -32768 ... 32767.
        mixture: their n mixtures.
        precision: bits of frequency resolution.

    Returns:
        starts, freqs: int64 (n,) each; freqs are at least 1.
    """
    symbols = checked_symbols(symbols, mixture)
    starts = np.empty(len(symbols), np.int64)
    freqs = np.empty(len(symbols), np.int64)
    kernels.intervals(symbols, *kernel_arguments(mixture, precision), starts, freqs)
    return starts, freqs


def locate(targets: np.ndarray, mixture: IntegerMixture, precision: int = PRECISION) -> DecodedSymbols:
    """Return the symbol whose interval contains each target.

    Args:
        targets: int64 (n,), 0 ... 2^precision - 1.
        mixture: the n mixtures.
        precision: bits of frequency resolution.
    """
    targets = np.ascontiguousarray(targets, np.int64)
    if targets.shape != (len(mixture),):
        raise ValueError(f"targets have shape {targets.shape}, but the mixture has {len(mixture)} symbols")
    found = DecodedSymbols(
        np.empty(len(targets), np.int32), np.empty(len(targets), np.int64), np.empty(len(targets), np.int64)
    )
    kernels.locate(targets, *kernel_arguments(mixture, precision), found.symbols, found.starts, found.freqs)
    return found


def cumulative(mixture: IntegerMixture, index: int, precision: int = PRECISION) -> np.ndarray:
    """Return C(k) of one symbol for every k, int64 (65537,). For tests and plots."""
    out = np.empty(kernels.RING + 1, np.int64)
    if not 0 <= index < len(mixture):
        raise IndexError(f"symbol {index} of {len(mixture)}")
    kernels.cumulative_all(index, *kernel_arguments(mixture, precision), out)
    return out


def ideal_bits(symbols: np.ndarray, mixture: IntegerMixture) -> np.ndarray:
    """Return -log2 of the real-valued mixture in float64: the bits that coding would take without rounding.

    With a and b the edges z + 1/2 and z - 1/2 in units of the scale around the mean, a logistic gives
    log(sigma(a) - sigma(b)) = -softplus(-a) - softplus(b) + log(-expm1(b - a)); the extreme symbols
    get the open tails. For analysis only; decoding does not use it.

    Args:
        symbols: int32 (n,), -32768 ... 32767.
        mixture: their n mixtures.

    Returns:
        float64 (n,), bits.
    """
    symbols = checked_symbols(symbols, mixture)
    bits = np.empty(len(symbols), np.float64)
    for first in range(0, len(symbols), _IDEAL_ROWS):
        rows = slice(first, first + _IDEAL_ROWS)
        z = symbols[rows, None].astype(np.float64)
        mean = np.clip(mixture.means[rows], -kernels.MEAN_LIMIT, kernels.MEAN_LIMIT) / (1 << kernels.MEAN_BITS)
        scale = np.exp2(np.clip(mixture.scales[rows], SCALE_MIN, SCALE_MAX) / SCALE_STEPS_PER_OCTAVE)
        a = (z + 0.5 - mean) / scale
        b = (z - 0.5 - mean) / scale
        below_a = -np.logaddexp(0.0, -a)
        above_b = -np.logaddexp(0.0, b)
        log_mass = below_a + above_b + np.log(-np.expm1(-1.0 / scale))
        log_mass = np.where(z == SYMBOL_MIN, below_a, np.where(z == SYMBOL_MAX, above_b, log_mass))
        logits = mixture.logits[rows] / EXP_STEPS_PER_NAT
        log_weight = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        bits[rows] = -np.logaddexp.reduce(log_weight + log_mass, axis=1) / np.log(2.0)
    return bits


def checked_symbols(symbols: np.ndarray, mixture: IntegerMixture) -> np.ndarray:
    """Return ``symbols`` as contiguous int32.

    Raises:
        ValueError: not integers, not as many as the mixture has, or outside 16 bits.
    """
    symbols = np.asarray(symbols)
    if symbols.shape != (len(mixture),):
        raise ValueError(f"symbols have shape {symbols.shape}, but the mixture has {len(mixture)} symbols")
    if not np.issubdtype(symbols.dtype, np.integer):
        raise ValueError(f"symbols must be integers, not {symbols.dtype}")
    if len(symbols) and not (symbols.min() >= SYMBOL_MIN and symbols.max() <= SYMBOL_MAX):
        raise ValueError(f"symbols range from {symbols.min()} to {symbols.max()}, which exceeds 16 bits")
    return np.require(symbols, np.int32, ["C_CONTIGUOUS", "WRITEABLE"])


def checked_precision(precision: int) -> int:
    """Return ``precision`` if it is 24 ... 28. Raises ValueError otherwise."""
    if precision not in PRECISION_RANGE:
        raise ValueError(f"precision is {precision}; it must be {PRECISION_RANGE.start} ... {PRECISION_RANGE.stop - 1}")
    return precision


def kernel_arguments(mixture: IntegerMixture, precision: int) -> tuple[Any, ...]:
    """Return the kernels' common arguments after the first: parameters, precision, tables, edges, ranks, scratch."""
    tables = coding_tables()
    parameters = (mixture.logits, mixture.means, mixture.scales)
    precision = checked_precision(precision)
    scratch = np.empty((3, mixture.components), np.int64)
    return (*parameters, precision, tables.sigma, tables.exp, tables.inverse, full().edges, full().ranks, scratch)
