"""A window flow block by block: its latents as coded, and approximations from the first blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from idf.coding.codec import BlockwiseCodec, LatentBlock
from idf.config.schema import DataConfig
from idf.datasets.dataset import open_dataset
from idf.errors import RunError
from idf.evaluation.clip.progressive import progressive_steps
from idf.models.load import load_codec
from idf.models.registry import load_model
from idf.models.window.codec import WindowCodec
from tests.models.small import CHANNELWISE, FLOW, ONE_SCALE, ORIGINAL, WINDOW, save_small, window_config
from tests.paths import TINY
from tests.signals import SIGNALS

LAYOUTS = {"one scale": ONE_SCALE, "two scales": CHANNELWISE, "flow": FLOW, "original": ORIGINAL}
NAMES = {
    "one scale": ("base", *(f"z{n}" for n in range(7, 0, -1))),
    "two scales": ("base", "rest/z3", "rest/z2", "rest/z1", "z3", "z2", "z1"),
    "flow": ("base", "rest/z3", "rest/z2", "rest/z1", "z3", "z2", "z1"),
    "original": ("base", "z3", "z2", "z1"),
}
SPANS = {"one scale": [8] * 8, "two scales": [16] * 4 + [4] * 3, "flow": [16] * 4 + [4] * 3, "original": [4] * 4}


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def codec(layout: str, tmp_path_factory: pytest.TempPathFactory) -> WindowCodec:
    return load_codec(save_small(tmp_path_factory.mktemp("model") / "m.idfm", window_config(LAYOUTS[layout])))


def test_blocks_have_names_and_spans(codec: WindowCodec, layout: str) -> None:
    assert isinstance(codec, BlockwiseCodec)
    blocks = codec.latent_blocks(SIGNALS["speech"])
    assert codec.block_names == NAMES[layout] == tuple(block.name for block in blocks)
    assert [block.span for block in blocks] == SPANS[layout]


@pytest.mark.parametrize("name", SIGNALS)
def test_blocks_are_all_that_is_coded(codec: WindowCodec, name: str) -> None:
    """Blocks contain every latent once, in order of time, and their bits sum to those of the message."""
    samples = SIGNALS[name]
    blocks = codec.latent_blocks(samples)
    for block in blocks:
        fields = (block.times, block.latents, block.medians, block.log_scales, block.bits)
        assert [field.dtype.name for field in fields] == ["int64", "int32", "int32", "float32", "float32"]
        assert {field.shape for field in fields} == {block.times.shape}
        assert np.all(np.diff(block.times) >= 0)
    times = np.concatenate([block.times for block in blocks])
    assert np.array_equal(np.unique(times), np.arange(len(samples)))
    padding = codec.model.hierarchy.moves_samples * (-len(samples) % codec.model.multiple)
    assert len(times) == len(samples) + padding
    bits = float(sum(block.bits.sum(dtype=np.float64) for block in blocks))
    assert abs(8 * len(codec.encode(samples[:, None])) - bits) <= 0.001 * bits + 100


def test_latents_that_stay_in_place_are_the_samples(codec: WindowCodec) -> None:
    samples = SIGNALS["speech"]
    placed = np.empty(len(samples), np.int32)
    for block in codec.latent_blocks(samples):
        placed[block.times] = block.latents
    assert np.array_equal(placed, samples) != codec.model.hierarchy.moves_samples


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_known_latents_are_kept_and_the_others_are_their_medians(codec: WindowCodec, data: st.DataObject) -> None:
    """The law of an approximation: its first latents are those of the clip, and the others are medians."""
    count = WINDOW * data.draw(st.integers(1, 3), "windows")  # otherwise the padding would differ
    samples = data.draw(hnp.arrays(np.int16, count), "samples").astype(np.int32)
    k = data.draw(st.integers(0, len(codec.block_names)), "blocks")
    whole, known = codec.latent_blocks(samples), codec.latent_blocks(codec.approximate(samples[:, None], k)[:, 0])
    for mine, theirs in zip(known[:k], whole[:k], strict=True):
        assert np.array_equal(mine.latents, theirs.latents)
    for block in known[k:]:
        assert np.array_equal(block.latents, block.medians)


def test_unknown_latents_do_not_matter(codec: WindowCodec) -> None:
    """Clips with the same first blocks have the same approximation, even in shorter last windows."""
    samples = SIGNALS["speech"][:, None]
    for k in range(len(codec.block_names)):
        known = codec.approximate(samples, k)
        if not codec.model.hierarchy.moves_samples:
            assert np.array_equal(codec.approximate(known, k), known)
        assert len(known) == len(samples)
        assert np.abs(known).max() <= 32768


def demo_clip() -> np.ndarray:
    """Return a second of the bundled speech, int32 (8192,)."""
    dataset = open_dataset(DataConfig(name="demo"))
    samples = dataset.read(dataset.validation[0]).samples
    return samples[len(samples) // 2 - 4096 :][:8192].astype(np.int32)


@pytest.mark.parametrize("model", ["channelwise", str(TINY)])
def test_every_block_improves_speech(model: str) -> None:
    """This holds once there is more signal than noise; before, a 22 kHz model makes wrong guesses about 8 kHz speech."""
    codec = load_model(model)
    assert isinstance(codec, WindowCodec)
    steps = progressive_steps(codec, demo_clip(), 8000)
    heard = np.maximum([step.snr_db for step in steps], 0)
    assert np.all(np.diff(heard) >= 0)
    assert min(step.snr_db for step in steps) > -2
    half = next(step for step in steps if step.share >= 0.5)
    assert half.snr_db > (6 if model == "channelwise" else 2)
    assert heard[-1] == np.inf


def test_channels_are_approximated_independently(codec: WindowCodec) -> None:
    pair = np.stack([SIGNALS["speech"], SIGNALS["speech"][::-1]], axis=1)
    both = codec.approximate(pair, 2)
    apart = [codec.approximate(np.ascontiguousarray(pair[:, [channel]]), 2) for channel in (0, 1)]
    assert np.array_equal(both, np.concatenate(apart, axis=1))


@pytest.mark.parametrize("blocks", [-1, 99])
def test_impossible_numbers_of_blocks_are_refused(codec: WindowCodec, blocks: int) -> None:
    with pytest.raises(ValueError, match=f"blocks={blocks}: must be from 0 to"):
        codec.approximate(SIGNALS["speech"][:, None], blocks)


def test_whitened_models_show_their_residual_and_refuse_to_approximate(tmp_path: Path) -> None:
    codec = load_codec(save_small(tmp_path / "m.idfm", window_config(CHANNELWISE, whitening="adaptive")))
    plain = load_codec(save_small(tmp_path / "plain.idfm", window_config(CHANNELWISE)))
    samples = SIGNALS["speech"]
    assert codec.model.whitening is not None
    residual = codec.model.whitening.apply(samples)
    for mine, theirs in zip(codec.latent_blocks(samples), plain.latent_blocks(residual), strict=True):
        assert same(mine, theirs)
    with pytest.raises(RunError, match="whitening=none"):
        codec.approximate(samples[:, None], 3)


def same(one: LatentBlock, other: LatentBlock) -> bool:
    return (one.name, one.span) == (other.name, other.span) and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("times", "latents", "medians", "log_scales", "bits")
    )
