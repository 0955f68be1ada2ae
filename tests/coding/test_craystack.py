"""Comparison with craystack itself, if it is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

import numpy as np
import pytest

from idf.coding.coders import new_message, read_message
from idf.coding.message import Message
from idf.coding.mixture import IntegerMixture
from idf.errors import ConfigError, FormatError

Mixtures = dict[str, Callable[[np.random.Generator, int, int], IntegerMixture]]
Draw = Callable[[np.random.Generator, IntegerMixture], np.ndarray]

MODULE = "idf.coding.craystack"


needs_craystack = pytest.mark.skipif(importlib.util.find_spec("craystack") is None, reason="craystack is not installed")


def test_without_craystack_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    with pytest.raises(ConfigError, match=r"j-towns/craystack.*coder=rans"):
        new_message("craystack")


@needs_craystack
@pytest.mark.parametrize("lanes", [1, 4, 50, 301])
@pytest.mark.parametrize("kind", ["typical", "extreme"])
def test_same_messages_in_both_directions(mixtures: Mixtures, draw: Draw, kind: str, lanes: int) -> None:
    """Push 300 and then 77 symbols, so that the last group of a push is usually partial."""
    rng = np.random.default_rng(lanes)
    parts = []
    ours, theirs = new_message("rans", lanes), new_message("craystack", lanes)
    for symbols in (300, 77):
        mixture = mixtures[kind](rng, symbols, 3)
        parts.append((draw(rng, mixture), mixture))
        ours.push(*parts[-1])
        theirs.push(*parts[-1])
        assert ours.to_bytes() == theirs.to_bytes()
    data = ours.to_bytes()
    for coder in ("rans", "craystack"):
        message = read_message(coder, data, lanes)
        for symbols, mixture in reversed(parts):
            np.testing.assert_array_equal(message.pop(mixture), symbols)
        message.finish()


@needs_craystack
def test_a_cut_message_is_an_error(mixtures: Mixtures, draw: Draw) -> None:
    rng = np.random.default_rng(0)
    mixture = mixtures["typical"](rng, 50, 2)
    message = Message()
    message.push(draw(rng, mixture), mixture)
    data = message.to_bytes()
    cut = read_message("craystack", data[:-4])
    with pytest.raises(FormatError, match="ends before"):
        cut.pop(mixture)
    assert cut.to_bytes() == data[:-4]
    with pytest.raises(FormatError, match="continues after its last symbol"):
        read_message("craystack", data).finish()
    with pytest.raises(FormatError, match="truncated"):
        read_message("craystack", data[:-3])
