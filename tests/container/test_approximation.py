"""Reconstructing recordings of any format from their first latent blocks."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.audio.format import AudioFormat
from idf.container.approximation import approximate_samples, approximate_stream, partial_codec
from idf.container.arrays import compress_array
from idf.container.blocks import stereo
from idf.errors import DataError, FormatError, RunError
from idf.evaluation.clip.progressive import snr_db
from idf.models.load import load_codec
from idf.models.window.codec import WindowCodec
from tests.paths import TINY
from tests.signals import speech

BLOCKS = 7


@pytest.fixture(scope="module")
def tiny() -> WindowCodec:
    return load_codec(TINY)


def kinds() -> dict[str, tuple[np.ndarray, int]]:
    """Return samples (n, channels) and bits by name."""
    left, rng = speech(1000), np.random.default_rng(3)
    near = np.stack([left + speech(1000, seed=1) // 16, left], axis=1)
    return {
        "mono 16": (left[:, None], 16),
        "mono 8": (left[:, None] >> 8, 8),
        "stereo 16": (near, 16),
        "stereo 24": (near * 256 + rng.integers(0, 256, near.shape), 24),
        "mono 24 of 16": (left[:, None] << 8, 24),
        "three, one constant": (np.stack([left, np.full(1000, 9), left[::-1]], axis=1), 16),
        "all constant": (np.full((50, 2), -32768), 16),
        "loud stereo": (np.clip(near * 40, -32768, 32767), 16),
        "noise of 24 bits": (rng.integers(-(2**23), 2**23, (300, 2)), 24),
        "one sample": (np.array([[5]]), 16),
    }


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_gets_better_until_it_is_exact(tiny: WindowCodec, kind: str) -> None:
    samples, bits = kinds()[kind]
    samples = samples.astype(np.int32)
    limit = 1 << (bits - 1)
    heard = []
    for k in (1, 3, 5, 6, BLOCKS):
        known, spent = approximate_samples(tiny, samples, bits, k)
        assert known.shape == samples.shape
        assert known.dtype == np.int32
        assert known.min() >= -limit
        assert known.max() < limit
        assert spent.shape == (BLOCKS,)
        heard.append(snr_db(samples, known))
    assert np.array_equal(known, samples)
    if "noise" not in kind and len(samples) > 1:
        assert heard == sorted(heard)


def test_low_bits_belong_to_the_last_block(tiny: WindowCodec) -> None:
    rng = np.random.default_rng(5)
    high, low = speech(640)[:, None], rng.integers(0, 256, (640, 1))
    high[0] = 30_000  # otherwise all would fit in fewer bits
    _, narrow = approximate_samples(tiny, high, 16, 1)
    known, wide = approximate_samples(tiny, (high << 8 | low).astype(np.int32), 24, 6)
    assert wide[-1] - narrow[-1] == pytest.approx(8 * 640)
    assert np.array_equal(wide[:-1], narrow[:-1])
    assert np.all(known & 255 == 128)


def test_pairs_are_clipped_where_wrapping_would_click() -> None:
    """A side channel that is slightly too large at full scale must be clipped."""
    mid, side = np.array([32_000]), np.array([3_000])
    for step in (stereo.Step(stereo.MID_SIDE), stereo.Step(stereo.SECOND_FROM_FIRST, 16)):
        assert min(stereo.inverse(mid, side, step)) < 0
        assert max(stereo.clipped_inverse(mid, side, step)) == 32_767


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_pairs_that_fit_come_back_by_either_inverse(data: st.DataObject) -> None:
    quiet = st.integers(-2000, 2000)
    pair = [np.array(data.draw(st.lists(quiet, min_size=4, max_size=4)), np.int32) for _ in range(2)]
    step = data.draw(st.sampled_from([stereo.Step(stereo.MID_SIDE), stereo.Step(1, -77), stereo.Step(2, 31)]))
    made = stereo.forward(*pair, step)
    assert np.array_equal(stereo.clipped_inverse(*made, step), pair)


@pytest.mark.parametrize(
    "audio_format", [AudioFormat(8000, 1, 16), AudioFormat(44_100, 2, 24), AudioFormat(8000, 1, 8)]
)
def test_a_file_of_several_blocks_becomes_a_wav_file(tiny: WindowCodec, audio_format: AudioFormat) -> None:
    count = tiny.chunk_samples + 333
    scale = {8: 1 / 256, 16: 1, 24: 200}[audio_format.sample_bits]
    samples = (np.stack([speech(count, seed=seed) for seed in range(audio_format.channels)], axis=1) * scale).astype(
        np.int32
    )
    data, written, seen = compress_array(tiny, samples, audio_format), io.BytesIO(), []
    spent = approximate_stream(tiny, io.BytesIO(data), written.write, 5, progress=seen.append)
    assert (spent.names, spent.blocks, spent.samples, spent.audio_format) == (tiny.block_names, 5, count, audio_format)
    assert 0 < spent.share < 1
    assert sum(seen) == count
    written.seek(0)
    heard, rate_hz = soundfile.read(written, dtype="int32", always_2d=True)
    assert (rate_hz, heard.shape) == (audio_format.rate_hz, samples.shape)
    heard = heard.astype(np.int64) >> (32 - audio_format.sample_bits)
    assert snr_db(samples, heard) > 1
    # blocks are independent, so jobs change nothing
    first, _ = approximate_samples(tiny, samples[: tiny.chunk_samples], audio_format.sample_bits, 5)
    assert np.array_equal(heard[: tiny.chunk_samples], first)
    again = io.BytesIO()
    approximate_stream(tiny, io.BytesIO(data), again.write, 5, jobs=2)
    assert again.getvalue() == written.getvalue()


def test_all_blocks_are_the_file_and_an_empty_file_is_empty(tiny: WindowCodec) -> None:
    for samples in (speech(777)[:, None], np.zeros((0, 1), np.int32)):
        data, written = compress_array(tiny, samples, AudioFormat(8000, 1, 16)), io.BytesIO()
        spent = approximate_stream(tiny, io.BytesIO(data), written.write, BLOCKS)
        assert spent.share == 1
        assert written.getvalue()[44:] == samples.astype("<i2").tobytes()


def test_a_file_that_does_not_decode_exactly_is_an_error(tiny: WindowCodec) -> None:
    data = bytearray(compress_array(tiny, speech(2000)[:, None], AudioFormat(8000, 1, 16)))
    data[len(data) // 2] ^= 1
    with pytest.raises(FormatError):
        approximate_stream(tiny, io.BytesIO(bytes(data)), io.BytesIO().write, 2)


def test_codecs_that_have_no_blocks_or_not_so_many(tiny: WindowCodec, codec: object) -> None:
    assert partial_codec(tiny, BLOCKS) is tiny
    for wrong in (0, -1, BLOCKS + 1):
        with pytest.raises(DataError, match=f"has 7 latent blocks, not {wrong}; choose 1 to 7"):
            partial_codec(tiny, wrong)
    with pytest.raises(RunError, match="no latent blocks; use a window flow"):
        partial_codec(codec, 1)  # type: ignore[arg-type]
