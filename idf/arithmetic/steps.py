"""The operations of :class:`idf.arithmetic.exact.Exact` on a single number, for the compiled loops of coding."""

from __future__ import annotations

import numpy as np

from idf.arithmetic import ACTIVATION_BITS, ACTIVATION_LIMIT
from idf.compiled import compiled_step

_SCALE, _STEP = 2.0**ACTIVATION_BITS, 2.0**-ACTIVATION_BITS


@compiled_step
def grid_of(x: float, scale: float, step: float, limit: float) -> float:
    """Return ``x`` rounded to multiples of ``step`` = 1 / ``scale`` (ties to even) and clipped to ±``limit``."""
    return min(max(np.rint(x * scale) * step, -limit), limit)


@compiled_step
def activation_of(x: float) -> float:
    """Return ``x`` on the activation grid."""
    return grid_of(x, _SCALE, _STEP, ACTIVATION_LIMIT)


@compiled_step
def unit_of(x: float) -> float:
    """Return :func:`idf.arithmetic.unit` of ``x``, by the same operations in the same order."""
    c = min(max(x, -2.0), 0.0)
    return activation_of(min(max(x, 0.0), ACTIVATION_LIMIT) + c + c * c * 0.25)
