"""The prior of the last block: a zero-mean logistic whose log-scale is the *sharpness*.

The log-scale is in nats on the [-1, 1) amplitude scale, as in the original: -6.5 is 49 16-bit steps.
"""

from __future__ import annotations

import numpy as np

from idf.arithmetic import Arithmetic, Array, Parameters, Specs, values
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture, mixture_on_grid

START_LOG_SCALE = -4.0
"""Initial value of a learned log-scale: 600 16-bit steps, near the level of speech."""


class ScheduledBase:
    """A base whose log-scale is given, by the sharpness schedule in training and by the model file afterwards."""

    def __init__(self) -> None:
        self.specs: Specs = {}

    def mixture(self, a: Arithmetic, p: Parameters, latents_like: Array, log_scale: Array) -> Mixture:
        """Return the same distribution for every latent of ``latents_like`` (...): fields (..., 1).

        Args:
            log_scale: scalar, nats on the [-1, 1) scale.
        """
        zero = latents_like[..., None] * 0.0
        return mixture_on_grid(a, zero, zero, zero + (log_scale / NATS_PER_OCTAVE + FULL_SCALE_OCTAVES))


class LearnedBase:
    """A base whose log-scale is a parameter, in octaves below full scale so that its grid matches the coder's."""

    name = "base/log_scale"

    def __init__(self) -> None:
        self.specs: Specs = {self.name: values(np.array([START_LOG_SCALE / NATS_PER_OCTAVE]), limit=32.0)}

    def mixture(self, a: Arithmetic, p: Parameters, latents_like: Array, log_scale: Array) -> Mixture:
        """Return what :meth:`ScheduledBase.mixture` does for the learned log-scale; ``log_scale`` is not used."""
        zero = latents_like[..., None] * 0.0
        return mixture_on_grid(a, zero, zero, zero + (p[self.name] + FULL_SCALE_OCTAVES))
