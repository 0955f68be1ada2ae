"""Codecs of window flows: the coded bits match the likelihood, and the bytes do not depend on the machine.

``tests/models/test_codec_law.py`` tests the law of all codecs.
"""

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

from idf.config.schema import WhiteningConfig
from idf.errors import RunError
from idf.models.build import build_model
from idf.models.load import load_codec, save_model
from idf.models.prediction.fit import fitted_start
from idf.models.prediction.whitening import WindowWhitening
from idf.models.window.codec import WindowCodec
from idf.models.window.model import WindowModel
from idf.training.families.window import training_bits
from tests.models.small import (
    CHANNELWISE,
    EQUIVARIANT,
    FLOW_ONE_SCALE,
    ORIGINAL,
    WINDOW,
    predicted_config,
    random_parameters,
    save_small,
    window_config,
)
from tests.signals import speech

LAYOUTS = {"channelwise": CHANNELWISE, "flow": FLOW_ONE_SCALE, "original": ORIGINAL, "equivariant": EQUIVARIANT}


@pytest.fixture(scope="module", params=LAYOUTS)
def model_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("model") / "m.idfm", window_config(LAYOUTS[request.param]))


@pytest.fixture(scope="module")
def codec(model_file: Path) -> WindowCodec:
    codec = load_codec(model_file)
    assert isinstance(codec, WindowCodec)
    return codec


def test_channels_share_one_message(codec: WindowCodec) -> None:
    mono = speech(1000)
    stereo = np.stack([mono, mono[::-1]], 1)
    apart = sum(len(codec.encode(channel[:, None])) for channel in stereo.T)
    assert apart - 12 <= len(codec.encode(stereo)) <= apart - 4  # one head instead of two


def test_the_coded_bits_are_the_likelihood(codec: WindowCodec) -> None:
    """The coded size differs from the likelihood in training, float32 TensorFlow, by at most 0.5 % and a head."""
    samples = speech(1000)
    # These are on the grid, so rounding does not change them.
    values = {name: tf.constant(value.astype(np.float32)) for name, value in codec.parameters.items()}
    bits = 0.0
    for part in codec.model.cut(samples):
        coded = tf.constant(part.coded, tf.float32)
        bits += float(tf.reduce_sum(training_bits(codec.model, values, tf.constant(part.windows), -5.0, coded).bits))
    size = 8 * len(codec.encode(samples[:, None]))
    assert codec.model.hierarchy.multiple <= WINDOW
    assert abs(size - bits) <= 0.005 * bits + 8 * 12


def test_whitening_codes_the_residual_of_the_whole_run(tmp_path: Path) -> None:
    """The message is that of the model without whitening for the residual of the whole run."""
    plain = load_codec(save_small(tmp_path / "m.idfm", window_config(CHANNELWISE)))
    whitened = load_codec(save_small(tmp_path / "w.idfm", window_config(CHANNELWISE, whitening="adaptive")))
    assert isinstance(whitened, WindowCodec)
    assert whitened.model.whitening is not None
    samples = speech(17_000)[:, None]
    residual = whitened.model.whitening.forward(samples)
    assert np.abs(residual).mean() < 0.3 * np.abs(samples).mean()
    assert whitened.encode(samples) == plain.encode(residual)
    assert whitened.fingerprint != plain.fingerprint
    assert (plain.joins_channels, whitened.joins_channels) == (False, True)
    assert whitened.chunk_samples == whitened.model.whitening.block_samples


@pytest.fixture(scope="module")
def predicting(tmp_path_factory: pytest.TempPathFactory) -> WindowCodec:
    """A codec with prediction within windows and a fitted initial state."""
    whole = predicted_config()
    model = build_model(whole)
    assert isinstance(model, WindowModel)
    assert isinstance(model.whitening, WindowWhitening)
    start = fitted_start([speech(20_000)], model.whitening.start, 0)
    path = tmp_path_factory.mktemp("model") / "predicting.idfm"
    save_model(
        path, whole, model.with_prediction(model.whitening.with_start(start)), random_parameters(model), -5.0, {}
    )
    codec = load_codec(path)
    assert isinstance(codec, WindowCodec)
    return codec


