"""The shipped window models on speech outside their training data: each block improves the approximation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import idf
from idf.cli.main import main
from idf.config.schema import DataConfig
from idf.datasets.dataset import open_dataset
from idf.evaluation.clip.progressive import progressive_steps
from idf.models.bands.codec import BandCodec
from idf.models.registry import find_model, load_model

MODELS = ("bands-small", "bands-medium", "bands-large")


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """Two seconds of the bundled speech, int16."""
    dataset = open_dataset(DataConfig(name="demo"))
    samples = dataset.read(dataset.validation[0]).samples
    return samples[len(samples) // 2 - 8192 :][:16384].astype(np.int16)


@pytest.mark.parametrize("name", MODELS)
def test_each_block_improves_speech(name: str, clip: np.ndarray) -> None:
    codec = load_model(find_model(name))
    assert isinstance(codec, BandCodec)
    assert codec.block_names == ("low", "z3", "z2", "z1")
    steps = progressive_steps(codec, clip, 8000, range(5))
    ratios = [step.snr_db for step in steps]
    assert ratios[0] == 0
    assert np.all(np.diff(ratios[:-1]) > 1)
    assert ratios[-1] == np.inf
    distances = [step.log_spectral_distance_db for step in steps]
    assert np.all(np.diff(distances) < 0)
    assert distances[-1] == 0
    assert steps[3].share < 0.6


@pytest.mark.parametrize("name", MODELS)
def test_three_of_four_blocks_are_little_more_than_half_of_the_bits(
    name: str, clip: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wav = tmp_path / "talk.wav"
    soundfile.write(wav, clip, 8000)
    assert main(["compress", "--model", name, "--no-verify", str(wav)]) == 0
    capsys.readouterr()
    assert main(["decompress", "--blocks", "3", str(wav.with_suffix(".idf"))]) == 0
    output = capsys.readouterr().err
    assert "talk.idf: the first 3 of 4 blocks (up to z2), " in output
    share = idf.approximate(wav.with_suffix(".idf").read_bytes(), 3).share
    assert f"{100 * share:.1f} % of the bits" in output
    assert 0.4 < share < 0.6
    heard, rate_hz = soundfile.read(tmp_path / "talk.blocks3.wav", dtype="int16")
    assert (rate_hz, heard.shape) == (8000, clip.shape)
    # only what was above a quarter of the rate is missing
    spectra = [np.abs(np.fft.rfft(x.astype(float))) ** 2 for x in (clip, heard)]
    quarter = len(spectra[0]) // 2
    assert spectra[1][quarter:].sum() < 0.5 * spectra[0][quarter:].sum()
    assert spectra[1][:quarter].sum() == pytest.approx(spectra[0][:quarter].sum(), rel=0.1)
