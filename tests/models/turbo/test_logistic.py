"""A single logistic codes like a mixture of one component, and the search finds its values."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from idf.coding import kernels
from idf.coding.alphabet import Alphabet, full
from idf.coding.mixture import PRECISION
from idf.coding.tables import SCALE_MAX, SCALE_MIN
from idf.models.adaptive.sequential import loop_tables
from idf.models.turbo.logistic import ends, locate, make_guesses

SPARSE = Alphabet(np.unique(np.random.default_rng(1).integers(-32768, 32768, 300)).astype(np.int32))
TWO = Alphabet(np.array([-5, 7], np.int32))


@numba.njit
def run(symbols, offsets, scales, tables, guesses, targets, out):
    for t in range(len(symbols)):
        inverse = tables.inverse[scales[t]]
        low, high = ends(symbols[t], 0, tables, offsets[t], inverse)
        out[t, 0], out[t, 1] = low, high
        out[t, 2], out[t, 3], out[t, 4] = locate(targets[t], 0, tables, guesses, offsets[t], inverse, scales[t])


@pytest.mark.parametrize("alphabet", [full(), SPARSE, TWO], ids=["full", "sparse", "two"])
def test_intervals_equal_those_of_a_mixture_of_one(alphabet: Alphabet) -> None:
    rng, count = np.random.default_rng(2), 3000
    symbols = rng.integers(0, len(alphabet.values), count)
    symbols[:2] = 0, len(alphabet.values) - 1
    offsets = rng.integers(-(1 << 24), (1 << 24) + 1, count)
    offsets[::2] = alphabet.values[symbols[::2]] * 256 + rng.integers(-3000, 3000, len(offsets[::2]))
    scales = rng.integers(0, SCALE_MAX - SCALE_MIN + 1, count)
    targets = rng.integers(0, 1 << PRECISION, count)
    targets[:4] = 0, 1, (1 << PRECISION) - 1, (1 << PRECISION) - 2
    tables, out = loop_tables([alphabet]), np.empty((count, 5), np.int64)
    run(symbols, offsets, scales, tables, make_guesses(), targets, out)
    one = np.full(1, 1 << 30, np.int64)
    for t in range(count):
        offset, inverse = np.array([offsets[t]]), tables.inverse[scales[t] : scales[t] + 1]
        rest = (one, offset, inverse, len(alphabet.values), alphabet.edges)
        expected = kernels.interval(symbols[t], PRECISION, tables.sigma, *rest)
        assert tuple(out[t, :2]) == expected
        found = kernels.find(targets[t], 0, PRECISION, tables.sigma, *rest, alphabet.ranks)
        assert tuple(out[t, 2:]) == found
