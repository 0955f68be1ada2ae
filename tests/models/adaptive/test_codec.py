"""Whatever the signal, it comes back; whatever the bytes, the answer is samples or a clear error."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import idf
from idf.config.schema import Config
from idf.errors import ConfigError, FormatError, RunError
from idf.models.adaptive.codec import AdaptiveCodec, open_adaptive, save_adaptive
from idf.models.adaptive.model import AdaptiveModel
from idf.models.file import read_model_file
from idf.models.load import load_codec
from idf.models.saved import stored_config
from tests.models.adaptive.signals import tone

RNG = np.random.default_rng(5)
SIGNALS = {
    "silence": np.zeros(3000),
    "constant": np.full(500, -32768),
    "square": np.where(np.arange(4000) % 100 < 50, 32767, -32768),
    "noise": RNG.integers(-32768, 32768, 3000),
    "plus and minus one": RNG.integers(-1, 2, 3000),
    "silence to full scale": np.concatenate([np.zeros(2000), RNG.integers(-32768, 32768, 500), np.zeros(2000)]),
    "clipped tone": np.clip(tone(3000, amplitude=60000), -32768, 32767),
    "alternating": np.where(np.arange(3000) % 2, 32767, -32768),
    "one sample": np.array([17]),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_comes_back(codec: AdaptiveCodec, name: str) -> None:
    samples = SIGNALS[name].astype(np.int32)[:, None]
    data = codec.encode(samples)
    np.testing.assert_array_equal(codec.decode(data, len(samples), 1), samples)
    assert 8 * len(data) <= 1.01 * codec.bits(samples) + 128


@settings(max_examples=30, deadline=None)
@given(
    arrays(
        np.int32,
        st.tuples(st.integers(1, 60), st.integers(1, 5)),
        elements=st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, 0, 1, 32767])),
    )
)
def test_any_samples_of_any_channels_come_back(codec: AdaptiveCodec, samples: np.ndarray) -> None:
    np.testing.assert_array_equal(codec.decode(codec.encode(samples), *samples.shape), samples)


def test_a_copy_in_the_other_channel_costs_little(codec: AdaptiveCodec) -> None:
    one = tone(6000)[:, None]
    single, double = codec.bits(one), codec.bits(np.concatenate([one, one], axis=1))
    assert double < 1.8 * single


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 40), st.integers(1, 3))
def test_foreign_bytes_are_refused(codec: AdaptiveCodec, data: bytes, count: int, channels: int) -> None:
    with pytest.raises(FormatError):
        codec.decode(data, count, channels)


def test_damage_never_passes_for_the_original(codec: AdaptiveCodec) -> None:
    samples = tone(400)[:, None]
    data = codec.encode(samples)
    for place in range(0, len(data), 7):
        broken = bytearray(data)
        broken[place] ^= 16
        try:
            decoded = codec.decode(bytes(broken), len(samples), 1)
        except FormatError:
            continue
        assert not np.array_equal(decoded, samples)


def test_what_is_drawn_is_coded_in_the_bits_it_was_drawn_from(codec: AdaptiveCodec) -> None:
    drawn = codec.draw(2000, seed=1)
    assert drawn.dtype == np.int32
    assert drawn.min() >= -32768
    assert drawn.max() <= 32767
    assert len(np.unique(drawn)) > 100
    np.testing.assert_array_equal(drawn, codec.draw(2000, seed=1))


def test_a_model_file_holds_all_that_decoding_needs(
    codec: AdaptiveCodec, model: AdaptiveModel, parameters: dict[str, np.ndarray], config: Config, tmp_path: Path
) -> None:
    path = tmp_path / "small.idfm"
    save_adaptive(path, config, model, parameters, {"run": "test"})
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


@pytest.mark.parametrize("change", ["weights", "config", "infinite"])
def test_a_model_file_that_does_not_fit_together_is_refused(
    model: AdaptiveModel, parameters: dict[str, np.ndarray], config: Config, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "small.idfm"
    save_adaptive(path, config, model, parameters, {})
    file = read_model_file(path)
    weights = file.arrays["parameter/network"]
    if change == "weights":
        file.arrays["parameter/network"] = weights[:-1]
    elif change == "infinite":
        file.arrays["parameter/network"] = np.full_like(weights, np.float32(np.inf).view(np.int32))
    else:
        file.header["config"]["model"]["adaptive"]["stages"] = 10**9
    with pytest.raises(RunError, match=r"small\.idfm"):
        open_adaptive(path, file, stored_config(path, file))


def test_weights_that_are_not_finite_are_not_exported(
    model: AdaptiveModel, parameters: dict[str, np.ndarray], config: Config, tmp_path: Path
) -> None:
    broken = parameters | {"last/bias": np.full_like(parameters["last/bias"], np.nan)}
    with pytest.raises(RunError, match="not finite"):
        save_adaptive(tmp_path / "x.idfm", config, model, broken, {})
    assert not list(tmp_path.iterdir())
