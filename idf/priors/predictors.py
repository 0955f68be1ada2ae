"""Linear predictors fitted to the data, with which training of the channelwise and tracked priors starts.

The prediction of sound is mostly linear, but gradient descent finds linear predictors slowly, because
neighbouring samples are almost equal. Least squares finds them directly: one common predictor, and a set
of experts by hard expectation-maximisation (each patch is assigned to the expert that predicts it best,
each expert is fitted to its patches), initialised by k-means of short-time autocorrelations. This halves
the number of training steps to a given bits per dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idf.nets.level import PRIOR_ENERGY

_LAGS = 16
_KMEANS_ROUNDS = 10
_EM_ROUNDS = 6
_RIDGE = 1e-5
"""Ridge, as a fraction of the mean power of the normalised patches."""
_FEWEST_PATCHES = 50
"""Experts with fewer patches use the common predictor."""


@dataclass(frozen=True)
class LinearStart:
    """Predictors in the layout of :class:`idf.priors.channelwise.ChannelwisePrior`'s parameters, float32.

    Attributes:
        linear: (nets, taps, channels, 1), the common predictor of each net.
        experts: (nets, taps, channels, experts), the difference of each expert from it.
    """

    linear: np.ndarray
    experts: np.ndarray


@dataclass(frozen=True)
class Task:
    """The input and the target of a net.

    Attributes:
        known: int (k,), channels of a frame that its decoder knows.
        target: the channel that it predicts.
    """

    known: np.ndarray
    target: int


def in_natural_order(channels: int) -> list[Task]:
    """Return the tasks of predicting each channel except the first from those before it."""
    return [Task(np.arange(net + 1), net + 1) for net in range(channels - 1)]


def fit_predictors(
    patches: np.ndarray, tasks: Sequence[Task], context_frames: int, experts: int, seed: int
) -> LinearStart:
    """Fit a common predictor and ``experts`` others for every net.

    Args:
        patches: float64 (n, (2 · context_frames + 1) · channels), runs of consecutive samples.
        tasks: one per net, that is, one fewer than channels.
        seed: seed of k-means.
    """
    normalised = patches / np.sqrt((np.sum(patches**2, 1, keepdims=True) + PRIOR_ENERGY) / patches.shape[1])
    channels = len(tasks) + 1
    fit = _Fit(tasks, context_frames)
    common = fit.solve(normalised)
    predictors = np.zeros((experts, *common.shape))
    if experts:
        label = _clusters(normalised, experts, np.random.default_rng((seed, experts)))
        for _ in range(_EM_ROUNDS):
            for expert in range(experts):
                own = normalised[label == expert]
                predictors[expert] = fit.solve(own) if len(own) >= _FEWEST_PATCHES else common
            label = np.argmin(np.stack([fit.error(normalised, p) for p in predictors], 1), 1)
        predictors -= common
    shape = (channels - 1, 2 * context_frames + 1, channels)
    return LinearStart(
        common.reshape(*shape, 1).astype(np.float32),
        np.moveaxis(predictors, 0, -1).reshape(*shape, experts).astype(np.float32),
    )


class _Fit:
    """Least squares for every net, using only the channels that its decoder knows."""

    def __init__(self, tasks: Sequence[Task], context_frames: int) -> None:
        channels = len(tasks) + 1
        channel = np.arange((2 * context_frames + 1) * channels) % channels
        self.known = [np.flatnonzero(np.isin(channel, task.known)) for task in tasks]
        self.target = [context_frames * channels + task.target for task in tasks]

    def solve(self, patches: np.ndarray) -> np.ndarray:
        """Return weights (channels - 1, inputs), which are zero for channels that the decoder does not know."""
        inputs = patches.shape[1]
        moments = patches.T @ patches + _RIDGE * len(patches) * np.eye(inputs)
        weights = np.zeros((len(self.known), inputs))
        for row, known, target in zip(weights, self.known, self.target, strict=True):
            row[known] = np.linalg.solve(moments[np.ix_(known, known)], moments[known, target])
        return weights

    def error(self, patches: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the squared error of each patch, summed over all channels: (n,)."""
        return np.sum((patches[:, self.target] - patches @ weights.T) ** 2, 1)


def _clusters(patches: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return k-means labels (n,) of the patches' normalised autocorrelations."""
    power = np.maximum(np.sum(patches**2, 1), 1e-9)
    lags = range(1, min(_LAGS, patches.shape[1] - 1) + 1)
    features = np.stack([np.sum(patches[:, :-lag] * patches[:, lag:], 1) / power for lag in lags], 1)
    centres = features[rng.choice(len(features), count, replace=len(features) < count)]
    for _ in range(_KMEANS_ROUNDS):
        # |f - c|² without the term that is the same for every centre
        label = np.argmin(np.sum(centres**2, 1) - 2 * features @ centres.T, 1)
        for cluster in range(count):
            own = features[label == cluster]
            centres[cluster] = own.mean(0) if len(own) else features[rng.integers(len(features))]
    return label
