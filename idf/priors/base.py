"""The last block's prior: one zero-mean logistic whose log-scale is the *sharpness*.

Its log-scale is in nats on the [-1, 1) amplitude scale, as in the original: -6.5 is 49 steps.
"""

from __future__ import annotations

import numpy as np

from idf.arithmetic import Arithmetic, Array, Parameters, Specs, values
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, Mixture, mixture_on_grid

START_LOG_SCALE = -4.0
"""Where ``learned`` starts: 600 steps, near speech."""


class ScheduledBase:
    """The log-scale is given from outside: a sharpness schedule in training, the model file afterwards."""

    def __init__(self) -> None:
        self.specs: Specs = {}

    def mixture(self, a: Arithmetic, p: Parameters, latents_like: Array, log_scale: Array) -> Mixture:
        """The same distribution for every latent of ``latents_like`` (...): fields (..., 1).

        Args:
            log_scale: scalar, nats on the [-1, 1) scale.
        """
        zero = latents_like[..., None] * 0.0
        return mixture_on_grid(a, zero, zero, zero + (log_scale / NATS_PER_OCTAVE + FULL_SCALE_OCTAVES))


class LearnedBase:
    """The log-scale is a parameter (in octaves below full scale, so that its grid is the coder's)."""

    name = "base/log_scale"

    def __init__(self) -> None:
        self.specs: Specs = {self.name: values(np.array([START_LOG_SCALE / NATS_PER_OCTAVE]), limit=32.0)}

    def mixture(self, a: Arithmetic, p: Parameters, latents_like: Array, log_scale: Array) -> Mixture:
        """As :meth:`ScheduledBase.mixture`; ``log_scale`` is not used."""
        zero = latents_like[..., None] * 0.0
        return mixture_on_grid(a, zero, zero, zero + (p[self.name] + FULL_SCALE_OCTAVES))
