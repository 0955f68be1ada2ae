"""The fit recovers the predictors that generated the data."""

from __future__ import annotations

import numpy as np

from idf.priors.predictors import fit_predictors, in_natural_order

CHANNELS, CONTEXT = 4, 2
LENGTH = (2 * CONTEXT + 1) * CHANNELS
TASKS = in_natural_order(CHANNELS)


def resonance(frequency: float, count: int, seed: int) -> np.ndarray:
    """Return patches of an AR(2) process with a sharp resonance, in 16-bit steps."""
    rng = np.random.default_rng(seed)
    x = np.zeros(count + LENGTH + 200)
    noise = rng.normal(size=len(x)) * 50
    for t in range(2, len(x)):
        x[t] = 2 * 0.98 * np.cos(2 * np.pi * frequency) * x[t - 1] - 0.98**2 * x[t - 2] + noise[t]
    return np.lib.stride_tricks.sliding_window_view(x[200:], LENGTH)[:count]


def test_the_common_predictor_of_the_last_channel_is_the_least_squares_one() -> None:
    patches = resonance(0.1, 4000, 0)
    start = fit_predictors(patches, TASKS, CONTEXT, 0, seed=0)
    assert start.linear.shape == (CHANNELS - 1, 2 * CONTEXT + 1, CHANNELS, 1)
    assert start.experts.shape == (CHANNELS - 1, 2 * CONTEXT + 1, CHANNELS, 0)
    target = CONTEXT * CHANNELS + CHANNELS - 1
    error = patches[:, target] - patches @ start.linear[-1].reshape(-1)
    # the innovation has a standard deviation of 50; with the next frame known as well, the error is smaller
    assert np.std(error) < 50


def test_nets_get_no_weight_on_what_their_decoder_does_not_know() -> None:
    start = fit_predictors(resonance(0.1, 500, 0), TASKS, CONTEXT, 3, seed=0)
    for net in range(CHANNELS - 1):
        assert not start.linear[net, :, net + 1 :].any()
        assert not start.experts[net, :, net + 1 :].any()
        assert start.linear[net, :, : net + 1].any()


def test_experts_separate_two_kinds_of_sound() -> None:
    low, high = resonance(0.03, 2000, 1), resonance(0.3, 2000, 2)
    start = fit_predictors(np.concatenate([low, high]), TASKS, CONTEXT, 2, seed=0)
    target = CONTEXT * CHANNELS + CHANNELS - 1

    def error(patches: np.ndarray, weights: np.ndarray) -> float:
        return float(np.std(patches[:, target] - patches @ weights.reshape(-1)))

    common = start.linear[-1, ..., 0]
    own = [common + start.experts[-1, ..., e] for e in range(2)]
    for patches in (low, high):
        assert min(error(patches, w) for w in own) < 0.8 * error(patches, common)


def test_the_same_seed_gives_the_same_start() -> None:
    patches = resonance(0.1, 300, 0)
    first, again = (fit_predictors(patches, TASKS, CONTEXT, 4, seed=1) for _ in range(2))
    assert np.array_equal(first.experts, again.experts)


def test_fewer_patches_than_experts_falls_back_to_the_common_predictor() -> None:
    start = fit_predictors(resonance(0.1, 5, 0), TASKS, CONTEXT, 8, seed=0)
    assert not start.experts.any()
