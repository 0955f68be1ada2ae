"""Properties of subband codecs beyond the law of all codecs (``tests/models/test_codec_law.py``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idf.coding.codec import BlockwiseCodec
from idf.config.schema import Config
from idf.errors import RunError
from idf.models.bands.codec import BandCodec, codec_of
from idf.models.bands.model import build_bands
from idf.models.load import load_codec
from tests.models.small import bands_config, random_parameters, rewritten, save_small
from tests.signals import tone


@pytest.mark.parametrize("levels", [0, 1])
def test_any_number_of_splits_works(levels: int) -> None:
    model = build_bands(bands_config(levels=levels))
    assert len(codec_of(model, random_parameters(model)).block_names) == levels + 1


@pytest.mark.parametrize(("context", "independent"), [("none", True), ("previous", False)])
@pytest.mark.parametrize("stacks", [[], [0.99, 0.998]])
def test_windows_are_independent_unless_they_follow_each_other(
    context: str, independent: bool, stacks: list[float]
) -> None:
    one, two = tone(640, seed=1), tone(640, seed=2)
    both = [np.concatenate([first, two])[:, None] for first in (one, one[::-1])]
    config = bands_config(context)
    config.model.bands.stacks = stacks
    model = build_bands(config)
    codec = codec_of(model, random_parameters(model))
    bits = [block.bits for samples in both for block in codec.latent_blocks(samples[:, 0])]
    count = len(codec.block_names)
    ends = [np.array_equal(a[len(a) // 2 :], b[len(b) // 2 :]) for a, b in zip(bits[:count], bits[count:], strict=True)]
    assert all(ends) is independent


@pytest.mark.parametrize("count", [1, 63, 64, 700])
def test_blocks_describe_what_is_coded(codec: BandCodec, count: int) -> None:
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


def test_an_approximation_does_not_depend_on_later_blocks(codec: BandCodec) -> None:
    t = np.arange(640)  # the signals differ only above a quarter of the rate
    samples = tone(640)[:, None]
    hiss = np.rint(3000 * np.sin(2.8 * t)).astype(np.int32)[:, None]
    first, second = (codec.approximate(x, 1) for x in (samples, samples + hiss))
    assert np.abs(first - second).max() < 0.05 * 3000
    assert not np.array_equal(first, samples)
    nothing = codec.approximate(samples, 0)
    assert not np.any(nothing)


def test_drawn_audio_depends_only_on_the_seed(codec: BandCodec) -> None:
    drawn = codec.draw(1000, seed=1)
    assert drawn.dtype == np.int32
    assert len(np.unique(drawn)) > 100
    np.testing.assert_array_equal(drawn, codec.draw(1000, seed=1))


@pytest.mark.parametrize("change", ["weights", "config", "infinite", "taps", "level", "stages", "window", "missing"])
def test_an_inconsistent_model_file_is_refused(config: Config, tmp_path: Path, change: str) -> None:
    infinite = np.float32(np.inf).view(np.int32)

    def spoil(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        match change:
            case "weights":
                arrays["parameter/network"] = arrays["parameter/network"][:-1]
            case "infinite":
                arrays["parameter/network"] = np.full_like(arrays["parameter/network"], infinite)
            case "taps":
                arrays["constant/taps/1"] = np.full_like(arrays["constant/taps/1"], 1 << 30)
            case "level":
                arrays["constant/start/level"] = np.zeros_like(arrays["constant/start/level"])
            case "stages":
                arrays["constant/start/stages"] = np.full_like(arrays["constant/start/stages"], infinite)
            case "window":
                header["config"]["model"]["window"] = 1 << 40
            case "missing":
                del arrays["constant/start/signal"]
            case _:
                header["config"]["model"]["bands"]["stages"] = 10**9

    path = rewritten(save_small(tmp_path / "small.idfm", config), spoil)
    with pytest.raises(RunError, match=r"small\.idfm"):
        load_codec(path)
