from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.container.blocks.stereo import Step, choose, forward, inverse

EDGES = st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, 32767, 0, -1, 1]))
PAIRS = hnp.arrays(np.int32, st.tuples(st.just(2), st.integers(1, 30)), elements=EDGES)


@given(PAIRS, st.integers(0, 3), st.integers(-128, 127))
def test_every_step_is_undone_and_stays_in_16_bits(pair: np.ndarray, mode: int, coefficient: int) -> None:
    step = Step(mode, coefficient)
    moved = forward(*pair, step)
    assert all(x.min() >= -32768 and x.max() <= 32767 for x in moved)
    np.testing.assert_array_equal(inverse(*moved, step), pair)


@given(PAIRS)
def test_something_is_chosen_for_any_pair(pair: np.ndarray) -> None:
    step = choose(*pair)
    np.testing.assert_array_equal(inverse(*forward(*pair, step), step), pair)


@pytest.mark.parametrize(
    ("make", "gain"),
    [
        (lambda a, b: (a, b), 1),
        (lambda a, b: (a, a), 500),
        (lambda a, b: (a + b // 64, a - b // 64), 25),
        (lambda a, b: (a, a // 2 + b // 64), 25),
        (lambda a, b: (-a // 2 + b // 64, a), 25),
    ],
    ids=["unrelated", "equal", "centred", "panned", "panned the other way, inverted"],
)
def test_related_channels_leave_less(make: object, gain: float) -> None:
    rng = np.random.default_rng(0)
    a, b = (np.round(rng.laplace(0, 1000, 5000)).astype(np.int32) for _ in range(2))
    pair = make(a, b)  # type: ignore[operator]
    before, after = (np.prod([np.abs(x).mean() + 1 for x in y]) for y in (pair, forward(*pair, choose(*pair))))
    assert before / after >= gain


def test_a_panned_source_leaves_one_channel_to_code() -> None:
    rng = np.random.default_rng(0)
    left = np.round(rng.laplace(0, 1000, 5000)).astype(np.int32)
    right = left * 5 // 16
    assert np.abs(forward(left, right, choose(left, right))[1]).max() <= 1
