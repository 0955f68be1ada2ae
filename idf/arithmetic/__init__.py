"""Two arithmetics for one network: differentiable to train, exact to code.

Every net, flow and prior of this package is written once, against the few operations of
:class:`Arithmetic`, and runs under either of

* :class:`idf.arithmetic.differentiable.Differentiable`: float32 TensorFlow with straight-through
  rounding, for training and for the likelihood that training reports;
* :class:`idf.arithmetic.exact.Exact`: NumPy float64 that carries fixed point, for coding.

**Why the exact one gives the same bits everywhere.** Weights and activations are integers times
2**-bits. In every reduction (``matmul``, ``sum``) the products and all partial sums are integers
below 2**53 times a power of two, hence exactly representable: the order of summation, threads,
vector width and fused multiply-add cannot change the result. Outside reductions only elementwise
``+ - * /``, ``sqrt``, comparisons and rounding occur, which IEEE 754 defines to the last bit.
No library's exponential or logarithm occurs: levels come from a table of thresholds, and
:mod:`idf.arithmetic.logarithms` makes both from elementary operations in a fixed order. Non-linearities
are the piecewise quadratics below, which training uses as well, so nothing is lost at the switch.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Array = Any
"""``np.ndarray`` float64 under :class:`~idf.arithmetic.exact.Exact`, ``tf.Tensor`` float32 under :class:`~idf.arithmetic.differentiable.Differentiable`."""

ACTIVATION_BITS = 10
"""Fraction bits of an activation. With the limit below: 17 bits with the sign."""
ACTIVATION_LIMIT = 64.0
WEIGHT_BITS = 12
"""Fraction bits of a weight. 16 bits with the sign; the literature loses well under 1 % there."""
WEIGHT_LIMIT = 8.0
FINE_BITS = 16
"""Fraction bits of weights that multiply raw samples or whose products are scaled up to samples."""


@dataclass(frozen=True)
class ParameterSpec:
    """One trained array.

    Attributes:
        shape: axes as the owning net documents them.
        initial: draws the float32 starting values from a generator of its own.
        bits: fraction bits of the grid that the values are rounded to when used.
        limit: values are clipped to [-limit, limit] when used.
    """

    shape: tuple[int, ...]
    initial: Callable[[np.random.Generator], np.ndarray]
    bits: int = WEIGHT_BITS
    limit: float = WEIGHT_LIMIT


Specs = dict[str, ParameterSpec]
Parameters = dict[str, Array]


def normal(shape: Sequence[int], standard_deviation: float, **grid: Any) -> ParameterSpec:
    """A parameter that starts as independent Gaussians."""
    return ParameterSpec(
        tuple(shape), lambda rng: (rng.normal(size=shape) * standard_deviation).astype(np.float32), **grid
    )


def initial_values(specs: Specs, seed: int) -> dict[str, np.ndarray]:
    """Starting values, float32, by name. Each array has a generator of its own, named by seed and parameter."""
    return {
        name: spec.initial(np.random.default_rng((seed, zlib.crc32(name.encode())))) for name, spec in specs.items()
    }


def zeros(shape: Sequence[int], **grid: Any) -> ParameterSpec:
    """A parameter that starts at zero."""
    return ParameterSpec(tuple(shape), lambda rng: np.zeros(shape, np.float32), **grid)


def values(start: np.ndarray, **grid: Any) -> ParameterSpec:
    """A parameter that starts at given values."""
    return ParameterSpec(start.shape, lambda rng: start.astype(np.float32), **grid)


class Arithmetic(Protocol):
    """The operations that nets are written in. Shapes follow NumPy; arrays also support ``+ - * /`` and slicing."""

    def constant(self, value: np.ndarray) -> Array:
        """A NumPy array in this arithmetic's own kind and dtype."""

    def quantise(self, spec: ParameterSpec, value: Array) -> Array:
        """A parameter on its grid, inside its limit."""

    def matmul(self, x: Array, w: Array) -> Array:
        """``x @ w`` with broadcasting over leading axes. Exact when both are on grids (see the module)."""

    def grid(self, x: Array, bits: int, limit: float) -> Array:
        """``x`` rounded to multiples of 2**-bits (ties to even) and clipped; gradients pass straight through rounding."""

    def unit(self, x: Array) -> Array:
        """The residual nets' activation, :func:`unit_formula`."""

    def shape(self, x: Array) -> list[Any]:
        """The axes' lengths; a length that is known only while running comes as a scalar tensor."""

    def clip(self, x: Array, low: float, high: float) -> Array:
        """``x`` clipped; gradients vanish outside."""

    def absolute(self, x: Array) -> Array:
        """``|x|``."""

    def concat(self, arrays: Sequence[Array], axis: int) -> Array:
        """Joined along ``axis``."""

    def pad_time(self, x: Array, before: int, after: int) -> Array:
        """``x`` of shape (batch, time, channels) with zero frames before and after."""

    def box_sum(self, x: Array, frames: int) -> Array:
        """Sum over the ``2 · frames + 1`` frames around each, from the earliest to the last, zeros outside; the shape
        stays (batch, time, channels)."""

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        """Reshaped; one axis may be -1."""

    def transpose(self, x: Array, axes: Sequence[int]) -> Array:
        """Axes in the given order."""

    def take_channels(self, x: Array, order: np.ndarray) -> Array:
        """``x[..., order]``."""

    def sum(self, x: Array, axis: int) -> Array:
        """Sum over one axis. Exact when ``x`` is on a grid."""

    def least(self, x: Array, axis: int) -> Array:
        """The smallest along one axis."""

    def log2(self, x: Array) -> Array:
        """log2 of what is above 0, in multiples of 2**-10 when coding."""

    def exp2(self, x: Array) -> Array:
        """2**x of what is not above 0, in multiples of 2**-16 when coding."""

    def scan(self, step: Callable[[Array, dict[str, Array]], Array], start: Array, steps: dict[str, Array]) -> Array:
        """The results of ``x = step(x, …)``, one after the other from ``start`` on, stacked; the arrays of ``steps``
        are taken apart along their first axis."""

    def detached(self, x: Array) -> Array:
        """``x`` as a constant: no gradient passes."""

    def wrap16(self, x: Array) -> Array:
        """Integers wrapped to [-32768, 32767]; the gradient is that of the identity."""

    def level_index(self, power: Array) -> Array:
        """Floor of 8 log2(sqrt(power)), clipped to [0, 128], without gradient; see :mod:`idf.nets.level`."""

    def level_value(self, index: Array) -> Array:
        """2**(index / 8), rounded to 24 significant bits."""


def unit_formula(a: Arithmetic, x: Array) -> Array:
    """``max(x, 0) + c + c²/4`` with ``c = clip(x, -2, 0)``, on the activation grid.

    A piecewise quadratic stand-in for ELU: slope 1 at 0 and above, -1 at and below -2, no exponential.
    """
    c = a.clip(x, -2.0, 0.0)
    return a.grid(a.clip(x, 0.0, ACTIVATION_LIMIT) + c + c * c * 0.25, ACTIVATION_BITS, ACTIVATION_LIMIT)


def soft_sign(a: Arithmetic, x: Array) -> Array:
    """A piecewise quadratic stand-in for tanh: ``c - c|c|/4`` with ``c = clip(x, -2, 2)``."""
    c = a.clip(x, -2.0, 2.0)
    return c - c * a.absolute(c) * 0.25


def gate(a: Arithmetic, signal: Array, control: Array) -> Array:
    """WaveNet's gated unit tanh(signal) · sigmoid(control) on the activation grid (van den Oord et al. 2016, eq. 2)."""
    return a.grid(soft_sign(a, signal) * (soft_sign(a, control * 0.5) * 0.5 + 0.5), ACTIVATION_BITS, ACTIVATION_LIMIT)
