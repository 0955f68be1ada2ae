"""The law of every codec: every input is decoded exactly, and other bytes give samples or one clear error.

There is one test for each clause, over every family and layout. Tests of a single family are in its own folder.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import idf
from idf.audio.format import AudioFormat
from idf.coding.codec import BlockwiseCodec, ChunkCodec
from idf.config.schema import family_name
from idf.container.arrays import compress_array, decompress_array
from idf.errors import FormatError, RunError
from idf.models.adaptive.sequential import SequentialCoder
from idf.models.load import load_codec
from tests.models.small import CONFIGS, FAMILIES, save_small
from tests.paths import ROOT
from tests.signals import EXTREME, HIGH, LOW, SIGNALS, speech
from tests.static_codec import StaticCodec

STATIC = "static"
WHITENED = ("window whitened", "window predicted", "window flow, predicted")
SELF_CONTAINED = ("adaptive", "turbo")
"""Codecs that are pickled completely instead of by the name of their file."""
BLOCKWISE = [name for name in CONFIGS if name not in (*SELF_CONTAINED, *WHITENED)]
"""Codecs whose first blocks give an approximation."""
DRAWN = hnp.arrays(
    np.int32,
    st.tuples(st.integers(0, 200), st.integers(1, 5)),
    elements=st.one_of(st.integers(LOW, HIGH), st.sampled_from(EXTREME)),
)
"""Up to 200 samples of one to five channels."""


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The model file of each codec that has one."""
    folder = tmp_path_factory.mktemp("models")
    return {name: save_small(folder / f"{number}.idfm", make()) for number, (name, make) in enumerate(CONFIGS.items())}


@pytest.fixture(scope="session")
def codecs(files: dict[str, Path]) -> dict[str, ChunkCodec]:
    return {STATIC: StaticCodec()} | {name: load_codec(path) for name, path in files.items()}


@pytest.fixture(params=[STATIC, *CONFIGS])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def codec(codecs: dict[str, ChunkCodec], name: str) -> ChunkCodec:
    return codecs[name]


def test_the_law_covers_every_family_and_layout() -> None:
    configs = [make() for make in CONFIGS.values()]
    families = {path.parent.name for path in (ROOT / "idf" / "models").glob("*/codec.py")}
    assert {family_name(config) for config in configs} == families == {name.split()[0] for name in FAMILIES}
    assert {config.layout.name for config in configs} == {path.stem for path in (ROOT / "conf" / "layout").iterdir()}


def assert_comes_back(codec: ChunkCodec, samples: np.ndarray) -> bytes:
    """Assert that ``samples`` are decoded exactly, and return the message."""
    given = samples.copy()
    data = codec.encode(samples)
    assert isinstance(data, bytes)
    np.testing.assert_array_equal(samples, given, "the codec changed what it was given")
    decoded = codec.decode(data, *samples.shape)
    assert decoded.dtype == np.int32
    assert decoded.shape == samples.shape
    np.testing.assert_array_equal(decoded, samples)
    assert codec.encode(samples) == data, "the same samples gave other bytes"
    return data


