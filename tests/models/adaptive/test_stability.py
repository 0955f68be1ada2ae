"""A million samples of extreme signals, one after another without a reset, with the shipped model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.stability import copied, has_subnormals, problems, step_of, watch
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.adaptive.state import State, first_state
from idf.models.adaptive.steps import LIMIT
from idf.models.load import load_codec
from idf.models.registry import find_model

PIECE = 40_960
RNG = np.random.default_rng(11)
T = np.arange(PIECE)
MUSIC = sum(9000 * np.sin(T * f + p) for f, p in ((0.021, 0), (0.0525, 1), (0.0631, 2), (0.126, 3), (0.2003, 4)))

# Each signal, and the largest mean error in sample steps once the predictors have learned it.
SIGNALS: dict[str, tuple[np.ndarray, float]] = {
    "silence": (np.zeros(PIECE), 1e-6),
    "full-scale square wave": (np.where(T % 100 < 50, 32767, -32768), 10),
    "noise": (RNG.integers(-32768, 32768, PIECE), 20_000),
    "pure tone": (np.rint(20_000 * np.sin(0.2 * T)), 2),
    "constant": (np.full(PIECE, -32768), 1e-2),
    "one-bit dither": (RNG.integers(0, 2, PIECE), 1),
    "clipped music": (np.clip(np.rint(MUSIC * 2), -32768, 32767), 2000),
    "alternating": (np.where(T % 2, 32767, -32768), 1e-1),
    "quiet tone": (np.rint(3 * np.sin(0.08 * T)), 0.5),
    "period of 64": (np.rint(30_000 * np.sin(2 * np.pi * (T % 64) / 64)), 1e-1),
    "music": (np.rint(MUSIC * 0.7), 2),
    "clicks": (np.where(RNG.random(PIECE) < 1e-3, 32767, 0), 200),
}
ORDER = [*SIGNALS, *sorted(SIGNALS)]
"""Each signal twice, with different neighbours."""


@dataclass
class Piece:
    """Observations of one signal.

    Attributes:
        error: mean error magnitude of the centre over the last quarter.
        resets: number of lattice resets.
        largest: largest prediction.
        state: a copy of the state afterwards.
    """

    name: str
    error: float
    resets: int
    largest: float
    state: State


@pytest.fixture(scope="module")
def codec() -> AdaptiveCodec:
    """The codec of the shipped default model."""
    codec = load_codec(find_model("default"))
    assert isinstance(codec, AdaptiveCodec)
    return codec


@pytest.fixture(scope="module")
def pieces(codec: AdaptiveCodec) -> list[Piece]:
    state, seen = first_state(codec.constants, 1), []
    for name in ORDER:
        samples = SIGNALS[name][0].astype(np.int32)[:, None]
        parts = [watch(part, codec.constants, state) for part in np.split(samples, [3 * PIECE // 4])]
        resets, largest, errors = zip(*parts, strict=True)
        seen.append(Piece(name, errors[-1], sum(resets), max(largest), copied(state)))
    return seen


def test_everything_stays_finite(pieces: list[Piece], codec: AdaptiveCodec) -> None:
    assert PIECE // 4 % step_of(codec.constants) == 0  # otherwise the parts would not follow each other seamlessly
    for piece in pieces:
        assert piece.largest <= LIMIT, piece.name
        assert np.isfinite(piece.error), piece.name


def test_states_stay_valid(pieces: list[Piece], codec: AdaptiveCodec) -> None:
    """States are finite, energies above their floor, and conversion factors from 0 to 1."""
    for piece in pieces:
        assert problems(piece.state, codec.constants) == [], piece.name


def test_long_silence_leaves_no_subnormal_numbers(pieces: list[Piece]) -> None:
    assert not any(has_subnormals(piece.state) for piece in pieces if piece.name == "silence")


def test_the_predictors_recover_after_every_switch(pieces: list[Piece]) -> None:
    for piece in pieces:
        assert piece.error <= SIGNALS[piece.name][1], piece.name


def test_lattices_are_reset_only_at_switches(pieces: list[Piece]) -> None:
    assert sum(piece.resets for piece in pieces) <= 2 * len(pieces)


def test_all_of_it_is_decoded_exactly(codec: AdaptiveCodec) -> None:
    samples = np.concatenate([SIGNALS[name][0][:4000] for name in ORDER]).astype(np.int32)[:, None]
    np.testing.assert_array_equal(codec.decode(codec.encode(samples), *samples.shape), samples)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("silence", 0.3),
        ("constant", 0.5),
        ("alternating", 0.5),
        ("pure tone", 1.5),
        ("quiet tone", 1.5),
        ("period of 64", 0.8),
        ("one-bit dither", 1.4),
        ("noise", 16.6),
        ("music", 3),
    ],
)
def test_bits_are_near_the_ideal(codec: AdaptiveCodec, name: str, most: float) -> None:
    """The bits of 20,000 samples include those needed to learn the signal from a new state."""
    samples = SIGNALS[name][0][:20_000].astype(np.int32)[:, None]
    assert codec.bits(samples) / len(samples) <= most
