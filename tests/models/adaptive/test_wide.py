"""Samples of more than 16 bits in one message: they are decoded exactly, and their low bits help."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.coding.codec import LOW_SEGMENT
from idf.container.blocks.planes import WIDE, decode_block, encode_block
from idf.errors import FormatError
from idf.models.adaptive.codec import AdaptiveCodec
from idf.models.load import load_codec
from idf.models.registry import find_model
from tests.signals import speech


@pytest.fixture(scope="module")
def fast() -> AdaptiveCodec:
    codec = load_codec(find_model("fast"))
    assert isinstance(codec, AdaptiveCodec)
    return codec


def assert_comes_back(codec: AdaptiveCodec, highs: np.ndarray, lows: np.ndarray, low_bits: np.ndarray) -> bytes:
    data = codec.encode_wide(highs, lows, low_bits)
    again = codec.decode_wide(data, len(highs), low_bits)
    for part, expected in zip(again, (highs, lows), strict=True):
        np.testing.assert_array_equal(part, expected)
        assert part.dtype == np.int32
    return data


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=3),
    st.integers(0, 2**32),
    st.sampled_from([0, 3, 300, 32767]),
    st.integers(1, 300),
)
def test_any_samples_come_back(fast: AdaptiveCodec, bits: list[int], seed: int, loudness: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    shape = count, len(bits)
    highs = rng.integers(-loudness - (loudness > 300), loudness + 1, shape).astype(np.int32)
    lows = rng.integers(0, 1 << np.array(bits), shape).astype(np.int32)
    assert_comes_back(fast, highs, lows, np.array([bits], np.int64))


@pytest.mark.parametrize("low_bits", [1, 5, 8])
def test_without_low_bits_it_is_the_same_message(fast: AdaptiveCodec, low_bits: int) -> None:
    highs = np.stack([speech(3000), speech(3000, seed=1)], axis=1)
    none = np.zeros((1, 2), np.int64)
    assert assert_comes_back(fast, highs, np.zeros_like(highs), none) == fast.encode(highs)
    one = np.array([[0, low_bits]], np.int64)
    lows = np.random.default_rng(2).integers(0, 1 << low_bits, highs.shape).astype(np.int32) * [0, 1]
    assert_comes_back(fast, highs, lows.astype(np.int32), one)


def band_limited(count: int, noise: float) -> np.ndarray:
    """Return 24-bit samples that are loud below an eighth of the rate, with only noise above.

    Args:
        noise: standard deviation of the noise, in 24-bit steps.
    """
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.normal(0, 1, count))
    spectrum[count // 16 :] = 0
    sound = np.fft.irfft(spectrum, count)
    sound *= 2**21 / np.abs(sound).max()
    return np.rint(sound + rng.normal(0, noise, count)).astype(np.int32)[:, None]


def test_low_bits_tell_where_the_spectrum_is_empty(fast: AdaptiveCodec) -> None:
    """With 16 bits alone, predictors see rounding noise there; the low bits cost fewer bits than their number."""
    samples = band_limited(20_000, 4)
    payload = encode_block(fast, samples, 24)
    np.testing.assert_array_equal(decode_block(fast, payload, *samples.shape, 24), samples)
    low_bits = payload[1] & 31
    assert (payload[0], low_bits) == (WIDE, 6)
    apart = len(fast.encode(samples >> low_bits)) + low_bits * len(samples) // 8
    assert len(payload) < 0.9 * apart


def test_stretches_without_low_bits_cost_none(fast: AdaptiveCodec) -> None:
    """A fade turns 16 bits into 24; the samples after it have 16."""
    samples = speech(3 * LOW_SEGMENT)[:, None] * 256
    samples[:1000] += np.random.default_rng(1).integers(0, 256, (1000, 1)).astype(np.int32)
    samples[-1] = -(2**23)
    payload = encode_block(fast, samples, 24)
    np.testing.assert_array_equal(decode_block(fast, payload, *samples.shape, 24), samples)
    plain = len(fast.encode(samples >> 8))
    assert LOW_SEGMENT - 100 < len(payload) - plain < LOW_SEGMENT + 100


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=80), st.sampled_from([0, 1, 8]))
def test_other_bytes_are_refused_or_samples(fast: AdaptiveCodec, data: bytes, bits: int) -> None:
    try:
        highs, lows = fast.decode_wide(data, 9, np.array([[bits]], np.int64))
    except FormatError:
        return
    assert highs.shape == lows.shape == (9, 1)
    assert 0 <= lows.min() <= lows.max() < 1 << bits
