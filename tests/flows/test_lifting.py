"""The split into two bands is inverted exactly for every signal, and it separates the bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.flows.lifting import MAX_HALF_TAPS, TAP_BITS, half_band, merge, split

SAMPLES = st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, -1, 0, 1, 32767]))


@settings(max_examples=150, deadline=None)
@given(
    hnp.arrays(np.int32, st.tuples(st.integers(1, 3), st.integers(1, 70)), elements=SAMPLES),
    st.sampled_from([1, 2, 5, 24]),
)
def test_merge_undoes_split(x: np.ndarray, half_taps: int) -> None:
    taps = half_band(half_taps)
    low, high = split(x, taps)
    assert (low.dtype, high.dtype) == (np.int32, np.int32)
    assert (low.shape[1], high.shape[1]) == ((x.shape[1] + 1) // 2, x.shape[1] // 2)
    for band in (low, high):
        assert np.all((band >= -32768) & (band <= 32767))
    np.testing.assert_array_equal(merge(low, high, taps), x)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.int32, (2, 24), elements=SAMPLES))
def test_split_undoes_merge(z: np.ndarray) -> None:
    taps = half_band(4)
    low, high = split(merge(z[:, :12], z[:, 12:], taps), taps)
    np.testing.assert_array_equal(np.concatenate([low, high], 1), z)


@pytest.mark.parametrize("half_taps", [1, 4, 24, MAX_HALF_TAPS])
def test_taps_interpolate(half_taps: int) -> None:
    taps = half_band(half_taps)
    assert taps.dtype == np.int32
    assert taps.sum() == 2 ** (TAP_BITS - 1)
    constant = np.full((1, 200), 12345, np.int32)
    low, high = split(constant, taps)
    assert not np.any(high)
    assert np.all(low == 12345)


@pytest.mark.parametrize("half_taps", [0, MAX_HALF_TAPS + 1])
def test_other_numbers_of_taps_are_refused(half_taps: int) -> None:
    with pytest.raises(ValueError, match="must be from 1 to 32"):
        half_band(half_taps)


def test_the_half_bands_are_separated() -> None:
    t = np.arange(4000)

    def power(rate: float) -> tuple[float, float]:
        x = np.rint(8000 * np.sin(2 * np.pi * rate * t))[None].astype(np.int32)
        low, high = split(x, half_band(24))
        return float(np.mean(low[0, 50:-50] ** 2.0)), float(np.mean(high[0, 50:-50] ** 2.0))

    low, high = power(0.2)
    assert high < 1e-5 * low
    low, high = power(0.3)
    assert low < 1e-5 * high


def test_windows_are_independent() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-3000, 3000, (3, 64)).astype(np.int32)
    taps = half_band(16)
    for one, all_of_them in zip(split(x[1:2], taps), split(x, taps), strict=True):
        np.testing.assert_array_equal(one[0], all_of_them[1])
