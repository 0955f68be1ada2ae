"""Two arithmetics for one network: differentiable to train, exact to code.

Every net, flow and prior of this package is written once, against the few operations of
:class:`Arithmetic`, and runs under either of

* :class:`idf.arithmetic.differentiable.Differentiable`: float32 TensorFlow with straight-through
  rounding, for training and for the likelihood that training reports;
* :class:`idf.arithmetic.exact.Exact`: NumPy float64 that carries fixed point, for coding.

The parts that take most of the time in coding are written twice, side by side: as a formula, and as a compiled loop
that makes fewer passes over memory and computes the same bits (:meth:`Arithmetic.fused`).

**Why the exact one gives the same bits everywhere.** Weights and activations are integers times
2**-bits. In every reduction (``matmul``, ``sum``) the products and all partial sums are integers
below 2**53 times a power of two, hence exactly representable: the order of summation, threads,
vector width and fused multiply-add cannot change the result. Outside reductions only elementwise
``+ - * /``, ``sqrt``, comparisons and rounding occur, which IEEE 754 defines to the last bit.
Nothing depends on a library's exponential or logarithm: levels come from a table of thresholds, and
:mod:`idf.arithmetic.logarithms` computes both functions by elementary operations in a fixed order. Non-linearities
are the piecewise quadratics below, which training uses as well, so nothing is lost between training and coding.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

Result = TypeVar("Result")

Array = Any
"""``np.ndarray`` float64 under :class:`~idf.arithmetic.exact.Exact`, ``tf.Tensor`` float32 under :class:`~idf.arithmetic.differentiable.Differentiable`."""

ACTIVATION_BITS = 10
"""Fraction bits of an activation, which has 17 bits in total including the sign."""
ACTIVATION_LIMIT = 64.0
WEIGHT_BITS = 12
"""Fraction bits of a weight, which has 16 bits in total; the literature reports losses well under 1 % for 16 bits."""
WEIGHT_LIMIT = 8.0
FINE_BITS = 16
"""Fraction bits of weights that multiply raw samples, or whose products are scaled up to samples."""


@dataclass(frozen=True)
class ParameterSpec:
    """A trained array.

    Attributes:
        shape: axes as documented by the net that owns it.
        initial: draws the float32 initial values from a given generator.
        bits: fraction bits of the grid to which the values are rounded when used.
        limit: values are clipped to [-limit, limit] when used.
    """

    shape: tuple[int, ...]
    initial: Callable[[np.random.Generator], np.ndarray]
    bits: int = WEIGHT_BITS
    limit: float = WEIGHT_LIMIT


Specs = dict[str, ParameterSpec]
Parameters = dict[str, Array]


def normal(shape: Sequence[int], standard_deviation: float, **grid: Any) -> ParameterSpec:
    """Return a parameter with independent Gaussian initial values."""
    return ParameterSpec(
        tuple(shape), lambda rng: (rng.normal(size=shape) * standard_deviation).astype(np.float32), **grid
    )


def initial_values(specs: Specs, seed: int) -> dict[str, np.ndarray]:
    """Return initial values, float32, by name. Each array has its own generator, seeded with seed and name."""
    return {
        name: spec.initial(np.random.default_rng((seed, zlib.crc32(name.encode())))) for name, spec in specs.items()
    }


def zeros(shape: Sequence[int], **grid: Any) -> ParameterSpec:
    """Return a parameter that starts at zero."""
    return ParameterSpec(tuple(shape), lambda rng: np.zeros(shape, np.float32), **grid)


def values(start: np.ndarray, **grid: Any) -> ParameterSpec:
    """Return a parameter that starts at the given values."""
    return ParameterSpec(start.shape, lambda rng: start.astype(np.float32), **grid)


class Arithmetic(Protocol):
    """The operations of nets. Shapes follow NumPy; arrays also support ``+ - * /`` and slicing."""

    def constant(self, value: np.ndarray) -> Array:
        """Return a NumPy array in this arithmetic's type and dtype."""

    def quantise(self, spec: ParameterSpec, value: Array) -> Array:
        """Return a parameter rounded to its grid and clipped to its limit."""

    def matmul(self, x: Array, w: Array) -> Array:
        """Return ``x @ w``, broadcast over leading axes. Exact if both are on grids (see the module's docstring)."""

    def grid(self, x: Array, bits: int, limit: float) -> Array:
        """Return ``x`` rounded to multiples of 2**-bits (ties to even) and clipped; gradients ignore the rounding."""

    def fused(self, formula: Callable[..., Result], compiled: Callable[..., Result], *arguments: Any) -> Result:
        """Return ``formula(a, *arguments)`` in training and ``compiled(*arguments)`` when coding.

        Both compute the same numbers: the formula is differentiable, the compiled loop makes fewer passes over memory.
        """

    def shape(self, x: Array) -> list[Any]:
        """Return the lengths of the axes; a length that is unknown while tracing is a scalar tensor."""

    def clip(self, x: Array, low: float, high: float) -> Array:
        """Return ``x`` clipped to [low, high]; gradients vanish outside."""

    def absolute(self, x: Array) -> Array:
        """Return ``|x|``."""

    def concat(self, arrays: Sequence[Array], axis: int) -> Array:
        """Return ``arrays`` concatenated along ``axis``."""

    def pad_time(self, x: Array, before: int, after: int) -> Array:
        """Return ``x`` (batch, time, channels) with zero frames before and after."""

    def box_sum(self, x: Array, frames: int) -> Array:
        """Return the sum over the ``2 · frames + 1`` frames around each frame of ``x`` (batch, time, channels).

        The sum runs from the earliest to the latest frame, with zeros outside; the shape does not change.
        """

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        """Return ``x`` with another shape; one axis may be -1."""

    def transpose(self, x: Array, axes: Sequence[int]) -> Array:
        """Return ``x`` with its axes in the given order."""

    def take_channels(self, x: Array, order: np.ndarray) -> Array:
        """Return ``x[..., order]``."""

    def sum(self, x: Array, axis: int) -> Array:
        """Return the sum over one axis. Exact if ``x`` is on a grid."""

    def least(self, x: Array, axis: int) -> Array:
        """Return the minimum over one axis."""

    def log2(self, x: Array) -> Array:
        """Return log2(x) for x > 0, in multiples of 2**-10 when coding."""

    def exp2(self, x: Array) -> Array:
        """Return 2**x for x <= 0, in multiples of 2**-16 when coding."""

    def scan(self, step: Callable[[Array, dict[str, Array]], Array], start: Array, steps: dict[str, Array]) -> Array:
        """Return the successive results of ``x = step(x, …)`` from ``start``, stacked.

        Each step gets one entry of the arrays in ``steps``, along their first axis.
        """

    def detached(self, x: Array) -> Array:
        """Return ``x`` as a constant, without gradient."""

    def wrap16(self, x: Array) -> Array:
        """Return integers wrapped to [-32768, 32767]; the gradient is that of the identity."""

    def level_index(self, power: Array) -> Array:
        """Return floor(8 log2(sqrt(power))), clipped to [0, 128], without gradient; see :mod:`idf.nets.level`."""

    def level_value(self, index: Array) -> Array:
        """Return 2**(index / 8), rounded to 24 significant bits."""


