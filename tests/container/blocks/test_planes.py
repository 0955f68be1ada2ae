from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.audio.pcm_bytes import from_pcm_bytes, pcm_bytes
from idf.container.blocks.planes import CODED, PCM, RAW, decode_block, encode_block
from idf.errors import FormatError


@st.composite
def blocks(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Draw channels of all kinds: loud, quiet, shifted, constant, related to each other."""
    sample_bits = draw(st.sampled_from([8, 16, 24, 32]))
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


@pytest.mark.parametrize("sample_bits", [8, 16, 24, 32])
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
    assert encode_block(codec, speechlike(1000)[:, None], 16)[0] == CODED
    assert encode_block(codec, rng.integers(-1, 2, (1000, 1)).astype(np.int32), 16)[0] == RAW
    assert encode_block(codec, np.full((1000, 1), 5, np.int32), 16) == bytes([RAW, 0x40, 5, 0])
    assert encode_block(codec, rng.integers(-32768, 32768, (1000, 1)).astype(np.int32), 16)[0] == PCM


def test_bits_that_are_always_zero_cost_nothing(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    samples = speechlike(1000)[:, None]
    plain = encode_block(codec, samples, 16)
    assert len(encode_block(codec, samples << 8, 24)) == len(plain) + 1
    assert len(encode_block(codec, samples[:, 0:1] * np.array([[1, 0]], np.int32), 16)) <= len(plain) + 10


def test_a_copied_channel_costs_nothing(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    samples = speechlike(1000)[:, None]
    assert len(encode_block(codec, np.repeat(samples, 2, 1), 16)) <= len(encode_block(codec, samples, 16)) + 10


def test_24_bits_cost_their_low_bits_only(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    high = speechlike(1000)[:, None]
    high[0] = 32767  # so that all 24 bits are in use
    low = np.random.default_rng(0).integers(0, 256, (1000, 1))
    payload = encode_block(codec, (high * 256 + low).astype(np.int32), 24)
    assert len(payload) <= len(encode_block(codec, high, 16)) + 1001
    constant = encode_block(codec, (high * 256 + 77).astype(np.int32), 24)
    assert len(constant) <= len(encode_block(codec, high, 16)) + 6


@pytest.mark.parametrize("sample_bits", [8, 16, 24])
def test_pcm(sample_bits: int) -> None:
    half = 1 << (sample_bits - 1)
    samples = np.array([[-half, half - 1], [0, -1]], np.int32)
    data = pcm_bytes(samples, sample_bits)
    assert data == b"".join(int(x).to_bytes(sample_bits // 8, "little", signed=True) for x in samples.flat)
    np.testing.assert_array_equal(from_pcm_bytes(data, 2, sample_bits), samples)


class Recording:
    """A codec that records what it encodes."""

    def __init__(self, good: Any, *, joins_channels: bool) -> None:
        self._good, self.joins_channels, self.max_low_bits = good, joins_channels, 0
        self.fingerprint, self.chunk_samples, self.decode = good.fingerprint, good.chunk_samples, good.decode
        self.seen: list[np.ndarray] = []

    def encode(self, samples: np.ndarray) -> bytes:
        self.seen.append(samples)
        return bytes(self._good.encode(samples))


@pytest.mark.parametrize("joins_channels", [True, False])
def test_a_codec_gets_all_channels_at_once(
    codec: Any, speechlike: Callable[..., np.ndarray], joins_channels: bool
) -> None:
    left = speechlike(1000)
    samples = np.stack([left, left + speechlike(1000, 1) // 16, np.full(1000, 7, np.int32)], 1)
    recording = Recording(codec, joins_channels=joins_channels)
    payload = encode_block(recording, samples, 16)
    np.testing.assert_array_equal(decode_block(recording, payload, 1000, 3, 16), samples)
    seen = recording.seen[-1]  # no constant channels
    assert seen.shape == (1000, 2)
    assert seen.dtype == np.int32
    assert payload[1] != 0
    assert not np.array_equal(seen, samples[:, :2])


@pytest.mark.parametrize("worse", [0, 40])
def test_a_codec_that_joins_channels_is_asked_whether_a_step_helps(
    codec: Any, speechlike: Callable[..., np.ndarray], worse: int
) -> None:
    left = speechlike(40000)
    samples = np.stack([left, left + speechlike(40000, 1) // 16], 1)

    class Choosy(Recording):
        """A codec whose messages are longer for channels that a step was applied to."""

        def encode(self, given: np.ndarray) -> bytes:
            stepped = not any(np.array_equal(given, samples[start : start + len(given)]) for start in (0, 15904))
            return super().encode(given) + bytes(stepped * worse * len(given) // 100)

    choosy = Choosy(codec, joins_channels=True)
    payload = encode_block(choosy, samples, 16)
    assert [len(seen) for seen in choosy.seen] == [8192, 8192, 40000]
    np.testing.assert_array_equal(choosy.seen[0], samples[15904 : 15904 + 8192])
    assert (payload[1] == 0) == (worse > 0)


def test_one_message_ends_a_block_whatever_the_channels(codec: Any, speechlike: Callable[..., np.ndarray]) -> None:
    samples = np.stack([speechlike(1000), speechlike(1000, 1), speechlike(1000, 2)], 1)
    payload = encode_block(codec, samples, 16)
    assert payload == bytes([CODED, 0, 0, 0, 0]) + codec.encode(samples)


PAYLOADS = {
    "empty": "",
    "unknown form": "03",
    "short PCM": "00 01",
    "long PCM": "00 00 00 00 00 00",
    "cut off": "02 40 05",
    "too long": "02 40 05 00 00",
    "widths without low bits": "02 c0 05 00",
    "a width beyond the low bits": "02 c2 03 00 00 05 00",
    "low bits for a model that codes none": "06 01 00",
    "17 low bits": "02 51 05 05 05 05 05 05 05 00",
    "shift of 0": "02 60 80 05 00",
    "a shift with a high bit": "02 60 b8 05 00",
    "unknown rounding": "02 60 03 01 01 00 05 00",
    "unknown kind of lattice": "02 60 10 01 01 00 05 00",
    "step of 0": "02 60 00 00 01 00 05 00",
    "divisor of 0": "02 60 00 01 00 00 05 00",
    "limits in the wrong order": "02 60 08 01 01 00 06 04 05 00",
    "a number in an overlong form": "02 60 00 81 00 01 00 05 00",
    "products beyond 64 bits": "02 60 00 ff ff ff ff ff ff ff 7f 01 00 ff 7f",
    "no width": "02 00 00",
    "17 bits wide": "02 00 11 00 00 00 00 00",
    "more than 16 bits": "02 60 81 ff 7f",
    "no message": "01 00",
    "a message without planes": "01 40 05 00 00 00 00 80 00 00 00 00",
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_what_no_encoder_writes_is_refused(codec: Any, payload: str) -> None:
    with pytest.raises(FormatError):
        decode_block(codec, bytes.fromhex(payload), 2, 1, 16)


def test_pairs_of_every_mode(codec: Any) -> None:
    constants = "40 05 00 40 03 00"
    for step, expected in (("00", (5, 3)), ("01 10", (5, 8)), ("02 f0", (2, 3)), ("03", (7, 4))):
        decoded = decode_block(codec, bytes.fromhex(f"02 {step} {constants}"), 4, 2, 16)
        np.testing.assert_array_equal(decoded, np.tile(expected, (4, 1)))
    with pytest.raises(FormatError, match="pair"):
        decode_block(codec, bytes.fromhex(f"02 04 {constants}"), 3, 2, 16)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.integers(1, 3), st.sampled_from([8, 16, 24]))
def test_random_payloads(make_codec: Any, payload: bytes, channels: int, sample_bits: int) -> None:
    for form in (b"", b"\x01", b"\x02"):
        try:
            samples = decode_block(make_codec(), form + payload, 4, channels, sample_bits)
        except FormatError:
            continue
        assert samples.shape == (4, channels)
        assert samples.min() >= -(1 << (sample_bits - 1))
        assert samples.max() < 1 << (sample_bits - 1)
