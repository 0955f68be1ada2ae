"""Bits against quality: the two measures, and the steps of a minimal codec with two blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from idf.coding.codec import BlockwiseCodec, LatentBlock
from idf.container.approximation import block_bits
from idf.evaluation.clip.progressive import log_spectral_distance_db, progressive_steps, snr_db

RATE = 8000


@dataclass(frozen=True)
class Halves:
    """Codes even samples, then odd ones; approximates unknown odd samples by their left neighbours."""

    block_names: tuple[str, ...] = ("even", "odd")

    def latent_blocks(self, samples: np.ndarray) -> list[LatentBlock]:
        places = [np.arange(start, len(samples), 2) for start in (0, 1)]
        return [
            LatentBlock(
                *(name, 2, at, samples[at], np.zeros(len(at), np.int32), np.zeros(len(at), np.float32)),
                np.full(len(at), bits, np.float32),
            )
            for name, at, bits in zip(self.block_names, places, (12.0, 4.0), strict=True)
        ]

    def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
        out = samples.copy()
        if blocks < 2:
            out[1::2] = samples[: len(samples) - len(samples) % 2 : 2]
        return out if blocks else np.zeros_like(samples)


def sine(count: int = 4000) -> np.ndarray:
    return np.rint(8000 * np.sin(np.arange(count) / 5)).astype(np.int32)


def test_the_stand_in_fulfils_the_protocol() -> None:
    assert isinstance(Halves(), BlockwiseCodec)


def test_steps_count_bits_and_get_better() -> None:
    steps = progressive_steps(Halves(), sine(), RATE)
    assert [(step.blocks, step.name) for step in steps] == [(1, "even"), (2, "odd")]
    assert [step.bits_per_sample for step in steps] == [6.0, 8.0]
    assert [step.share for step in steps] == [0.75, 1.0]
    assert 10 < steps[0].snr_db < 30
    assert steps[0].log_spectral_distance_db > 0
    assert steps[1].snr_db == math.inf
    assert steps[1].log_spectral_distance_db == 0
    np.testing.assert_array_equal(steps[1].samples, sine())


def test_steps_of_stereo_keep_its_shape_and_count_both_channels() -> None:
    stereo = np.stack([sine(), sine()[::-1]], axis=1)
    (step,) = progressive_steps(Halves(), stereo, RATE, [1])
    assert step.samples.shape == stereo.shape
    assert step.bits_per_sample == 6.0
    assert list(block_bits(Halves(), stereo)) == [48_000, 16_000]


def test_nothing_is_a_step_too() -> None:
    (step,) = progressive_steps(Halves(), sine(), RATE, [0])
    assert (step.name, step.bits_per_sample, step.share, step.snr_db) == ("nothing", 0.0, 0.0, 0.0)


def test_an_empty_clip_is_known_from_the_start() -> None:
    (step,) = progressive_steps(Halves(), np.zeros(0, np.int32), RATE, [0])
    assert (step.bits_per_sample, step.share, step.snr_db, step.log_spectral_distance_db) == (0, 1, math.inf, 0)


@pytest.mark.parametrize("k", [-1, 3])
def test_blocks_that_do_not_exist_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"^{k} blocks requested; the model has 2"):
        progressive_steps(Halves(), sine(), RATE, [1, k])


def test_snr_by_hand() -> None:
    x = np.array([30, -40, 0])
    assert snr_db(x, x) == math.inf
    assert snr_db(x, np.array([27, -44, 0])) == pytest.approx(20)
    assert snr_db(np.zeros(3), np.ones(3)) == -math.inf
    assert snr_db(x, np.zeros(3)) == 0


def test_the_spectral_distance_of_a_gain_is_the_gain() -> None:
    noise = np.random.default_rng(0).integers(-3000, 3000, 8000)
    assert log_spectral_distance_db(noise, 10 * noise, RATE) == pytest.approx(20)
    assert log_spectral_distance_db(noise, -noise, RATE) == 0


def test_the_spectral_distance_sees_a_lost_upper_band_and_no_silence_below_rounding() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(-3000, 3000, 8000)
    low = np.convolve(noise, np.hanning(33) / 16, "same").round().astype(int)
    assert log_spectral_distance_db(noise, low, RATE) > 10
    assert log_spectral_distance_db(np.zeros(500, int), np.zeros(500, int), RATE) == 0
    assert log_spectral_distance_db(np.array([5]), np.array([5]), RATE) == 0
