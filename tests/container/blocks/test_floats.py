from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.coding.codec import LOW_SEGMENT
from idf.container.blocks.floats import DIVIDED, SCALED, SPLIT, decode_float_block, encode_float_block
from idf.container.blocks.planes import PCM, encode_block
from idf.errors import FormatError

RNG = np.random.default_rng(0)
SPEECH = np.clip(np.rint(RNG.laplace(0, 120, (3000, 1))), -32768, 32767) + 0.0  # no negative zeros
ODD = [0.0, -0.0, 1e-45, -1e-42, 1.1754944e-38, 3.4028235e38, -3.4028235e38, np.inf, -np.inf, np.nan]


def there_and_back(codec: Any, bits: np.ndarray) -> bytes:
    payload = encode_float_block(codec, bits)
    assert len(payload) <= 1 + 4 * bits.size
    decoded = decode_float_block(codec, payload, *bits.shape)
    np.testing.assert_array_equal(decoded, bits)
    assert decoded.dtype == np.int32
    return payload


def bits_of(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32).view(np.int32)


KINDS = {
    "16 bits": (SPEECH / 32768, SCALED),
    "not scaled": (SPEECH, SCALED),
    "huge": (SPEECH * 2.0**100, SCALED),
    "denormal": (SPEECH * 2.0**-149, SCALED),
    "24 bits": (RNG.integers(-(2**23), 2**23, (3000, 2)) / 2**23, SCALED),
    "up to full scale": (np.array([[1.0], [-1.0], [0.5]] * 20), SCALED),
    "negative zeros": (np.where(RNG.random((3000, 1)) < 0.3, -0.0, SPEECH / 32768), SCALED),
    "only negative zeros": (np.full((90, 2), -0.0), SCALED),
    "by 32767": (SPEECH.astype(np.float32) / np.float32(32767), DIVIDED),
    "by 8388607": ((SPEECH * 3000).astype(np.float32) / np.float32(8388607), DIVIDED),
    "by 32767, a zero negative": (np.concatenate([SPEECH / 32767, [[-0.0]]]), DIVIDED),
    "real": (RNG.normal(0, 0.1, (3000, 2)), SPLIT),
    "real and odd": (
        np.concatenate([RNG.normal(0, 0.1, 2000), [x for x in ODD if not 1 < abs(x) < np.inf] * 20])[:, None],
        SPLIT,
    ),
    "noise": (RNG.integers(0, 2**32, (3000, 3), dtype=np.uint32).view(np.float32), PCM),
}


@pytest.mark.parametrize(("values", "form"), KINDS.values(), ids=KINDS.keys())
def test_forms_and_kinds(codec: Any, values: np.ndarray, form: int) -> None:
    assert there_and_back(codec, bits_of(values))[0] == form


def test_scaled_integers_cost_what_integers_cost(codec: Any) -> None:
    for bits, values in ((16, SPEECH), (24, np.rint(RNG.laplace(0, 30000, (3000, 2))) + 0.0)):
        integers = encode_block(codec, values.astype(np.int32), bits)
        assert len(there_and_back(codec, bits_of(values / 2 ** (bits - 1)))) <= len(integers) + 6
    divided = there_and_back(codec, bits_of(SPEECH.astype(np.float32) / np.float32(32767)))
    assert len(divided) <= len(encode_block(codec, SPEECH.astype(np.int32), 16)) + 6


def test_stretches_of_scaled_integers_among_real_numbers_cost_what_integers_cost(codec: Any) -> None:
    """Only the first segment of a 16-bit recording with a fade-in has more bits."""
    integers = np.random.default_rng(3).laplace(0, 120, (5 * LOW_SEGMENT, 1)).round()
    integers[-1] = 30_000
    values = integers / 32768
    values[: LOW_SEGMENT // 2] *= np.linspace(0.1, 1, LOW_SEGMENT // 2)[:, None]
    faded, plain = there_and_back(codec, bits_of(values)), there_and_back(codec, bits_of(integers / 32768))
    assert (faded[0], plain[0]) == (SPLIT, SCALED)
    # 8 low bits, and the lower bits of a quiet float
    assert LOW_SEGMENT < len(faded) - len(plain) < 3 * LOW_SEGMENT


def test_real_numbers_take_less_than_they_are(codec: Any) -> None:
    values = RNG.normal(0, 0.1, (5000, 1))
    assert len(there_and_back(codec, bits_of(values))) < 0.9 * 4 * values.size


@settings(deadline=None, max_examples=300)
@given(hnp.arrays(np.uint32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_any_bits_come_back(make_codec: Any, words: np.ndarray) -> None:
    there_and_back(make_codec(), words.view(np.int32))


@settings(deadline=None, max_examples=300)
@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.sampled_from([*ODD, 1, 0.1, -3])
    ),
    st.integers(-100, 100),
)
def test_odd_values_come_back(make_codec: Any, values: np.ndarray, exponent: int) -> None:
    with np.errstate(all="ignore"):
        there_and_back(make_codec(), bits_of(values))
        there_and_back(make_codec(), bits_of(np.ldexp(values, exponent)))


@pytest.mark.parametrize("name", [name for name, (_, form) in KINDS.items() if form != PCM])
def test_damage_is_refused_or_other_floats(codec: Any, name: str) -> None:
    """Any payload decodes or raises FormatError."""
    payload = there_and_back(codec, bits_of(KINDS[name][0])[:60])
    rng = np.random.default_rng(1)
    for size in range(1, len(payload)):
        with pytest.raises(FormatError):
            decode_float_block(codec, payload[: size - 1] or b"\xff", 60, KINDS[name][0].shape[1])
    for _ in range(700):
        data = bytearray(payload)
        for place in rng.integers(0, len(data), 2):
            data[place] = rng.integers(256)
        try:
            decoded = decode_float_block(codec, bytes(data), 60, KINDS[name][0].shape[1])
        except FormatError:
            continue
        assert decoded.shape == (60, KINDS[name][0].shape[1])
