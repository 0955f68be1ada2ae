from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.coding.coders import new_message, read_message
from idf.coding.message import Message
from idf.coding.mixture import IntegerMixture, ideal_bits, intervals
from idf.errors import ConfigError, FormatError
from tests.other_processors import printed_without_extensions

Mixtures = dict[str, Callable[[np.random.Generator, int, int], IntegerMixture]]
Draw = Callable[[np.random.Generator, IntegerMixture], np.ndarray]

FROZEN_MESSAGE = "91406e2f5640c46640ad34fbec896418aa2869f924c98c1a0837db8dcf934bf0"

MAKE_FROZEN = """
import hashlib, numpy as np
from idf.coding.message import Message
from idf.coding.mixture import IntegerMixture
i = np.arange(3000, dtype=np.int64)[:, None]
j = np.arange(5, dtype=np.int64)[None, :]
logits, means, scales = (i * 37 + j * 101) % 400 - 200, ((i * 7919 + j * 12345) % 65536 - 32768) * 200, (i + j * 50) % 705 - 192
mixture = IntegerMixture(*(x.astype(np.int32) for x in (logits, means, scales)))
symbols = ((i[:, 0] * 7919 + 12345) % 65536 - 32768) * 200 // 256
message = Message()
message.push(symbols.astype(np.int32), mixture)
data = message.to_bytes()
assert np.array_equal(Message.from_bytes(data).pop(mixture), symbols)
digest = hashlib.sha256(data).hexdigest()
"""

int32s = st.integers(-(2**31), 2**31 - 1)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[np.ndarray, IntegerMixture]:
    """Draw arbitrary symbols and mixtures, favouring the allowed ranges and their limits."""
    shape = (draw(st.integers(0, 12)), draw(st.integers(1, 4)))
    parts = [
        draw(
            hnp.arrays(
                np.int32, shape, elements=st.one_of(st.integers(-low, high), st.sampled_from([-low, high]), int32s)
            )
        )
        for low, high in ((1500, 1500), (2**24, 2**24), (192, 512))
    ]
    symbols = st.one_of(st.integers(-(2**15), 2**15 - 1), st.sampled_from([-(2**15), 2**15 - 1]))
    return draw(hnp.arrays(np.int32, shape[0], elements=symbols)), IntegerMixture(*parts)


@settings(deadline=None, max_examples=150)
@given(st.lists(blocks(), max_size=4), st.integers(1, 5), st.integers(24, 28))
def test_pop_undoes_push(parts: list[tuple[np.ndarray, IntegerMixture]], lanes: int, precision: int) -> None:
    message = Message(lanes, precision=precision)
    states = []
    for symbols, mixture in parts:
        states.append(message.to_bytes())
        message.push(symbols, mixture)
    message = Message.from_bytes(message.to_bytes(), lanes, precision=precision)
    for symbols, mixture in reversed(parts):
        np.testing.assert_array_equal(message.pop(mixture), symbols)
        assert message.to_bytes() == states.pop()
    message.finish()


@pytest.mark.parametrize("lanes", [1, 7])
@pytest.mark.parametrize("kind", ["typical", "extreme"])
def test_long_messages_come_back(mixtures: Mixtures, draw: Draw, kind: str, lanes: int) -> None:
    rng = np.random.default_rng(5)
    mixture = mixtures[kind](rng, 20000, 3)
    symbols = draw(rng, mixture)
    symbols[::100] = rng.choice([-32768, 32767, 0], 200)
    message = Message(lanes)
    message.push(symbols, mixture)
    assert message.bits == 8 * len(message.to_bytes())
    message = Message.from_bytes(message.to_bytes(), lanes)
    np.testing.assert_array_equal(message.pop(mixture), symbols)
    message.finish()


