"""The parts that the vector code of all loops shares. Its instructions are tested where loops use them."""

from __future__ import annotations

import numpy as np

from idf.compiled.vectors import aligned


def test_aligned_copies_begin_with_a_cache_line() -> None:
    for dtype in (np.int16, np.float32, np.float64):
        values = np.arange(35, dtype=dtype).reshape(5, 7)
        copy = aligned(values)
        assert copy.ctypes.data % 64 == 0
        np.testing.assert_array_equal(copy, values)
