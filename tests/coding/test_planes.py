from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.coding.planes import CODED, CONSTANT, PCM, PLANES, RAW, decode_block, encode_block, from_pcm_bytes, pcm_bytes
from idf.errors import FormatError


def plane_kinds(payload: bytes) -> int:
    """The kind of a mono block's plane."""
    assert payload[0] == PLANES
    return payload[1] >> 5


@st.composite
def blocks(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Channels of all sorts side by side: loud, quiet, shifted, constant, related to each other."""
    sample_bits = draw(st.sampled_from([8, 16, 24]))
    channels, count = draw(st.integers(1, 8)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns: list[np.ndarray] = []
    for _ in range(channels):
        width = draw(st.integers(0, sample_bits - 1))
        column = rng.integers(-(1 << width), 1 << width, count)
        column = (column >> draw(st.integers(0, sample_bits))) << draw(st.integers(0, sample_bits - width - 1))
        if columns and draw(st.booleans()):
            column = columns[-1] >> draw(st.integers(0, 3))
        columns.append(column)
    return np.stack(columns, axis=1).astype(np.int32), sample_bits


@settings(deadline=None, max_examples=300)
@given(blocks())
def test_every_block_comes_back_and_never_grows(make_codec: Any, block: tuple[np.ndarray, int]) -> None:
    samples, sample_bits = block
    payload = encode_block(make_codec(), samples, sample_bits)
    assert len(payload) <= 1 + samples.size * sample_bits // 8
    decoded = decode_block(make_codec(), payload, *samples.shape, sample_bits)
    np.testing.assert_array_equal(decoded, samples)
    assert decoded.dtype == np.int32


@pytest.mark.parametrize("sample_bits", [8, 16, 24])
def test_extremes(codec: Any, sample_bits: int) -> None:
    low, high = -(1 << (sample_bits - 1)), (1 << (sample_bits - 1)) - 1
    for samples in (
        np.tile([[low, high], [high, low]], (50, 1)),
        np.full((100, 2), low),
        np.random.default_rng(0).integers(low, high + 1, (100, 3)),
    ):
        samples = samples.astype(np.int32)
        payload = encode_block(codec, samples, sample_bits)
        np.testing.assert_array_equal(decode_block(codec, payload, *samples.shape, sample_bits), samples)


def test_forms_and_kinds(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    assert plane_kinds(encode_block(codec, speechlike(1000)[:, None], 16)) == CODED
    assert plane_kinds(encode_block(codec, rng.integers(-1, 2, (1000, 1)).astype(np.int32), 16)) == RAW
    assert plane_kinds(encode_block(codec, np.full((1000, 1), 5, np.int32), 16)) == CONSTANT
    assert encode_block(codec, rng.integers(-32768, 32768, (1000, 1)).astype(np.int32), 16)[0] == PCM


def test_bits_that_are_always_zero_cost_nothing(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    samples = speechlike(1000)[:, None]
    plain = encode_block(codec, samples, 16)
    assert len(encode_block(codec, samples << 8, 24)) == len(plain)
    assert len(encode_block(codec, samples[:, 0:1] * np.array([[1, 0]], np.int32), 16)) <= len(plain) + 10


def test_a_copied_channel_costs_nothing(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    samples = speechlike(1000)[:, None]
    assert len(encode_block(codec, np.repeat(samples, 2, 1), 16)) <= len(encode_block(codec, samples, 16)) + 10


def test_24_bits_cost_their_low_bits_only(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    high = speechlike(1000)[:, None]
    high[0] = 32767  # so that all 24 bits are in use
    low = np.random.default_rng(0).integers(0, 256, (1000, 1))
    payload = encode_block(codec, (high * 256 + low).astype(np.int32), 24)
    assert len(payload) <= len(encode_block(codec, high, 16)) + 1000
    constant = encode_block(codec, (high * 256 + 77).astype(np.int32), 24)
    assert len(constant) <= len(encode_block(codec, high, 16)) + 1


@pytest.mark.parametrize("sample_bits", [8, 16, 24])
def test_pcm(sample_bits: int) -> None:
    half = 1 << (sample_bits - 1)
    samples = np.array([[-half, half - 1], [0, -1]], np.int32)
    data = pcm_bytes(samples, sample_bits)
    assert data == b"".join(int(x).to_bytes(sample_bits // 8, "little", signed=True) for x in samples.flat)
    np.testing.assert_array_equal(from_pcm_bytes(data, 2, sample_bits), samples)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x02",
        b"\x00\x01",
        b"\x00" + bytes(5),
        b"\x01\x40\x00\x05",
        b"\x01\x40\x00\x05\x00\x00",
        b"\x01\x60\x00\x05\x00",
        b"\x01\x80\x00\x05\x00",
        b"\x01\x58\x00\x05\x00",
        b"\x01\x40\x09\x05\x05\x00",
        b"\x01\x40\x21\x01\x05\x00",
        b"\x01\x40\x11\x02\x05\x00",
        b"\x01\x20\x00\x00",
        b"\x01\x20\x00\x11" + bytes(5),
        b"\x01\x41\x00\xff\x7f",
        b"\x01\x00\x00\x00",
    ],
    ids=[
        *("empty", "unknown form", "short PCM", "long PCM", "cut off", "too long", "unknown kind", "high bit of kind"),
        *("shift of 24", "9 low bits", "unknown low kind", "low constant too wide", "no width", "17 bits wide"),
        *("more than 16 bits", "no message"),
    ],
)
def test_what_no_encoder_writes_is_refused(codec: Any, payload: bytes) -> None:
    with pytest.raises(FormatError):
        decode_block(codec, payload, 2, 1, 16)


def test_impossible_pairs_are_refused(codec: Any) -> None:
    constants = b"\x40\x00\x05\x00" * 2
    np.testing.assert_array_equal(decode_block(codec, b"\x01\x00\x00" + constants, 3, 2, 16), np.full((3, 2), 5))
    for step in (b"\x04\x00", b"\x03\x01", b"\x00\x01"):
        with pytest.raises(FormatError, match="pair"):
            decode_block(codec, b"\x01" + step + constants, 3, 2, 16)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.integers(1, 3), st.sampled_from([8, 16, 24]))
def test_random_payloads(make_codec: Any, payload: bytes, channels: int, sample_bits: int) -> None:
    for form in (b"", b"\x01"):
        try:
            samples = decode_block(make_codec(), form + payload, 4, channels, sample_bits)
        except FormatError:
            continue
        assert samples.shape == (4, channels)
        assert samples.min() >= -(1 << (sample_bits - 1))
        assert samples.max() < 1 << (sample_bits - 1)
