"""The parameters that training starts from: random, or with linear predictors fitted to the training clips."""

from __future__ import annotations

import numpy as np

from idf.config import Config
from idf.datasets.dataset import Dataset
from idf.models.window.model import WindowModel
from idf.priors import ChannelwisePrior
from idf.priors.predictors import fit_predictors

PATCHES = 30_000
"""Runs of samples that predictors are fitted to: 35 MB, a few seconds, and more did not help."""


def starting_parameters(config: Config, model: WindowModel, dataset: Dataset) -> dict[str, np.ndarray]:
    """``model.initial_parameters``, with the channelwise prior's predictors fitted if ``training.start`` is ``data``.

    Only the outermost scale is fitted: further down, samples lie too far apart to predict each other.
    """
    parameters = model.initial_parameters(config.seed)
    prior = model.hierarchy.prior
    if config.training.start == "data" and isinstance(prior, ChannelwisePrior):
        width = prior.width
        patches = draw_patches(dataset, (2 * width.context_frames + 1) * prior.channels, PATCHES, config.seed)
        if len(patches):
            start = fit_predictors(patches, prior.channels, width.context_frames, width.experts, config.seed)
            parameters[f"{prior.name}/linear"] = start.linear
            if width.experts:
                parameters[f"{prior.name}/experts"] = start.experts
    return parameters


def draw_patches(dataset: Dataset, length: int, count: int, seed: int) -> np.ndarray:
    """About ``count`` runs of ``length`` samples from the training clips: float64 (n, length).

    Long clips give more; clips shorter than a run give none. The same for the same clips and seed.
    """
    usable = [clip for clip in dataset.train if clip.samples >= length]
    total = sum(clip.samples for clip in usable)
    rng = np.random.default_rng((seed, length))
    # of a large collection a few hundred clips say enough; reading all of it would take minutes
    if len(usable) > 400:
        usable = [usable[i] for i in sorted(rng.choice(len(usable), 400, replace=False))]
        total = sum(clip.samples for clip in usable)
    drawn = [np.zeros((0, length))]
    for clip in usable:
        samples = dataset.read(clip).samples
        starts = rng.integers(0, len(samples) - length + 1, max(1, round(count * clip.samples / total)))
        drawn.append(np.lib.stride_tricks.sliding_window_view(samples, length)[starts].astype(np.float64))
    return np.concatenate(drawn)
