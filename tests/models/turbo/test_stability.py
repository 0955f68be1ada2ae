"""A million samples of extreme signals, one after another without a reset, with the shipped model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from idf.models.load import load_codec
from idf.models.registry import find_model
from idf.models.turbo.codec import TurboCodec
from idf.models.turbo.state import State
from idf.models.turbo.steps import LIMIT
from tests.models.adaptive.test_stability import ORDER, PIECE, SIGNALS

Seen = list[tuple[str, float, State]]


@pytest.fixture(scope="module")
def codec() -> TurboCodec:
    """The codec of the shipped model."""
    codec = load_codec(find_model("turbo"))
    assert isinstance(codec, TurboCodec)
    return codec


def numbers_of(state: State) -> Iterator[np.ndarray]:
    """Yield all floating-point arrays of a state."""
    for values in (*state.near, *state.joint, *state[2:]):
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            yield values


@pytest.mark.parametrize("channels", [1, 2])
def test_states_stay_finite(codec: TurboCodec, channels: int) -> None:
    """In a pair, the second channel has the same signals in reverse order."""
    state = codec.fresh(channels)
    for name, other in zip(ORDER, reversed(ORDER), strict=True):
        samples = np.stack([SIGNALS[name][0], SIGNALS[other][0]], axis=1)[:, :channels].astype(np.int32)
        codec.intervals(samples, state=state)
        for values in numbers_of(state):
            assert np.isfinite(values).all(), name
        shown = state.predictions.reshape(channels, -1)[:, : 2 + len(codec.constants.orders)]
        assert np.abs(shown).max() <= LIMIT
        assert (state.errors > 0).all()
        assert (state.energies >= 0).all()
        if name == "silence":
            for values in numbers_of(state):
                tiny = np.finfo(values.dtype).tiny
                assert not ((values != 0) & (np.abs(values) < tiny)).any()


def test_all_of_it_is_decoded_exactly(codec: TurboCodec) -> None:
    mono = np.concatenate([SIGNALS[name][0][:4000] for name in ORDER]).astype(np.int32)
    for samples in (mono[:, None], np.stack([mono, mono[::-1], mono], axis=1)):
        np.testing.assert_array_equal(codec.decode(codec.encode(samples), *samples.shape), samples)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("silence", 0.3),
        ("constant", 0.5),
        ("alternating", 0.5),
        ("pure tone", 1.7),
        ("quiet tone", 1.6),
        ("period of 64", 0.8),
        ("one-bit dither", 1.7),
        ("noise", 16.6),
        ("music", 3),
    ],
)
def test_bits_are_near_the_ideal(codec: TurboCodec, name: str, most: float) -> None:
    """The bits include those needed to learn the signal from a new state."""
    samples = SIGNALS[name][0][: PIECE // 2].astype(np.int32)[:, None]
    assert codec.bits(samples) / len(samples) <= most