def unit(a: Arithmetic, x: Array) -> Array:
    """Return ``max(x, 0) + c + c²/4`` with ``c = clip(x, -2, 0)``, on the activation grid.

    This activation of the residual nets is a piecewise quadratic replacement for ELU, without an exponential: its slope
    is 1 above 0, and it is -1 below -2.
    """
    c = a.clip(x, -2.0, 0.0)
    return a.grid(a.clip(x, 0.0, ACTIVATION_LIMIT) + c + c * c * 0.25, ACTIVATION_BITS, ACTIVATION_LIMIT)


def soft_sign(a: Arithmetic, x: Array) -> Array:
    """Return ``c - c|c|/4`` with ``c = clip(x, -2, 2)``, a piecewise quadratic replacement for tanh."""
    c = a.clip(x, -2.0, 2.0)
    return c - c * a.absolute(c) * 0.25


def gate(a: Arithmetic, signal: Array, control: Array) -> Array:
    """Return WaveNet's gated unit tanh(signal) · sigmoid(control) (van den Oord et al. 2016, eq. 2).

    The result is on the activation grid; both functions are the piecewise quadratics of :func:`soft_sign`.
    """
    return a.grid(soft_sign(a, signal) * (soft_sign(a, control * 0.5) * 0.5 + 0.5), ACTIVATION_BITS, ACTIVATION_LIMIT)
