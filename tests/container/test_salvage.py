"""Salvaging damaged files: everything intact is recovered, and wrong audio is never returned unreported."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idf.audio.format import AudioFormat
from idf.audio.pcm_bytes import PLAIN
from idf.audio.sources import open_source
from idf.audio.wav import canonical_head
from idf.container.arrays import compress_array, decompress_array
from idf.container.index import read_end, read_index
from idf.container.records import read_header
from idf.container.salvage import Loss, salvage_stream
from idf.container.stream import encode_stream
from idf.errors import FormatError

FORMAT = AudioFormat(8000, 2, 16)
COUNT, CHUNK = 1050, 100
SAMPLES = np.random.default_rng(0).integers(-3000, 3000, (COUNT, 2)).astype(np.int32)


@pytest.fixture(scope="module")
def small(make_codec: Any) -> Any:
    return make_codec(chunk_samples=CHUNK)


@pytest.fixture(scope="module")
def whole(small: Any) -> bytes:
    return compress_array(small, SAMPLES, FORMAT)


def salvage(codec: Any, data: bytes) -> tuple[np.ndarray, Loss]:
    out = io.BytesIO()
    loss = salvage_stream(codec, io.BytesIO(data), out.write)
    assert out.getvalue()[:4] == b"RIFF"
    return PLAIN.from_bytes(out.getvalue()[44:], FORMAT.channels, FORMAT.sample_bits), loss


def block_places(data: bytes) -> list[int]:
    """Return the positions of the audio blocks and the end, which are contiguous here."""
    file = io.BytesIO(data)
    return [*map(int, read_index(file).starts), read_end(file, read_header(io.BytesIO(data)))[1]]


def header_bytes(data: bytes) -> int:
    return len(read_header(io.BytesIO(data)).pack())


def assert_right_but_for(samples: np.ndarray, loss: Loss) -> None:
    """Check that every sample is the original's, or silent and reported."""
    expected = SAMPLES[: len(samples)].copy()
    for first, last in loss.ranges:
        assert not samples[first:last].any()
        expected[first:last] = 0
    np.testing.assert_array_equal(samples, expected)


def test_an_undamaged_file_is_whole(small: Any, whole: bytes) -> None:
    samples, loss = salvage(small, whole)
    np.testing.assert_array_equal(samples, SAMPLES)
    assert loss == Loss((), ())


def test_a_damaged_block_is_silent_and_named(small: Any, whole: bytes) -> None:
    places = block_places(whole)
    for wrong in ({3}, {0}, {10}, {4, 5, 8}):
        data = bytearray(whole)
        for number in wrong:
            data[places[number] + 20] ^= 1
        samples, loss = salvage(small, bytes(data))
        assert_right_but_for(samples, loss)
        assert {n for first, last in loss.ranges for n in range(first // CHUNK, -(-last // CHUNK))} == wrong
        assert loss.notes == ()
    assert loss.ranges == ((400, 600), (800, 900))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damage_of_any_kind_costs_only_the_blocks_it_touches(small: Any, whole: bytes, data: st.DataObject) -> None:
    """Replace the bytes between a and b; all blocks outside must be recovered."""
    a = data.draw(st.integers(header_bytes(whole), len(whole)))
    b = min(len(whole), a + data.draw(st.integers(0, 1500)))
    damaged = whole[:a] + data.draw(st.binary(max_size=30)) + whole[b:]
    samples, loss = salvage(small, damaged)
    assert_right_but_for(samples, loss)
    places = block_places(whole)
    lost = {n for first, last in loss.ranges for n in range(first // CHUNK, -(-last // CHUNK))}
    for number in lost:
        assert places[number] < b or a == b
        assert places[number + 1] > a


def test_cut_at_every_length(small: Any, whole: bytes) -> None:
    places = block_places(whole)
    start = header_bytes(whole)
    for size in range(start, len(whole), 7):
        samples, loss = salvage(small, whole[:size])
        assert_right_but_for(samples, loss)
        kept = sum(place <= size for place in places[1:])
        lost = sum(last - first for first, last in loss.ranges)
        assert len(samples) - lost == min(kept * CHUNK, COUNT)
        assert any("the end of the file is missing" in note for note in loss.notes)
    for size in range(start):
        with pytest.raises(FormatError):
            salvage(small, whole[:size])


def test_one_wrong_byte_in_the_header_is_mended(small: Any, whole: bytes) -> None:
    for place in range(header_bytes(whole)):
        data = bytearray(whole)
        data[place] ^= 0x5A
        samples, loss = salvage(small, bytes(data))
        np.testing.assert_array_equal(samples, SAMPLES)
        assert loss.ranges == ()
        assert loss.notes == (f"byte {place} of the header was wrong and has been repaired",)
    data = bytearray(whole)
    data[9] ^= 1
    data[17] ^= 1
    with pytest.raises(FormatError, match="nothing can be salvaged"):
        salvage(small, bytes(data))


def test_a_wav_around_is_kept_as_far_as_it_is_whole(small: Any) -> None:
    pcm = SAMPLES.astype("<i2").tobytes()
    head = canonical_head(COUNT, FORMAT)
    wav = head[:36] + b"LIST\x04\0\0\0info" + head[36:] + pcm + b"the tail"
    file = io.BytesIO()
    encode_stream(small, open_source(io.BytesIO(wav), "x"), file)
    whole = file.getvalue()
    out = io.BytesIO()
    assert salvage_stream(small, io.BytesIO(whole), out.write) == Loss((), ())
    assert out.getvalue() == wav
    for place, note, expected in (
        (header_bytes(whole) + 20, "original's header is damaged", head + pcm + b"the tail"),
        (whole.index(b"the tail"), "bytes after the samples are damaged", wav[: -len(b"the tail")]),
    ):
        data = bytearray(whole)
        data[place] ^= 1
        out = io.BytesIO()
        loss = salvage_stream(small, io.BytesIO(data), out.write)
        assert out.getvalue() == expected
        assert note in " ".join(loss.notes)


def test_ten_thousand_random_edits(small: Any, whole: bytes) -> None:
    """Strict decoding detects every change; salvage never returns wrong audio unreported."""
    rng = np.random.default_rng(0)
    start = header_bytes(whole)
    for trial in range(10_000):
        data = bytearray(whole)
        for place in rng.integers(start, len(data), rng.integers(1, 4)):
            data[place] ^= 1 << rng.integers(8) if trial % 2 else rng.integers(1, 256)
        if bytes(data) == whole:
            continue
        with pytest.raises(FormatError):
            decompress_array(small, bytes(data))
        if trial % 40 == 0:
            assert_right_but_for(*salvage(small, bytes(data)))


def test_a_file_of_lying_block_heads_does_not_take_for_ever(small: Any, whole: bytes) -> None:
    places = block_places(whole)
    lie = whole[places[0] : places[0] + 6] + bytes(4)
    data = whole[: places[0]] + lie * 20_000 + whole[places[0] :]
    samples, loss = salvage(small, data)  # any result is fine, as long as it comes soon
    assert_right_but_for(samples, loss)
