"""Adaptive prediction as a flow step in front of window flows: samples to residuals and back.

z_t = wrap16(x_t − round(centre_t)), where the centre is what the predictors of the adaptive flow expect of
sample t, weighted by how little each erred of late (:func:`idf.models.adaptive.steps.centre`). There is no network,
nothing is trained and nothing is sent: the inverse meets the same past, hence the same centre. Integers to
integers, one to one, triangular; see ``docs/adaptive.md``.

Not here: what codes the residual (:mod:`idf.models.build`).
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
"""Of a block: 24 s at 22 kHz. The predictors begin anew in each, which costs some hundred bytes."""

_BIAS = 4 * int(LIMIT)
"""Makes every centre positive, so that cutting off the fraction rounds down."""


class _Loops(NamedTuple):
    """Both take (from, constants, state, to); samples and residuals are int32 (time, channels)."""

    forward: Loop
    inverse: Loop


@compiled_step
def _expected(c: int, other: int, t: int, constants: Any, state: Any) -> int:
    """The nearest integer to what is expected of channel c at time t, halves upwards."""
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
    """The flow step. Pairs of channels (0 and 1, 2 and 3 …) help to predict each other.

    Attributes:
        constants: the predictors' settings.
        name: changes whenever a residual would.
        block_samples: the predictors begin anew after this many.
    """

    constants: Constants
    name: str
    block_samples: int = BLOCK_SAMPLES

    def forward(self, samples: np.ndarray) -> np.ndarray:
        """Residuals of samples: int32 (n, channels), both in [-32768, 32767]. Each block begins anew."""
        return self._run(_LOOPS.forward, samples)

    def inverse(self, residuals: np.ndarray) -> np.ndarray:
        """The samples that :meth:`forward` was given: int32 (n, channels)."""
        return self._run(_LOOPS.inverse, residuals)

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """:meth:`forward` for one channel, int32 (n,): a :class:`idf.datasets.dataset.Change`."""
        return self.forward(samples[:, None])[:, 0]

    def _run(self, loop: Loop, given: np.ndarray) -> np.ndarray:
        given = np.ascontiguousarray(given, np.int32)
        made = np.empty_like(given)
        for start in range(0, len(given), self.block_samples):
            block = slice(start, start + self.block_samples)
            loop(given[block], self.constants, first_state(self.constants, given.shape[1]), made[block])
        return made


def build_whitening(config: WhiteningConfig) -> Whitening:
    """The step of a configuration of kind ``adaptive``, whose values were checked."""
    predictors = {field.name: getattr(config, field.name) for field in fields(PredictorsConfig)}
    # The network's sizes are the least there are; nothing but the past errors' history is made of them.
    constants = make_constants(AdaptiveConfig(**predictors, past=1, hidden=32, layers=0, components=1))
    text = f"{_LOOPS.forward.version} {BLOCK_SAMPLES} {json.dumps(predictors, sort_keys=True)}"
    return Whitening(constants, hashlib.sha256(text.encode()).hexdigest()[:24])
