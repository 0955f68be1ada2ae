"""Integer flows: maps from integers to integers that are undone exactly, whatever their nets compute."""

from idf.flows.coupling import AdditiveCoupling
from idf.flows.permutation import Permutation, draw_permutation
from idf.flows.squeeze import squeeze, unsqueeze

__all__ = ["AdditiveCoupling", "Permutation", "draw_permutation", "squeeze", "unsqueeze"]