def channels_of(mono: np.ndarray) -> dict[str, np.ndarray]:
    """Return a signal alone, with itself, and with two others: int32 (n, 1 to 3)."""
    return {
        "mono": mono[:, None],
        "equal channels": np.stack([mono, mono], axis=1),
        "three channels": np.stack([mono, mono[::-1], np.roll(mono, 7) // 2], axis=1),
    }


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_comes_back(codec: ChunkCodec, signal: str) -> None:
    for samples in channels_of(SIGNALS[signal]).values():
        data = assert_comes_back(codec, samples)
        if isinstance(codec, SequentialCoder):  # its size matches the bits that it reports
            assert 8 * len(data) <= 1.01 * codec.bits(samples) + 128


# Hypothesis draws samples for all codecs, because a codec is not an input to shrink.
@settings(max_examples=40, deadline=None)
@given(samples=DRAWN)
@pytest.mark.parametrize("kind", [STATIC, *CONFIGS])
def test_any_samples_of_any_channels_come_back(codecs: dict[str, ChunkCodec], kind: str, samples: np.ndarray) -> None:
    assert_comes_back(codecs[kind], samples)


def test_arrays_in_any_memory_order_are_accepted(codec: ChunkCodec) -> None:
    samples = channels_of(speech(500))["three channels"]
    rows = np.ascontiguousarray(samples)
    wide = np.repeat(np.asfortranarray(samples), 2, axis=0)
    for same in (np.asfortranarray(rows), wide[::2], np.ascontiguousarray(rows[::-1])[::-1]):
        assert codec.encode(same) == codec.encode(rows)


@pytest.mark.parametrize("count", [1, 199, 200, 201, 997])
def test_files_longer_than_a_chunk_come_back(codec: ChunkCodec, name: str, count: int) -> None:
    short = copy.copy(codec) if name != STATIC else replace(StaticCodec(), chunk_samples=200)
    if name != STATIC:
        short.chunk_samples = 200  # type: ignore[misc]
    for samples in channels_of(speech(count)).values():
        form = AudioFormat(8000, samples.shape[1], 16)
        restored, found = decompress_array(short, compress_array(short, samples, form))
        np.testing.assert_array_equal(restored, samples)
        assert found == form


@pytest.mark.parametrize("kind", BLOCKWISE)
@pytest.mark.parametrize("signal", SIGNALS)
def test_all_blocks_give_the_clip(codecs: dict[str, ChunkCodec], kind: str, signal: str) -> None:
    codec = codecs[kind]
    assert isinstance(codec, BlockwiseCodec)
    for samples in channels_of(SIGNALS[signal]).values():
        assert_all_blocks_are_the_clip(codec, samples)


@settings(max_examples=25, deadline=None)
@given(samples=DRAWN)
@pytest.mark.parametrize("kind", BLOCKWISE)
def test_all_blocks_give_any_clip(codecs: dict[str, ChunkCodec], kind: str, samples: np.ndarray) -> None:
    codec = codecs[kind]
    assert isinstance(codec, BlockwiseCodec)
    assert_all_blocks_are_the_clip(codec, samples)


def assert_all_blocks_are_the_clip(codec: BlockwiseCodec, samples: np.ndarray) -> None:
    known = codec.approximate(samples, len(codec.block_names))
    assert known.dtype == np.int32
    np.testing.assert_array_equal(known, samples)


def test_a_message_that_is_cut_or_continued_is_refused(codec: ChunkCodec) -> None:
    samples = speech(400)[:, None]
    data = codec.encode(samples)
    for broken in (b"", data[:-1], data[:-4], data[: len(data) // 2], data + b"\0", data + bytes(4)):
        with pytest.raises(FormatError):
            codec.decode(broken, *samples.shape)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=80), count=st.integers(1, 90), channels=st.integers(1, 3))
@pytest.mark.parametrize("kind", [STATIC, *CONFIGS])
def test_foreign_bytes_are_refused(
    codecs: dict[str, ChunkCodec], kind: str, data: bytes, count: int, channels: int
) -> None:
    with pytest.raises(FormatError):
        codecs[kind].decode(data, count, channels)


def test_damage_never_passes_for_the_original(codec: ChunkCodec) -> None:
    samples = speech(400)[:, None]
    data = codec.encode(samples)
    for place in range(0, len(data), 7):
        broken = bytearray(data)
        broken[place] ^= 16
        try:
            decoded = codec.decode(bytes(broken), *samples.shape)
        except FormatError:
            continue
        assert decoded.shape == samples.shape
        assert not np.array_equal(decoded, samples)


def test_a_copy_in_another_process_gives_the_same_bytes(codec: ChunkCodec) -> None:
    again, samples = pickle.loads(pickle.dumps(codec)), channels_of(speech(700))["three channels"]
    assert again.fingerprint == codec.fingerprint
    assert (again.chunk_samples, again.joins_channels) == (codec.chunk_samples, codec.joins_channels)
    data = codec.encode(samples)
    assert again.encode(samples) == data
    np.testing.assert_array_equal(again.decode(data, *samples.shape), samples)


@pytest.mark.parametrize("kind", [kind for kind in CONFIGS if kind not in SELF_CONTAINED])
def test_a_copy_of_a_file_that_was_replaced_is_refused(tmp_path: Path, kind: str) -> None:
    path = save_small(tmp_path / "m.idfm", CONFIGS[kind]())
    pickled = pickle.dumps(load_codec(path))
    save_small(path, CONFIGS[kind](), parameters=moved)
    with pytest.raises(RunError, match="replaced by another model"):
        pickle.loads(pickled)


def moved(parameters: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value + np.float32(0.02) for name, value in parameters.items()}


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_fingerprint_depends_only_on_what_affects_decoding(
    files: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    def saved(**change: object) -> bytes:
        made: Callable[..., Path] = save_small
        return load_codec(made(tmp_path / "other.idfm", CONFIGS[kind](), **change)).fingerprint

    first = load_codec(files[kind]).fingerprint
    assert len(first) == 16
    assert saved() == first
    assert saved(provenance={"run": "another"}) == first
    assert saved(parameters=moved) != first
    # only window flows without learned sharpness use the given log-scale
    assert (saved(log_scale=-6.0) == first) == (not kind.startswith("window") or "learned" in kind)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_model_file_suffices_to_decompress(files: dict[str, Path], kind: str) -> None:
    samples = channels_of(speech(1500))["equal channels"].astype(np.int16)
    data = idf.compress(samples, 8000, model=files[kind])
    restored, rate_hz = idf.decompress(data, model=files[kind])
    assert rate_hz == 8000
    assert restored.dtype == np.int16
    np.testing.assert_array_equal(restored, samples)
