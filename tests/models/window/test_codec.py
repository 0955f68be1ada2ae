"""A model as a coder: every sample back, the bits of the likelihood, the same bytes whatever the machine does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.audio.wav import WavFormat
from idf.config.schema import Config, LayoutConfig, ModelConfig, SharpnessConfig, WhiteningConfig, WidthConfig
from idf.container.arrays import compress_array, decompress_array
from idf.errors import FormatError, RunError
from idf.models.build import build_model
from idf.models.load import load_codec, save_model
from idf.models.prediction.fit import fitted_start
from idf.models.prediction.whitening import WindowWhitening
from idf.models.window.codec import WindowCodec
from idf.models.window.model import WindowModel
from idf.training.families.window import training_bits

WINDOW = 64
WIDTH = WidthConfig(
    components=3,
    hidden=8,
    blocks=1,
    context_frames=1,
    experts=3,
    wavenet_layers=2,
    wavenet_channels=8,
    wavenet_kernel=3,
)
CHANNELWISE = LayoutConfig(channels=4, scales=2)
ORIGINAL = LayoutConfig(
    name="original",
    channels=8,
    prior="wavenet",
    steps_per_factor=1,
    factor_channels=2,
    split_fraction=0.5,
    level_equivariant=False,
    linear_skip=False,
    scales=1,
)
EQUIVARIANT = LayoutConfig(
    name="original", channels=8, prior="wavenet", steps_per_factor=1, factor_channels=2, split_fraction=0.5, scales=1
)


def config(layout: LayoutConfig, kind: str = "constant") -> Config:
    return Config(model=ModelConfig("test", WINDOW), layout=layout, width=WIDTH, sharpness=SharpnessConfig(kind=kind))


def weights(layout: LayoutConfig, kind: str = "constant") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    start = build_model(config(layout, kind)).initial_parameters(0)
    return {name: value + rng.normal(size=value.shape).astype(np.float32) * 0.03 for name, value in start.items()}


def saved(path: Path, layout: LayoutConfig, kind: str = "constant") -> Path:
    whole = config(layout, kind)
    log_scale = None if kind == "learned" else -5.0
    save_model(path, whole, build_model(whole), weights(layout, kind), log_scale, {"run": "test"})
    return path


@pytest.fixture(
    scope="module", params=[CHANNELWISE, ORIGINAL, EQUIVARIANT], ids=["channelwise", "original", "equivariant"]
)
def codec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WindowCodec:
    return load_codec(saved(tmp_path_factory.mktemp("model") / "m.idfm", request.param))


def speech(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = np.zeros(count + 2)
    for t in range(2, count + 2):
        x[t] = 1.8 * x[t - 1] - 0.9 * x[t - 2] + rng.normal() * 60
    return np.clip(np.rint(x[2:]), -32768, 32767).astype(np.int32)


SIGNALS = {
    "empty": np.zeros(0, np.int32),
    "one sample": np.array([-7], np.int32),
    "silence": np.zeros(200, np.int32),
    "lowest": np.full(130, -32768, np.int32),
    "square": np.where(np.arange(333) % 20 < 10, -32768, 32767).astype(np.int32),
    "noise": np.random.default_rng(1).integers(-32768, 32768, 150).astype(np.int32),
    "speech": speech(1000),
    "more than a group": speech(17_000),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_round_trip(codec: WindowCodec, name: str) -> None:
    samples = SIGNALS[name]
    decoded = codec.decode(codec.encode(samples[:, None]), len(samples), 1)
    assert decoded.dtype == np.int32
    assert np.array_equal(decoded, samples[:, None])


@settings(max_examples=25, deadline=None)
@given(samples=hnp.arrays(np.int16, st.tuples(st.integers(0, 200), st.integers(1, 3))))
def test_round_trip_of_anything(codec: WindowCodec, samples: np.ndarray) -> None:
    samples = samples.astype(np.int32)
    assert np.array_equal(codec.decode(codec.encode(samples), *samples.shape), samples)


def test_channels_share_one_message(codec: WindowCodec) -> None:
    mono = speech(1000)
    stereo = np.stack([mono, mono[::-1]], 1)
    apart = sum(len(codec.encode(channel[:, None])) for channel in stereo.T)
    assert apart - 12 <= len(codec.encode(stereo)) <= apart - 4  # one head instead of two


def test_the_coded_bits_are_the_likelihood(codec: WindowCodec) -> None:
    """What training reports, in float32 TensorFlow, against the bytes: 0.5 % and a head."""
    samples = SIGNALS["speech"]
    layout = codec.model.hierarchy
    values = {name: tf.constant(value) for name, value in weights_of(codec).items()}
    bits = 0.0
    for part in codec.model.cut(samples):
        coded = tf.constant(part.coded, tf.float32)
        bits += float(tf.reduce_sum(training_bits(codec.model, values, tf.constant(part.windows), -5.0, coded).bits))
    size = 8 * len(codec.encode(samples[:, None]))
    assert layout.multiple <= WINDOW
    assert abs(size - bits) <= 0.005 * bits + 8 * 12


@pytest.fixture(scope="module")
def whitened(tmp_path_factory: pytest.TempPathFactory) -> WindowCodec:
    """The first codec with adaptive prediction before it."""
    whole = replace(config(CHANNELWISE), whitening=WhiteningConfig(kind="adaptive"))
    path = tmp_path_factory.mktemp("model") / "whitened.idfm"
    save_model(path, whole, build_model(whole), weights(CHANNELWISE), -5.0, {})
    return load_codec(path)


@pytest.mark.parametrize("name", SIGNALS)
def test_whitened_round_trip(whitened: WindowCodec, name: str) -> None:
    samples = np.stack([SIGNALS[name], SIGNALS[name][::-1]], axis=1)
    np.testing.assert_array_equal(whitened.decode(whitened.encode(samples), *samples.shape), samples)


@settings(max_examples=15, deadline=None)
@given(samples=hnp.arrays(np.int16, st.tuples(st.integers(0, 200), st.integers(1, 3))))
def test_whitened_round_trip_of_anything(whitened: WindowCodec, samples: np.ndarray) -> None:
    samples = samples.astype(np.int32)
    assert np.array_equal(whitened.decode(whitened.encode(samples), *samples.shape), samples)


def test_whitening_codes_the_residual_of_the_whole_run(whitened: WindowCodec, tmp_path: Path) -> None:
    """The message is what the model without whitening makes of the residual; so windows share one past."""
    plain = load_codec(saved(tmp_path / "m.idfm", CHANNELWISE))
    samples = SIGNALS["more than a group"][:, None]
    assert whitened.model.whitening is not None
    residual = whitened.model.whitening.forward(samples)
    assert np.abs(residual).mean() < 0.3 * np.abs(samples).mean()
    assert whitened.encode(samples) == plain.encode(residual)
    assert whitened.fingerprint != plain.fingerprint
    assert (plain.joins_channels, whitened.joins_channels) == (False, True)
    assert whitened.chunk_samples == whitened.model.whitening.block_samples


def test_files_of_whitened_models_come_back(whitened: WindowCodec) -> None:
    samples = np.stack([SIGNALS["more than a group"], SIGNALS["more than a group"][::-1]], axis=1)
    form = WavFormat(8000, 2, 16)
    restored, found = decompress_array(whitened, compress_array(whitened, samples, form))
    np.testing.assert_array_equal(restored, samples)
    assert found == form


@pytest.fixture(scope="module")
def predicting(tmp_path_factory: pytest.TempPathFactory) -> WindowCodec:
    """The first codec with prediction inside its windows, from a start that is not the empty one."""
    step = WhiteningConfig(kind="window", cascades=[], classes=4, order=6)
    whole = replace(config(CHANNELWISE), whitening=step)
    model = build_model(whole)
    assert isinstance(model, WindowModel)
    assert isinstance(model.whitening, WindowWhitening)
    start = fitted_start([speech(20_000)], model.whitening.start, 0)
    path = tmp_path_factory.mktemp("model") / "predicting.idfm"
    save_model(path, whole, model.with_prediction(model.whitening.with_start(start)), weights(CHANNELWISE), -5.0, {})
    return load_codec(path)


@pytest.mark.parametrize("name", SIGNALS)
def test_round_trip_with_prediction(predicting: WindowCodec, name: str) -> None:
    samples = np.stack([SIGNALS[name], SIGNALS[name][::-1]], axis=1)
    np.testing.assert_array_equal(predicting.decode(predicting.encode(samples), *samples.shape), samples)


@settings(max_examples=15, deadline=None)
@given(samples=hnp.arrays(np.int16, st.tuples(st.integers(0, 200), st.integers(1, 3))))
def test_round_trip_of_anything_with_prediction(predicting: WindowCodec, samples: np.ndarray) -> None:
    samples = samples.astype(np.int32)
    assert np.array_equal(predicting.decode(predicting.encode(samples), *samples.shape), samples)


def test_the_file_keeps_where_prediction_starts(predicting: WindowCodec) -> None:
    """What is coded is the residual of each window, from the fitted start, and not from an empty one."""
    step, samples = predicting.model.whitening, speech(1000)
    assert isinstance(step, WindowWhitening)
    assert np.array_equal(step.start.means, fitted_start([speech(20_000)], step.start, 0).means)
    assert (predicting.joins_channels, predicting.chunk_samples) == (False, 65536)
    whole = len(samples) // step.window * step.window
    windows = predicting.model.residual(samples[:, None])[:whole, 0].reshape(-1, step.window)
    assert np.array_equal(windows, step.apply_to_windows(samples[:whole].reshape(windows.shape)))
    assert np.abs(windows).mean() < 0.25 * np.abs(samples).mean()


def test_another_start_is_another_model(predicting: WindowCodec, tmp_path: Path) -> None:
    step = predicting.model.whitening
    assert isinstance(step, WindowWhitening)
    whole = replace(config(CHANNELWISE), whitening=step.config)
    save_model(tmp_path / "m.idfm", whole, build_model(whole), weights(CHANNELWISE), -5.0, {})
    assert load_codec(tmp_path / "m.idfm").fingerprint != predicting.fingerprint


def test_a_model_file_with_an_impossible_start_is_refused(predicting: WindowCodec, tmp_path: Path) -> None:
    step = predicting.model.whitening
    assert isinstance(step, WindowWhitening)
    whole = replace(config(CHANNELWISE), whitening=step.config)
    broken = replace(step.start, shares=np.zeros_like(step.start.shares))
    model = predicting.model
    model = replace(model, constants=model.constants | {"whitening/shares": broken.shares})
    save_model(tmp_path / "m.idfm", whole, model, weights(CHANNELWISE), -5.0, {})
    with pytest.raises(RunError, match=r"m\.idfm does not fit .*whitening: shares"):
        load_codec(tmp_path / "m.idfm")


def test_a_predicting_model_refuses_to_approximate(predicting: WindowCodec) -> None:
    with pytest.raises(RunError, match="whitening=none"):
        predicting.approximate(speech(300)[:, None], 1)


def test_a_model_file_with_impossible_whitening_is_refused(tmp_path: Path) -> None:
    whole = replace(config(CHANNELWISE), whitening=WhiteningConfig(kind="adaptive", stages=4096))
    model = build_model(replace(whole, whitening=WhiteningConfig()))
    for kind in ("adaptive", "other"):
        whole.whitening.kind = kind
        save_model(tmp_path / "m.idfm", whole, model, weights(CHANNELWISE), -5.0, {})
        with pytest.raises(RunError, match=r"(?s)m\.idfm does not fit .*whitening\."):
            load_codec(tmp_path / "m.idfm")


def weights_of(codec: WindowCodec) -> dict[str, np.ndarray]:
    """The codec's parameters as float32: on the grid already, rounding again changes nothing."""
    return {name: value.astype(np.float32) for name, value in codec.parameters.items()}


