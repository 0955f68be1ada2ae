"""Cutting into windows keeps every sample, whatever the length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.models.window.model import Windows, cut_windows


def joined(windows: Windows) -> npt.NDArray[np.int32]:
    """Return the samples that were cut."""
    return np.concatenate([windows.full.reshape(-1), windows.tail.reshape(-1)])[: windows.samples]


@given(
    samples=hnp.arrays(np.int16, st.integers(0, 200)),
    multiple=st.integers(1, 16),
    factor=st.integers(1, 5),
)
def test_every_sample_is_kept(samples: npt.NDArray[np.int16], multiple: int, factor: int) -> None:
    window = multiple * factor
    windows = cut_windows(samples, window, multiple)
    assert windows.full.dtype == windows.tail.dtype == np.int32
    assert windows.full.shape == (len(samples) // window, window)
    if len(samples) % window == 0:
        assert windows.tail.shape == (0, 0)
    else:
        length = windows.tail.shape[1]
        assert windows.tail.shape[0] == 1
        assert length % multiple == 0
        assert 0 <= length - len(samples) % window < multiple
    np.testing.assert_array_equal(joined(windows), samples)


def test_the_tail_repeats_the_last_sample() -> None:
    windows = cut_windows(np.array([1, 2, 3, 4, 5, 6, 7], np.int32), window=4, multiple=4)
    np.testing.assert_array_equal(windows.full, [[1, 2, 3, 4]])
    np.testing.assert_array_equal(windows.tail, [[5, 6, 7, 7]])


def test_extremes_survive() -> None:
    samples = np.array([-32768, 32767] * 9, np.int32)
    np.testing.assert_array_equal(joined(cut_windows(samples, 16, 8)), samples)


def test_refuses_a_window_that_is_no_multiple() -> None:
    with pytest.raises(ValueError, match="multiple of 3"):
        cut_windows(np.zeros(10, np.int32), 16, 3)


def test_refuses_two_axes() -> None:
    with pytest.raises(ValueError, match="shape"):
        cut_windows(np.zeros((10, 1), np.int32), 16, 4)
