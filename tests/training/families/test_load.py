from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from idf.audio.format import AudioFormat
from idf.container.arrays import compress_array
from idf.models.bands.codec import BandCodec, save_bands
from idf.models.bands.model import build_bands
from idf.models.load import load_codec
from idf.training.families import window as likelihood
from idf.training.families.load import model_nll_bits


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param((), id="samples stay in place"),
        pytest.param(
            ("layout=original", "layout.factor_channels=2", "layout.split_fraction=0.5", "sharpness=constant"),
            id="a flow that moves samples",
        ),
        pytest.param(("whitening=adaptive",), id="whitened"),
    ],
)
def test_file_sizes_match_the_likelihood(
    make_model: Callable[..., Path], fakes: ModuleType, overrides: tuple[str, ...]
) -> None:
    model = make_model(*overrides)
    # full windows and a shorter one; full windows only; a chunk of the file and one sample; a short clip
    clips = [fakes.speech_like(count, seed) for seed, count in enumerate((16001, 12800, 65537, 40))]
    advances: list[int] = []
    bits = model_nll_bits(model, clips, advances.append)
    codec = load_codec(model)
    for samples, expected in zip(clips, bits, strict=True):
        size = len(compress_array(codec, samples[:, None], AudioFormat(8000, 1, 16)))
        # Header, index and digests take more than 64 bytes, but in long clips the half percent covers the rest.
        # The coder spends at most about 28 bits on a sample, fewer than this untrained model's −log2 p at times.
        assert expected / 8 * 0.99 < size <= expected / 8 * 1.005 + (64 if len(samples) > 5000 else 150)
    assert advances == [len(clip) for clip in clips]


def test_the_batch_does_not_matter(tiny_model: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [fakes.speech_like(3000)]
    expected = model_nll_bits(tiny_model, clips)
    monkeypatch.setattr(likelihood, "BATCH_SAMPLES", 600)
    assert np.allclose(model_nll_bits(tiny_model, clips), expected, rtol=1e-5)


def test_one_trace_serves_all_bands_and_lengths(
    fakes: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow warns if five of ten calls retrace, as the five bands of a clip would."""
    import idf.training.families.adaptive
    from tests.models.small import bands_config, random_parameters

    config = bands_config()
    model = build_bands(config)
    save_bands(tmp_path / "bands.idfm", config, model, random_parameters(model, scale=0.01), {})
    traced: list[int] = []
    real = idf.training.families.adaptive.adaptive_bits

    def counted(*arguments: Any) -> Any:
        traced.append(1)
        return real(*arguments)

    monkeypatch.setattr(idf.training.families.adaptive, "adaptive_bits", counted)
    clips = [fakes.speech_like(count, count) for count in (640, 1000, 40, 3000)]
    bits = model_nll_bits(tmp_path / "bands.idfm", clips)
    codec = load_codec(tmp_path / "bands.idfm")
    assert isinstance(codec, BandCodec)
    for samples, found in zip(clips, bits, strict=True):
        spent = sum(float(block.bits.sum()) for block in codec.latent_blocks(samples))
        # the coder spends at most 28 bits on a sample, fewer than this untrained model's −log2 p at times
        assert found == pytest.approx(spent, rel=0.1)
    assert len(traced) == 1