def test_damage_is_an_error_not_other_samples(codec: WindowCodec) -> None:
    samples = SIGNALS["speech"]
    data = codec.encode(samples[:, None])
    for broken in (data[:-4], data[:-1], b"", data + bytes(4)):
        with pytest.raises(FormatError):
            codec.decode(broken, len(samples), 1)


def test_learned_sharpness_travels_with_the_weights(tmp_path: Path) -> None:
    codec = load_codec(saved(tmp_path / "m.idfm", CHANNELWISE, "learned"))
    samples = SIGNALS["speech"][:, None]
    assert np.array_equal(codec.decode(codec.encode(samples), len(samples), 1), samples)
    assert codec.provenance == {"run": "test"}


def test_the_fingerprint_follows_what_is_decoded_and_nothing_else(tmp_path: Path) -> None:
    whole = config(CHANNELWISE)
    model, values = build_model(whole), weights(CHANNELWISE)

    def fingerprint(log_scale: float = -5.0, run: str = "a", change: float = 0.0) -> bytes:
        moved = {name: value + np.float32(change) for name, value in values.items()}
        save_model(tmp_path / "m.idfm", whole, model, moved, log_scale, {"run": run})
        return load_codec(tmp_path / "m.idfm").fingerprint

    assert fingerprint() == fingerprint(run="b")
    assert len({fingerprint(), fingerprint(log_scale=-6.0), fingerprint(change=0.01)}) == 3


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "foreign"])
def test_damaged_model_files_are_named(tmp_path: Path, damage: str) -> None:
    path = saved(tmp_path / "m.idfm", CHANNELWISE)
    whole = path.read_bytes()
    if damage == "foreign":
        with path.open("wb") as file:
            np.savez(file, x=np.zeros(3))
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"hello", "empty": b""}[damage])
    with pytest.raises(RunError, match=r"m\.idfm"):
        load_codec(path)


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="train a model first"):
        load_codec(tmp_path / "none.idfm")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    whole = config(CHANNELWISE)
    values = weights(CHANNELWISE)
    next(iter(values.values())).flat[0] = np.nan
    with pytest.raises(RunError, match="not finite"):
        save_model(tmp_path / "m.idfm", whole, build_model(whole), values, -5.0, {})
    assert not (tmp_path / "m.idfm").exists()


