"""Adaptive prediction as a flow step before window flows: samples to residuals and back.

z_t = wrap16(x_t − round(centre_t)), where the centre is the mean of the adaptive flow's predictors for sample t,
weighted by their recent errors (:func:`idf.models.adaptive.steps.centre`). There is no network, no training and no
side information: the inverse computes the same centre from the same past. The step is a triangular bijection of
integers; see ``docs/adaptive.md``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array

from idf.coding.kernels import HALF, RING
from idf.compiled import Loop, compiled_loop, compiled_step
from idf.config.schema import AdaptiveConfig, PredictorsConfig, WhiteningConfig
from idf.models.adaptive.loops import other_channel
from idf.models.adaptive.state import Constants, first_state, make_constants
from idf.models.adaptive.steps import CENTRE, LIMIT, centre, learn, predict

BLOCK_SAMPLES = 1 << 19
"""Samples in a chunk: 24 s at 22 kHz. Predictors are reset in each, which costs a few hundred bytes."""

_BIAS = 4 * int(LIMIT)
"""Makes every centre positive, so that truncation rounds down."""


class _Loops(NamedTuple):
    """Both loops have the arguments (input, constants, state, output), with int32 (time, channels) in and out."""

    forward: Loop
    inverse: Loop


@compiled_step
def _expected(c: int, other: int, t: int, constants: Any, state: Any) -> int:
    """Return the prediction of channel c at time t as the nearest integer, rounding half up."""
    predict(c, other, t, constants, state)
    centre(c, constants, state)
    return int(state.now[c, CENTRE] + (_BIAS + 0.5)) - _BIAS


@compiled_step
def _wrap16(value: int) -> int:
    return ((value + HALF) & (RING - 1)) - HALF


@compiled_loop
def forward(samples: Array, constants: Any, state: Any, residuals: Array) -> None:
    channels = samples.shape[1]
    for t in range(samples.shape[0]):
        for c in range(channels):
            other = other_channel(c, channels)
            expected = _expected(c, other, t, constants, state)
            x = np.int64(samples[t, c])
            residuals[t, c] = _wrap16(x - expected)
            learn(c, other, t, x, constants, state)


@compiled_loop
def inverse(residuals: Array, constants: Any, state: Any, samples: Array) -> None:
    channels = residuals.shape[1]
    for t in range(residuals.shape[0]):
        for c in range(channels):
            other = other_channel(c, channels)
            expected = _expected(c, other, t, constants, state)
            x = _wrap16(np.int64(residuals[t, c]) + expected)
            samples[t, c] = x
            learn(c, other, t, x, constants, state)


_LOOPS = _Loops(forward, inverse)


@dataclass(frozen=True)
class Whitening:
    """The flow step. The channels of a pair (0 and 1, 2 and 3, …) help to predict each other.

    Attributes:
        constants: the predictors' settings.
        name: identifies the step in the cache; it changes whenever residuals do.
        block_samples: number of samples after which predictors are reset.
    """

    constants: Constants
    name: str
    block_samples: int = BLOCK_SAMPLES

    def forward(self, samples: np.ndarray) -> np.ndarray:
        """Return the residual of samples, both int32 (n, channels) in [-32768, 32767]."""
        return self._run(_LOOPS.forward, samples)

    def inverse(self, residuals: np.ndarray) -> np.ndarray:
        """Undo :meth:`forward`: return samples, int32 (n, channels)."""
        return self._run(_LOOPS.inverse, residuals)

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """Return :meth:`forward` of one channel, int32 (n,), as :class:`idf.datasets.dataset.Change` requires."""
        return self.forward(samples[:, None])[:, 0]

    def _run(self, loop: Loop, given: np.ndarray) -> np.ndarray:
        given = np.ascontiguousarray(given, np.int32)
        made = np.empty_like(given)
        for start in range(0, len(given), self.block_samples):
            block = slice(start, start + self.block_samples)
            loop(given[block], self.constants, first_state(self.constants, given.shape[1]), made[block])
        return made


def build_whitening(config: WhiteningConfig) -> Whitening:
    """Build the step from checked settings of kind ``adaptive``."""
    predictors = {field.name: getattr(config, field.name) for field in fields(PredictorsConfig)}
    # There is no network, so its sizes are the smallest possible.
    constants = make_constants(AdaptiveConfig(**predictors, past=1, hidden=32, layers=0, components=1))
    text = f"{_LOOPS.forward.version} {BLOCK_SAMPLES} {json.dumps(predictors, sort_keys=True)}"
    return Whitening(constants, hashlib.sha256(text.encode()).hexdigest()[:24])
