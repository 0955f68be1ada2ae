from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.coding.alphabet import Alphabet, full
from idf.coding.listing import choose, pop_alphabets, push_alphabets, told_bits
from idf.coding.message import Message
from idf.errors import FormatError

value_sets = st.one_of(
    st.sets(st.integers(-32768, 32767), min_size=2, max_size=80),
    st.sets(st.integers(-40, 40), min_size=2),
    st.sets(st.integers(5, 90), min_size=2),
    st.sets(st.integers(-90, -5), min_size=2),
    st.just({-32768, 32767}),
)


def alphabet_of(values: object) -> Alphabet:
    return Alphabet(np.array(sorted(values), np.int32))  # type: ignore[call-overload]


def mu_law() -> Alphabet:
    code = np.arange(128)
    magnitude = (((code & 15) << 3) + 132 << (code >> 4)) - 132
    return alphabet_of({*magnitude.tolist(), *(-magnitude).tolist()})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), value_sets), min_size=1, max_size=3))
def test_alphabets_come_back_and_take_what_was_said(sets: list[set[int] | None]) -> None:
    alphabets = [full() if values is None else alphabet_of(values) for values in sets]
    message = Message()
    push_alphabets(message, alphabets)
    bits = 8 * len(message.to_bytes())
    assert abs(bits - sum(map(told_bits, alphabets))) <= 64 + 32
    message = Message.from_bytes(message.to_bytes())
    found = pop_alphabets(message, len(alphabets))
    message.finish()
    for one, other in zip(found, alphabets, strict=True):
        assert np.array_equal(one.values, other.values)


def test_patterns_take_few_bytes() -> None:
    assert told_bits(full()) == 1
    assert told_bits(mu_law()) < 8 * 60
    louder = np.clip(np.rint(2.7 * np.arange(-13000, 13000)), -32768, 32767)
    assert told_bits(alphabet_of(set(louder.tolist()))) < 8 * 400
    assert told_bits(alphabet_of(set(range(-30000, 30000)))) < 8 * 12


def test_an_alphabet_is_chosen_where_it_saves_more_than_it_takes() -> None:
    rng = np.random.default_rng(0)
    smooth = np.rint(rng.normal(scale=900, size=40_000)).clip(-32768, 32767).astype(np.int32)
    assert choose(smooth) is full()  # rare values at both ends, which would only add cost
    values = mu_law().values
    telephone = values[np.searchsorted((values[1:] + values[:-1]) / 2, smooth)]
    assert np.array_equal(choose(telephone).values, np.unique(telephone))
    clipped = smooth.clip(-1000, 700)
    assert np.array_equal(choose(clipped).values, np.arange(-1000, 701))
    for few in ([], [3], [3, 3]):
        assert choose(np.array(few, np.int32)) is full()
    assert choose(np.arange(-32768, 32768, dtype=np.int32)) is full()


def test_a_list_that_no_encoder_writes_is_refused() -> None:
    for ends in ((9, 9), (9, 8)):
        message, width = Message(), 1 << 12
        message.push_intervals(np.array([1 << 27, *(end * width for end in ends)]), np.array([1 << 27, width, width]))
        with pytest.raises(FormatError, match="before it begins"):
            pop_alphabets(message, 1)
    with pytest.raises(FormatError, match="ends before"):
        pop_alphabets(Message.from_bytes(bytes([255, 255, 255, 127, 255, 255, 255, 255])), 8)
