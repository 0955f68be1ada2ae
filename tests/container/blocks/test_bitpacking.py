from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idf.container.blocks import bitpacking


@given(st.data(), st.integers(1, 16))
def test_packing_comes_back_in_as_few_bytes_as_it_can(data: st.DataObject, width: int) -> None:
    half = 1 << (width - 1)
    values = np.array(data.draw(st.lists(st.integers(-half, half - 1), max_size=40)), np.int32)
    packed = bitpacking.pack(values, width)
    assert len(packed) == bitpacking.packed_bytes(len(values), width) == -(-len(values) * width // 8)
    np.testing.assert_array_equal(bitpacking.signed(bitpacking.unpack(packed, len(values), width), width), values)


def test_bytes_are_frozen() -> None:
    assert bitpacking.pack(np.array([1, 2, 3, -1, 0]), 3) == bytes([0b11_010_001, 0b0_000_111_0])


@pytest.mark.parametrize(
    ("values", "width"), [([0], 1), ([-1], 1), ([1], 2), ([-2], 2), ([127, -128], 8), ([128], 9), ([-32768], 16)]
)
def test_width(values: list[int], width: int) -> None:
    assert bitpacking.signed_width(np.array(values, np.int32)) == width