@pytest.mark.parametrize("lanes", [1, 3])
def test_pop_is_what_the_format_says(mixtures: Mixtures, draw: Draw, lanes: int) -> None:
    """Decode as docs/format.md says, in Python's unbounded integers."""
    rng = np.random.default_rng(11)
    mixture = mixtures["typical"](rng, 400, 3)
    symbols = draw(rng, mixture)
    message = Message(lanes)
    message.push(symbols, mixture)
    words = [int(word) for word in np.frombuffer(message.to_bytes(), "<u4")]
    heads = [words[i] * 2**32 + words[lanes + i] for i in range(lanes)]
    stack = words[2 * lanes :]
    starts, freqs = intervals(symbols, mixture)
    for i, (start, freq) in enumerate(zip(starts.tolist(), freqs.tolist(), strict=True)):
        x = heads[i % lanes]
        assert start <= x % 2**28 < start + freq
        x = freq * (x // 2**28) + x % 2**28 - start
        heads[i % lanes] = x if x >= 2**31 else x * 2**32 + stack.pop(0)
    assert heads == [2**31] * lanes
    assert stack == []


def test_many_pushes_are_one_message(mixtures: Mixtures, draw: Draw) -> None:
    rng = np.random.default_rng(6)
    mixture = mixtures["typical"](rng, 500, 2)
    symbols = draw(rng, mixture)
    together, apart = Message(), Message()
    together.push(symbols, mixture)
    for i in reversed(range(500)):
        rows = slice(i, i + 1)
        apart.push(symbols[rows], IntegerMixture(mixture.logits[rows], mixture.means[rows], mixture.scales[rows]))
    assert together.to_bytes() == apart.to_bytes()


@pytest.mark.parametrize("components", [1, 10])
def test_size_is_what_the_mixture_promises(mixtures: Mixtures, draw: Draw, components: int) -> None:
    rng = np.random.default_rng(7)
    mixture = mixtures["typical"](rng, 50000, components)
    symbols = draw(rng, mixture)
    message = Message()
    message.push(symbols, mixture)
    size, ideal = len(message.to_bytes()), ideal_bits(symbols, mixture).sum() / 8
    assert ideal * 0.999 < size < ideal * 1.001 + 16


def test_the_likeliest_symbol_is_nearly_free() -> None:
    """Digital silence under a narrow peak takes only the cost of the minimum frequency of 2^16 symbols."""
    rows = np.zeros((100_000, 1), np.int32)
    message = Message()
    message.push(np.zeros(100_000, np.int32), IntegerMixture(rows, rows, rows - 192))
    assert message.bits / 100_000 < 0.002


def test_memory_follows_the_symbols_not_the_alphabet(mixtures: Mixtures) -> None:
    rng = np.random.default_rng(8)
    mixture = mixtures["typical"](rng, 1000, 10)
    symbols = rng.integers(-1000, 1000, 1000).astype(np.int32)
    Message().push(symbols, mixture)  # compile loops and build tables first
    tracemalloc.start()
    message = Message()
    message.push(symbols, mixture)
    message.pop(mixture)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1000 * 100


def test_frozen_message() -> None:
    """These bytes must never change, since users have files with them."""
    scope: dict[str, str] = {}
    exec(MAKE_FROZEN, scope)
    assert scope["digest"] == FROZEN_MESSAGE


def test_frozen_message_without_the_processors_extensions() -> None:
    assert printed_without_extensions(MAKE_FROZEN + "print(digest)") == FROZEN_MESSAGE


def test_a_cut_message_is_an_error_and_leaves_it_as_it_was(mixtures: Mixtures, draw: Draw) -> None:
    rng = np.random.default_rng(9)
    mixture = mixtures["typical"](rng, 300, 2)
    message = Message()
    message.push(draw(rng, mixture), mixture)
    data = message.to_bytes()
    for size in range(len(data)):
        if size % 4 or size < 8:
            with pytest.raises(FormatError, match="truncated"):
                Message.from_bytes(data[:size])
            continue
        cut = Message.from_bytes(data[:size])
        with pytest.raises(FormatError, match="ends before"):
            cut.pop(mixture)
        assert cut.to_bytes() == data[:size]


def test_left_over_symbols_are_an_error(mixtures: Mixtures, draw: Draw) -> None:
    rng = np.random.default_rng(10)
    mixture = mixtures["typical"](rng, 30, 2)
    message = Message()
    message.push(draw(rng, mixture), mixture)
    with pytest.raises(FormatError, match="continues after its last symbol"):
        message.finish()


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=8, max_size=400), st.integers(1, 3))
def test_random_bytes_never_do_harm(data: bytes, lanes: int) -> None:
    rows = np.zeros((200, 2), np.int32)
    mixture = IntegerMixture(rows, rows, rows + 200)
    try:
        message = Message.from_bytes(data, lanes)
        symbols = message.pop(mixture)
    except FormatError:
        return
    message.push(symbols, mixture)
    assert message.to_bytes() == data


@pytest.mark.parametrize("head", [0, 2**31 - 1, 2**63, 2**64 - 1])
def test_impossible_heads_are_refused(head: int) -> None:
    data = (head >> 32).to_bytes(4, "little") + (head % 2**32).to_bytes(4, "little")
    with pytest.raises(FormatError, match="impossible state"):
        Message.from_bytes(data)


def test_coders_by_name() -> None:
    assert new_message("rans").to_bytes() == read_message("rans", Message().to_bytes()).to_bytes()
    with pytest.raises(ConfigError, match="rans, craystack"):
        new_message("huffman")
    with pytest.raises(ValueError, match="at least one"):
        Message(0)


def test_the_empty_message() -> None:
    """One head at 2^31, upper half first."""
    assert Message().to_bytes() == bytes([0, 0, 0, 0, 0, 0, 0, 0x80])
