"""Integer flows: maps between integers that are inverted exactly, whatever their nets compute."""

from idf.flows.coupling import AdditiveCoupling
from idf.flows.gated import GatedCoupling, GatedCouplings, split_of
from idf.flows.permutation import Permutation, draw_permutation
from idf.flows.squeeze import squeeze, unsqueeze

__all__ = [
    "AdditiveCoupling",
    "GatedCoupling",
    "GatedCouplings",
    "Permutation",
    "draw_permutation",
    "split_of",
    "squeeze",
    "unsqueeze",
]
