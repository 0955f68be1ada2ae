"""The non-causal WaveNet of WaveGlow (Prenger et al. 2019, §3), on the grid of :mod:`idf.arithmetic`.

It consists of a 1x1 convolution, ``layers`` gated dilated convolutions with residual and skip paths, and a
1x1 convolution that starts at zero. tanh and sigmoid are the piecewise quadratics of
:func:`idf.arithmetic.gate`.
"""

from __future__ import annotations

import math

import numpy as np

from idf.arithmetic import (
    ACTIVATION_BITS,
    ACTIVATION_LIMIT,
    Arithmetic,
    Array,
    Parameters,
    Specs,
    gate,
    normal,
    values,
    zeros,
)

_OUTPUT_BITS = 20
"""Fraction bits of the last weights; at the original's scale of 2^15, a step of 2^-20 is 1/32 of a 16-bit step."""


class WaveNet:
    """Maps (batch, time, inputs) on a grid to (batch, time, outputs). The dilation of layer i is 2**i.

    Args:
        name: prefix of the parameters' names.
        layers: number of dilated convolutions.
        channels: of each layer.
        kernel: taps of the dilated convolutions.
        output_bias: (outputs,) initial values of the last bias; zero if None.
    """

    def __init__(
        self,
        name: str,
        inputs: int,
        outputs: int,
        *,
        layers: int,
        channels: int,
        kernel: int,
        output_bias: np.ndarray | None = None,
    ) -> None:
        self.name, self.layers, self.channels, self.kernel = name, layers, channels, kernel
        self.specs: Specs = {
            f"{name}/start/kernel": normal((inputs, channels), 1 / math.sqrt(inputs)),
            f"{name}/start/bias": zeros((channels,)),
            f"{name}/end/kernel": zeros((channels, outputs), bits=_OUTPUT_BITS),
            f"{name}/end/bias": values(
                np.zeros(outputs) if output_bias is None else output_bias, bits=_OUTPUT_BITS, limit=64.0
            ),
        }
        for layer in range(layers):
            out = channels if layer == layers - 1 else 2 * channels
            self.specs |= {
                f"{name}/{layer}/dilated/kernel": normal(
                    (kernel, channels, 2 * channels), 1 / math.sqrt(kernel * channels)
                ),
                f"{name}/{layer}/dilated/bias": zeros((2 * channels,)),
                f"{name}/{layer}/out/kernel": normal((channels, out), 1 / math.sqrt(channels)),
                f"{name}/{layer}/out/bias": zeros((out,)),
            }

    def __call__(self, a: Arithmetic, p: Parameters, x: Array) -> Array:
        h = self._grid(a, a.matmul(x, p[f"{self.name}/start/kernel"]) + p[f"{self.name}/start/bias"])
        skip: Array = 0.0
        for layer in range(self.layers):
            prefix = f"{self.name}/{layer}"
            both = self._dilated(a, p, h, layer)
            gated = gate(a, both[..., : self.channels], both[..., self.channels :])
            out = self._grid(a, a.matmul(gated, p[f"{prefix}/out/kernel"]) + p[f"{prefix}/out/bias"])
            if layer < self.layers - 1:
                h = self._grid(a, h + out[..., : self.channels])
                skip = skip + out[..., self.channels :]
            else:
                skip = skip + out
        return a.matmul(self._grid(a, skip), p[f"{self.name}/end/kernel"]) + p[f"{self.name}/end/bias"]

    def _dilated(self, a: Arithmetic, p: Parameters, h: Array, layer: int) -> Array:
        """Return a zero-padded dilated convolution, as a product per tap without the taps that see only padding."""
        kernel = p[f"{self.name}/{layer}/dilated/kernel"]
        time = a.shape(h)[1]
        reach = 2**layer * (self.kernel // 2)
        padded = a.pad_time(h, reach, 2**layer * (self.kernel - 1) - reach)
        total = p[f"{self.name}/{layer}/dilated/bias"]
        for tap in range(self.kernel):
            offset = tap * 2**layer
            if isinstance(time, int) and abs(offset - reach) >= time:
                continue
            total = total + a.matmul(padded[:, offset : offset + time], kernel[tap])
        return total

    @staticmethod
    def _grid(a: Arithmetic, x: Array) -> Array:
        return a.grid(x, ACTIVATION_BITS, ACTIVATION_LIMIT)
