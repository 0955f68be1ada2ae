"""Linear experts that a net gates, in couplings and priors: the grids of both, and the scale of the net's offsets."""

from __future__ import annotations

from idf.arithmetic import ACTIVATION_BITS, Arithmetic, Array
from idf.arithmetic.steps import grid_of
from idf.compiled import compiled_step

OFFSET_SCALE = 0.3
"""Scale of a net's offsets, relative to the level."""
_GATE_LIMIT = 16.0
_BASIS_BITS, _BASIS_LIMIT = 4, 2.0**22


def basis_on_grid(a: Arithmetic, x: Array) -> Array:
    """Return the predictions of experts on their grid."""
    return a.grid(x, _BASIS_BITS, _BASIS_LIMIT)


def gates_on_grid(a: Arithmetic, x: Array) -> Array:
    """Return gates on their grid."""
    return a.grid(x, ACTIVATION_BITS, _GATE_LIMIT)


@compiled_step
def basis_of(x: float) -> float:
    """Return :func:`basis_on_grid` of a single number."""
    return grid_of(x, 2.0**_BASIS_BITS, 2.0**-_BASIS_BITS, _BASIS_LIMIT)


@compiled_step
def gate_of(x: float) -> float:
    """Return :func:`gates_on_grid` of a single number."""
    return grid_of(x, 2.0**ACTIVATION_BITS, 2.0**-ACTIVATION_BITS, _GATE_LIMIT)
