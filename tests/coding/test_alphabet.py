from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.coding import kernels
from idf.coding.alphabet import Alphabet, full
from idf.coding.kernels import HALF, RING
from idf.coding.mixture import PRECISION, IntegerMixture, cumulative
from idf.coding.tables import coding_tables

value_sets = st.one_of(
    st.sets(st.integers(-32768, 32767), min_size=2, max_size=60),
    st.sets(st.integers(-40, 40), min_size=2),
    st.tuples(st.integers(2, 700), st.integers(0, 99)).map(lambda x: set(range(-32768 + x[1], 32768, x[0]))),
)


def alphabet_of(values: set[int]) -> Alphabet:
    return Alphabet(np.array(sorted(values), np.int32))


@settings(deadline=None, max_examples=60)
@given(value_sets)
def test_intervals_reach_to_the_midpoints(values: set[int]) -> None:
    alphabet = alphabet_of(values)
    listed = alphabet.values.astype(np.int64)
    assert np.array_equal(alphabet.edges[1 : len(listed)], (listed[:-1] + listed[1:]) * 128)
    places = np.arange(-32768, 32768)
    nearest = listed[alphabet.ranks]
    assert np.all(np.abs(places - nearest) <= np.abs(places - listed[(alphabet.ranks + 1) % len(listed)]))
    assert np.all(np.abs(places - nearest) <= np.abs(places - listed[alphabet.ranks - 1]))
    assert np.array_equal(alphabet.ranks[listed + HALF], np.arange(len(listed)))


def test_all_values_have_the_edges_between_integers() -> None:
    assert full().is_full
    assert np.array_equal(full().edges[1:RING], (np.arange(1, RING) - HALF) * 256 - 128)
    assert np.array_equal(full().ranks, np.arange(RING))


@settings(deadline=None, max_examples=150)
@given(
    value_sets,
    st.lists(
        st.tuples(st.integers(-300, 300), st.integers(-(1 << 24), 1 << 24), st.integers(-192, 512)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, (1 << PRECISION) - 1),
)
def test_every_target_is_found_whatever_occurs(
    values: set[int], components: list[tuple[int, int, int]], target: int
) -> None:
    alphabet, tables = alphabet_of(values), coding_tables()
    logits, means, scales = (np.array([column], np.int32) for column in zip(*components, strict=True))
    weight, offset, inverse = (np.zeros(len(components), np.int64) for _ in range(3))
    best = kernels.prepare(0, logits, means, scales, tables.exp, tables.inverse, weight, offset, inverse)
    symbols = len(alphabet.values)
    arguments = (PRECISION, tables.sigma, weight, offset, inverse, symbols, alphabet.edges)
    found, low, high = kernels.find(target, best, *arguments, alphabet.ranks)
    assert 0 <= found < symbols
    assert low <= target < high
    assert (low, high) == (kernels.cumulative(found, *arguments), kernels.cumulative(found + 1, *arguments))
    if symbols < 200:
        steps = [kernels.cumulative(i, *arguments) for i in range(symbols + 1)]
        assert steps[0] == 0
        assert steps[-1] == 1 << PRECISION
        assert np.all(np.diff(steps) >= 1)


def test_a_value_takes_what_its_neighbours_would_have_taken() -> None:
    """A lone value between two distant ones gets the mass of everything nearer to it."""
    rows = [np.array([[number]], np.int32) for number in (0, 37 * 256, 150)]
    steps = cumulative(IntegerMixture(*rows), 0)
    tables, alphabet = coding_tables(), Alphabet(np.array([-1000, 30, 90], np.int32))
    weight, offset, inverse = (np.zeros(1, np.int64) for _ in range(3))
    kernels.prepare(0, *rows, tables.exp, tables.inverse, weight, offset, inverse)
    share = [kernels.cumulative(i, PRECISION, tables.sigma, weight, offset, inverse, 3, alphabet.edges) for i in (1, 2)]
    # steps are half a value below
    at_60 = (steps[60 + HALF] + steps[61 + HALF]) / 2
    expected = (at_60 - steps[-485 + HALF]) / 2**PRECISION
    assert (share[1] - share[0]) / 2**PRECISION == pytest.approx(expected, abs=1e-3)
