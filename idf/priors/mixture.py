"""A mixture of discretised logistics (Salimans et al. 2017, §2.1) with parameters on the coder's grid.

The coder's means are multiples of 1/256 step, its scales of 1/32 octave and its logits of 1/64 nat
(:class:`idf.coding.mixture.IntegerMixture`). Training rounds to the same grid, so likelihood and coded
size come from the same distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

from idf.arithmetic import Arithmetic, Array

MEAN_BITS, SCALE_BITS, LOGIT_BITS = 8, 5, 6
MEAN_LIMIT = 65536.0
LEAST_OCTAVE, LAST_OCTAVE = -6.0, 16.0
LOGIT_LIMIT = 16.0
FULL_SCALE_OCTAVES = 15.0
"""log2 of 32768: an amplitude of 1 on the [-1, 1) scale, in 16-bit steps."""


NATS_PER_OCTAVE = 0.6931471805599453
"""ln 2 as a literal, because the last bit of a library's logarithm depends on the machine."""


@dataclass(frozen=True)
class Mixture:
    """Distributions of integer latents of shape (...); every field has shape (..., components).

    Attributes:
        logits: unnormalised log-weights, nats.
        means: 16-bit steps.
        octaves: log2 of the scale in 16-bit steps.
    """

    logits: Array
    means: Array
    octaves: Array


def mixture_on_grid(a: Arithmetic, logits: Array, means: Array, octaves: Array) -> Mixture:
    """Return a net's outputs rounded to the coder's grid and clipped to its range."""
    return Mixture(
        a.grid(logits, LOGIT_BITS, LOGIT_LIMIT),
        a.grid(means, MEAN_BITS, MEAN_LIMIT),
        a.grid(a.clip(octaves, LEAST_OCTAVE, LAST_OCTAVE), SCALE_BITS, LAST_OCTAVE),
    )