def test_the_file_stores_the_initial_state_of_prediction(predicting: WindowCodec) -> None:
    """The codec codes the residual of each window from the fitted initial state."""
    step, samples = predicting.model.whitening, speech(1000)
    assert isinstance(step, WindowWhitening)
    assert np.array_equal(step.start.means, fitted_start([speech(20_000)], step.start, 0).means)
    assert (predicting.joins_channels, predicting.chunk_samples) == (False, 65536)
    whole = len(samples) // step.window * step.window
    windows = predicting.model.residual(samples[:, None])[:whole, 0].reshape(-1, step.window)
    assert np.array_equal(windows, step.apply_to_windows(samples[:whole].reshape(windows.shape)))
    assert np.abs(windows).mean() < 0.25 * np.abs(samples).mean()


def test_another_initial_state_gives_another_model(predicting: WindowCodec, tmp_path: Path) -> None:
    step = predicting.model.whitening
    assert isinstance(step, WindowWhitening)
    whole = replace(window_config(CHANNELWISE), whitening=step.config)
    model = build_model(whole)
    save_model(tmp_path / "m.idfm", whole, model, random_parameters(model), -5.0, {})
    assert load_codec(tmp_path / "m.idfm").fingerprint != predicting.fingerprint


def test_a_model_file_with_an_impossible_start_is_refused(predicting: WindowCodec, tmp_path: Path) -> None:
    step = predicting.model.whitening
    assert isinstance(step, WindowWhitening)
    whole = replace(window_config(CHANNELWISE), whitening=step.config)
    broken = replace(step.start, shares=np.zeros_like(step.start.shares))
    model = predicting.model
    model = replace(model, constants=model.constants | {"whitening/shares": broken.shares})
    save_model(tmp_path / "m.idfm", whole, model, random_parameters(model), -5.0, {})
    with pytest.raises(RunError, match=r"m\.idfm does not fit .*whitening: shares"):
        load_codec(tmp_path / "m.idfm")


def test_a_predicting_model_refuses_to_approximate(predicting: WindowCodec) -> None:
    with pytest.raises(RunError, match="whitening=none"):
        predicting.approximate(speech(300)[:, None], 1)


def test_a_model_file_with_impossible_whitening_is_refused(tmp_path: Path) -> None:
    whole = replace(window_config(CHANNELWISE), whitening=WhiteningConfig(kind="adaptive", stages=4096))
    model = build_model(replace(whole, whitening=WhiteningConfig()))
    for kind in ("adaptive", "other"):
        whole.whitening.kind = kind
        save_model(tmp_path / "m.idfm", whole, model, random_parameters(model), -5.0, {})
        with pytest.raises(RunError, match=r"(?s)m\.idfm does not fit .*whitening\."):
            load_codec(tmp_path / "m.idfm")


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
    codec: WindowCodec, model_file: Path, tmp_path: Path
) -> None:
    """Fresh processes with other BLAS kernels, without vector instructions in loops and without TensorFlow agree."""
    np.save(tmp_path / "x.npy", speech(1000))
    here = hashlib.sha256(codec.fingerprint + codec.encode(speech(1000)[:, None])).hexdigest()
    plain = {"OPENBLAS_CORETYPE": "Prescott", "NUMBA_CPU_NAME": "generic"}
    for settings_ in ({"OPENBLAS_NUM_THREADS": "2"}, plain):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, str(model_file), str(tmp_path / "x.npy")],
            env={**os.environ, **settings_},
            capture_output=True,
            text=True,
            check=False,
        )
        assert child.returncode == 0, child.stderr
        assert child.stdout.strip() == here
