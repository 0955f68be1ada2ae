from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from idf.coding.codec import LatentBlock
from idf.errors import RunError
from idf.evaluation.clip.latents import (
    bin_means,
    binned,
    group_blocks,
    has_blocks,
    look_into,
    pick_evenly,
    spectrogram,
)
from idf.models.load import load_codec


def block(name: str, span: int, bits: float = 1.0) -> LatentBlock:
    whole, real = np.zeros(1, np.int32), np.full(1, bits, np.float32)
    return LatentBlock(name, span, np.zeros(1, np.int64), whole, whole, real, real)


def test_a_window_flow_s_bits_are_those_of_its_message(tiny_model: Path, fakes: ModuleType) -> None:
    codec = load_codec(tiny_model)
    samples = fakes.speech_like(1000)
    clip = look_into(codec, "a", samples, 8000)
    assert has_blocks(codec)
    assert [block.name for block in clip.blocks] == list(codec.block_names)
    assert clip.bits.shape == (1000,)
    assert clip.bits.sum() == pytest.approx(8 * len(codec.encode(samples[:, None])), abs=96)
    assert clip.bits_per_sample == pytest.approx(clip.bits.sum() / 1000)
    assert clip.seconds == 0.125


def test_an_adaptive_flow_is_reset_in_every_chunk(make_adaptive: Callable[[int], object], fakes: ModuleType) -> None:
    codec = make_adaptive(256)
    samples = fakes.speech_like(600)
    clip = look_into(codec, "a", samples, 8000)
    assert not has_blocks(codec)
    assert clip.blocks == ()
    again = look_into(codec, "b", samples[256:512], 8000)
    assert np.array_equal(clip.bits[256:512], again.bits)


def test_clips_and_codecs_that_cannot_be_analysed() -> None:
    with pytest.raises(RunError, match="the clip quiet is empty"):
        look_into(object(), "quiet", np.zeros(0, np.int32), 8000)
    with pytest.raises(RunError, match="object does not report its bits per sample"):
        look_into(object(), "a", np.zeros(1, np.int32), 8000)


def test_blocks_are_grouped_by_span_and_where_the_bits_are() -> None:
    blocks = [block("base", 256, 0.1), *(block(f"r{n}", 256, 0.1) for n in (3, 2, 1))]
    blocks += [block(f"z{n}", 16, 2.0) for n in (4, 3, 2, 1)]
    assert [group.name for group in group_blocks(blocks, 4)] == ["base … r1", "z4 … z3", "z2", "z1"]
    assert [group.name for group in group_blocks(blocks, 1)] == ["base … z1"]
    assert len(group_blocks(blocks, 100)) == len(blocks)
    assert sum(group.bits for group in group_blocks(blocks, 3)) == pytest.approx(8.4)


def test_bands_of_many_spans_are_put_together() -> None:
    blocks = [block(f"b{n}", 1 << n) for n in range(9, 0, -1)]
    groups = group_blocks(blocks, 4)
    assert [len(group.blocks) for group in groups] == [3, 2, 2, 2]
    assert [item for group in groups for item in group.blocks] == blocks


def test_picking() -> None:
    assert pick_evenly(3, 6) == [0, 1, 2]
    assert pick_evenly(31, 6) == [0, 6, 12, 18, 24, 30]
    assert pick_evenly(5, 1) == [4]
    assert pick_evenly(0, 3) == []


def test_bins() -> None:
    times, values = np.array([0, 1, 9, 9]), np.array([1.0, 2.0, 4.0, 8.0])
    assert binned(times, values, 10, 5).tolist() == [3, 0, 0, 0, 12]
    assert binned(times, values, 10, 10).sum() == 15
    assert bin_means(times, values, 10, 5).tolist() == [1.5, 1.5, 1.5, 1.5, 6]
    assert bin_means(times[2:], values[2:], 10, 2).tolist() == [6, 6]
    # latents of the last window's padding lie beyond the end
    assert binned(np.array([12]), np.array([1.0]), 10, 5).tolist() == [0, 0, 0, 0, 1]


def test_the_spectrogram_of_a_tone_has_one_line() -> None:
    tone = np.round(20000 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000))
    picture = spectrogram(tone, 8000, 50)
    assert picture.shape == (129, 50)
    assert picture.max() == 0
    assert picture.min() >= -80
    assert set(picture.argmax(axis=0)[2:-2]) == {32}


@pytest.mark.parametrize("samples", [np.zeros(5000), np.ones(1), np.full(3, -32768)])
def test_the_spectrogram_of_very_short_clips(samples: np.ndarray) -> None:
    assert np.all(np.isfinite(spectrogram(samples, 22050, 100)))
