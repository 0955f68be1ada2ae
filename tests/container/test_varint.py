from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idf.container import varint
from idf.errors import FormatError


@given(st.integers(0, 2**56 - 1))
def test_numbers_come_back_and_are_short(value: int) -> None:
    packed = varint.pack(value)
    assert varint.unpack(packed) == value
    assert len(packed) == max(-(-value.bit_length() // 7), 1)


@given(st.binary(max_size=10))
def test_only_what_is_packed_is_unpacked(data: bytes) -> None:
    try:
        value = varint.unpack(data)
    except FormatError:
        return
    assert varint.pack(value) == data


@given(st.lists(st.integers(0, 2**28 - 1)))
def test_many_numbers_come_back(values: list[int]) -> None:
    data = b"".join(map(varint.pack, values))
    np.testing.assert_array_equal(varint.unpack_all(data, len(values)), np.array(values, np.int64))
    with pytest.raises(FormatError):
        varint.unpack_all(data, len(values) + 1)
    with pytest.raises(FormatError):
        varint.unpack_all(data + b"\x80", len(values))


@pytest.mark.parametrize("data", ["8000", "ff80808000", "8080808001", "818000"])
def test_long_forms_are_refused(data: str) -> None:
    with pytest.raises(FormatError):
        varint.unpack_all(bytes.fromhex(data), 1)


def test_the_form_is_leb128() -> None:
    assert varint.pack(624485) == bytes.fromhex("e58e26")  # the example of the DWARF standard