_CHILD = """
import hashlib, sys
import numpy as np
from idf.models.load import load_codec
codec = load_codec(sys.argv[1])
samples = np.load(sys.argv[2])[:, None]
data = codec.encode(samples)
assert np.array_equal(codec.decode(data, len(samples), 1), samples)
assert "tensorflow" not in sys.modules
print(hashlib.sha256(codec.fingerprint + data).hexdigest())
"""


def test_bytes_do_not_depend_on_threads_or_instruction_set(
    codec: WindowCodec, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In fresh processes: other BLAS kernels, no vector instructions in compiled loops, no TensorFlow at all."""
    layout = {"channelwise": CHANNELWISE, "original": ORIGINAL, "equivariant": EQUIVARIANT}[request.node.callspec.id]
    model = saved(tmp_path / "m.idfm", layout)
    np.save(tmp_path / "x.npy", SIGNALS["speech"])
    here = hashlib.sha256(codec.fingerprint + codec.encode(SIGNALS["speech"][:, None])).hexdigest()
    plain = {"OPENBLAS_CORETYPE": "Prescott", "NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for settings_ in ({"OPENBLAS_NUM_THREADS": "2"}, plain):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, str(model), str(tmp_path / "x.npy")],
            env={**os.environ, **settings_},
            capture_output=True,
            text=True,
            check=False,
        )
        assert child.returncode == 0, child.stderr
        assert child.stdout.strip() == here
