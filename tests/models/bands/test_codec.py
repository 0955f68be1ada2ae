"""Whatever the signal, it comes back, whole or block by block; whatever the bytes, samples or a clear error."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import idf
from idf.coding.codec import BlockwiseCodec
from idf.config.schema import Config
from idf.errors import ConfigError, FormatError, RunError
from idf.models.bands.codec import BandCodec, codec_of, open_bands, save_bands
from idf.models.bands.model import BandModel, build_bands
from idf.models.file import read_model_file
from idf.models.load import load_codec
from idf.models.saved import stored_config
from tests.models.adaptive.signals import tone
from tests.models.bands.conftest import random_parameters, small_config

RNG = np.random.default_rng(5)
SIGNALS = {
    "silence": np.zeros(1500),
    "constant": np.full(500, -32768),
    "square": np.where(np.arange(2000) % 100 < 50, 32767, -32768),
    "noise": RNG.integers(-32768, 32768, 1500),
    "plus and minus one": RNG.integers(-1, 2, 1500),
    "silence to full scale": np.concatenate([np.zeros(900), RNG.integers(-32768, 32768, 300), np.zeros(900)]),
    "clipped tone": np.clip(tone(1500, amplitude=60000), -32768, 32767),
    "alternating": np.where(np.arange(1500) % 2, 32767, -32768),
    "whole windows": tone(640),
    "one sample": np.array([17]),
    "one sample over": tone(129),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_comes_back(codec: BandCodec, name: str) -> None:
    samples = SIGNALS[name].astype(np.int32)[:, None]
    data = codec.encode(samples)
    np.testing.assert_array_equal(codec.decode(data, len(samples), 1), samples)
    assert 8 * len(data) <= 1.01 * codec.bits(samples) + 128
    np.testing.assert_array_equal(codec.approximate(samples, len(codec.block_names)), samples)


@settings(max_examples=30, deadline=None)
@given(
    arrays(
        np.int32,
        st.tuples(st.integers(1, 200), st.integers(1, 3)),
        elements=st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, 0, 1, 32767])),
    )
)
def test_any_samples_of_any_channels_come_back(codec: BandCodec, samples: np.ndarray) -> None:
    np.testing.assert_array_equal(codec.decode(codec.encode(samples), *samples.shape), samples)
    np.testing.assert_array_equal(codec.approximate(samples, len(codec.block_names)), samples)


@pytest.mark.parametrize("levels", [0, 1])
def test_any_number_of_splits_will_do(levels: int) -> None:
    model = build_bands(small_config(levels=levels))
    codec = codec_of(model, random_parameters(model))
    assert len(codec.block_names) == levels + 1
    samples = tone(1000)[:, None]
    np.testing.assert_array_equal(codec.decode(codec.encode(samples), 1000, 1), samples)


def test_windows_are_independent_unless_they_follow_each_other() -> None:
    one, two = tone(640, seed=1), tone(640, seed=2)
    both = [np.concatenate([first, two])[:, None] for first in (one, one[::-1])]
    for context, independent in (("none", True), ("previous", False)):
        model = build_bands(small_config(context))
        codec = codec_of(model, random_parameters(model))
        bits = [block.bits for samples in both for block in codec.latent_blocks(samples[:, 0])]
        count = len(codec.block_names)
        ends = [
            np.array_equal(a[len(a) // 2 :], b[len(b) // 2 :]) for a, b in zip(bits[:count], bits[count:], strict=True)
        ]
        assert all(ends) is independent


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 90), st.integers(1, 3))
def test_foreign_bytes_are_refused(codec: BandCodec, data: bytes, count: int, channels: int) -> None:
    with pytest.raises(FormatError):
        codec.decode(data, count, channels)


def test_damage_never_passes_for_the_original(codec: BandCodec) -> None:
    samples = tone(400)[:, None]
    data = codec.encode(samples)
    for place in range(0, len(data), 11):
        broken = bytearray(data)
        broken[place] ^= 16
        try:
            decoded = codec.decode(bytes(broken), len(samples), 1)
        except FormatError:
            continue
        assert not np.array_equal(decoded, samples)


@pytest.mark.parametrize("count", [1, 63, 64, 700])
def test_blocks_tell_what_is_coded(codec: BandCodec, count: int) -> None:
    assert isinstance(codec, BlockwiseCodec)
    samples = tone(count)
    blocks = codec.latent_blocks(samples)
    assert tuple(block.name for block in blocks) == codec.block_names == ("low", "z3", "z2", "z1")
    assert sum(len(block.latents) for block in blocks) == count
    total = sum(float(block.bits.sum(dtype=np.float64)) for block in blocks)
    assert total == pytest.approx(codec.bits(samples[:, None]), rel=1e-5)
    for block in blocks:
        assert len(block.times) == len(block.medians) == len(block.log_scales) == len(block.latents)
        assert np.all(np.diff(block.times) > 0)
        assert np.all((block.times >= 0) & (block.times < count))
    every_time = np.sort(np.concatenate([block.times for block in blocks]))
    np.testing.assert_array_equal(every_time[: count // 64 * 64], np.arange(count // 64 * 64))


def test_an_approximation_knows_nothing_of_later_blocks(codec: BandCodec) -> None:
    t = np.arange(640)  # what differs is above a quarter of the rate only
    samples = tone(640)[:, None]
    hiss = np.rint(3000 * np.sin(2.8 * t)).astype(np.int32)[:, None]
    first, second = (codec.approximate(x, 1) for x in (samples, samples + hiss))
    assert np.abs(first - second).max() < 0.05 * 3000
    assert not np.array_equal(first, samples)
    nothing = codec.approximate(samples, 0)
    assert not np.any(nothing)


def test_what_is_drawn_is_coded_in_the_bits_it_was_drawn_from(codec: BandCodec) -> None:
    drawn = codec.draw(1000, seed=1)
    assert drawn.dtype == np.int32
    assert len(np.unique(drawn)) > 100
    np.testing.assert_array_equal(drawn, codec.draw(1000, seed=1))


def test_a_model_file_holds_all_that_decoding_needs(
    codec: BandCodec, model: BandModel, parameters: dict[str, np.ndarray], config: Config, tmp_path: Path
) -> None:
    path = tmp_path / "small.idfm"
    save_bands(path, config, model, parameters, {"run": "test"})
    loaded = load_codec(path)
    samples = tone(1500)[:, None]
    assert loaded.encode(samples) == codec.encode(samples)
    assert loaded.provenance == {"run": "test"}
    data = idf.compress(samples.astype(np.int16), 8000, model=path)
    restored, rate_hz = idf.decompress(data, model=path)
    assert rate_hz == 8000
    np.testing.assert_array_equal(restored.reshape(samples.shape), samples)
    again = pickle.loads(pickle.dumps(loaded))
    assert again.encode(samples) == loaded.encode(samples)
    with pytest.raises(ConfigError, match="rans"):
        load_codec(path, "craystack")


@pytest.mark.parametrize("change", ["weights", "config", "infinite", "taps", "level", "stages", "window", "missing"])
def test_a_model_file_that_does_not_fit_together_is_refused(
    model: BandModel, parameters: dict[str, np.ndarray], config: Config, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "small.idfm"
    save_bands(path, config, model, parameters, {})
    file = read_model_file(path)
    arrays = file.arrays
    infinite = np.float32(np.inf).view(np.int32)
    if change == "weights":
        arrays["parameter/network"] = arrays["parameter/network"][:-1]
    elif change == "infinite":
        arrays["parameter/network"] = np.full_like(arrays["parameter/network"], infinite)
    elif change == "taps":
        arrays["constant/taps/1"] = np.full_like(arrays["constant/taps/1"], 1 << 30)
    elif change == "level":
        arrays["constant/start/level"] = np.zeros_like(arrays["constant/start/level"])
    elif change == "stages":
        arrays["constant/start/stages"] = np.full_like(arrays["constant/start/stages"], infinite)
    elif change == "window":
        file.header["config"]["model"]["window"] = 1 << 40
    elif change == "missing":
        del arrays["constant/start/signal"]
    else:
        file.header["config"]["model"]["bands"]["stages"] = 10**9
    with pytest.raises(RunError, match=r"small\.idfm"):
        open_bands(path, file, stored_config(path, file))


def test_weights_that_are_not_finite_are_not_exported(
    model: BandModel, parameters: dict[str, np.ndarray], config: Config, tmp_path: Path
) -> None:
    broken = parameters | {"band1/last/bias": np.full_like(parameters["band1/last/bias"], np.nan)}
    with pytest.raises(RunError, match="not finite"):
        save_bands(tmp_path / "x.idfm", config, model, broken, {})
    assert not list(tmp_path.iterdir())
