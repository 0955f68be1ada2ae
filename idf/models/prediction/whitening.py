"""Prediction within windows as a flow step before window flows: samples to residuals and back.

z_t = wrap16(x_t − round(μ_t)), where μ_t is the prediction by :mod:`idf.models.prediction.loops` of sample t of a
window from the earlier samples of that window. The step is a triangular bijection of integers without side
information. Windows are independent of each other, and so are channels.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from idf.compiled import Loop
from idf.config.schema import LANES, WhiteningConfig
from idf.models.prediction.loops import LOOPS, Constants, make_state
from idf.models.prediction.start import CONSTANT, Start, checked_start, empty_start, growing_predictors

_CLASS_ADVANTAGE = 6.0
"""log2 of the weight of a class before the first sample, apart from its share, relative to that of a lattice."""


@dataclass(frozen=True)
class WindowWhitening:
    """The flow step.

    Attributes:
        config: its settings.
        window: samples in a window; the last window of a channel may be shorter.
        start: the initial state in every window.
        constants: the same for the compiled loops.
        name: identifies the step in the cache; it changes whenever residuals do.
    """

    config: WhiteningConfig
    window: int
    start: Start
    constants: Constants
    name: str

    def forward(self, samples: np.ndarray) -> np.ndarray:
        """Return the residual of samples, both int32 (n, channels) in [-32768, 32767], in windows from the start."""
        return self._run(LOOPS.forward, samples)

    def inverse(self, residuals: np.ndarray) -> np.ndarray:
        """Undo :meth:`forward`: return samples, int32 (n, channels)."""
        return self._run(LOOPS.inverse, residuals)

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """Return :meth:`forward` of one channel, int32 (n,), as :class:`idf.datasets.dataset.Change` requires."""
        return self.forward(samples[:, None])[:, 0]

    def apply_to_windows(self, windows: np.ndarray) -> np.ndarray:
        """Return the residuals of independent windows: int32 (batch, n)."""
        windows = np.ascontiguousarray(windows, np.int32)
        residuals = np.empty_like(windows)
        LOOPS.forward(windows, self.constants, make_state(self.constants), residuals)
        return residuals

    @property
    def block_samples(self) -> None:
        """None, because the step is reset in each window."""
        return None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that a model stores, float32 by name."""
        return {CONSTANT + name: value for name, value in self.start.arrays.items()}

    def with_start(self, start: Start) -> WindowWhitening:
        """Return the same step with another initial state."""
        return _whitening(self.config, self.window, start)

    def _run(self, loop: Loop, given: np.ndarray) -> np.ndarray:
        made = np.empty(given.shape, np.int32)
        whole = len(given) // self.window * self.window
        for number in range(given.shape[1]):
            channel = np.ascontiguousarray(given[:, number], np.int32)
            for part, length in ((slice(0, whole), self.window), (slice(whole, None), len(given) - whole)):
                windows = channel[part].reshape(-1, max(length, 1))
                found = np.empty_like(windows)
                loop(windows, self.constants, make_state(self.constants), found)
                made[part, number] = found.reshape(-1)
        return made


def build_window_whitening(
    config: WhiteningConfig, window: int, arrays: Mapping[str, np.ndarray] | None = None
) -> WindowWhitening:
    """Build the step from checked settings of kind ``window``.

    Args:
        arrays: a model's constants, which include :attr:`WindowWhitening.arrays`; None for a new model, whose initial
            state is untrained until :func:`idf.models.prediction.fit.fitted_start` fits it.

    Raises:
        KeyError, ValueError: the arrays do not fit the configuration.
    """
    start = empty_start(config.classes, config.order, config.stages)
    if arrays is not None:
        own = {name.removeprefix(CONSTANT): value for name, value in arrays.items() if name.startswith(CONSTANT)}
        start = checked_start(own, start)
    return _whitening(config, window, start)


def _whitening(config: WhiteningConfig, window: int, start: Start) -> WindowWhitening:
    text = f"{_sources()} {window} {json.dumps(asdict(config), sort_keys=True)}"
    digest = hashlib.sha256(text.encode())
    for value in start.arrays.values():
        digest.update(value.tobytes())
    return WindowWhitening(config, window, start, _constants(config, start), digest.hexdigest()[:24])


def _constants(config: WhiteningConfig, start: Start) -> Constants:
    taps = np.array([(order - 1) * LANES + lane for lane, order in config.experts], np.int64)
    forgetting = np.array(config.forgetting)
    reflection, power = start.lattice.astype(np.float64)
    # The energies correspond to start_samples samples of average sound.
    energy = power * (config.start_samples * float(start.level[0]) ** 2)
    stage = np.stack([reflection, reflection, energy, energy, 1 / energy, 0 * energy, np.ones_like(energy)], 1)
    classes = np.array([_log2(float(share)) + _CLASS_ADVANTAGE for share in start.shares])
    late = np.full(config.classes, -_log2(float(config.classes)))
    return Constants(
        growing=growing_predictors(start.reflection),
        means=np.ascontiguousarray(start.means.T, np.float64),
        spread=start.spread.astype(np.float64),
        trace=float(sum(np.diagonal(start.spread).tolist())),
        prior=np.concatenate([np.zeros(len(taps)), classes]).astype(np.float32),
        late=np.concatenate([np.zeros(len(taps)), late]).astype(np.float32),
        stages=np.repeat(stage.reshape(-1), LANES).astype(np.float32),
        memory=np.concatenate([forgetting, config.floor * (1 - forgetting)]).astype(np.float32),
        orders=np.unique([config.stages, *(order for _, order in config.experts)]).astype(np.int64),
        taps=taps,
    )


def _log2(value: float) -> float:
    """Return the base-2 logarithm, linear between powers of two, which is the same on every machine."""
    mantissa, exponent = np.frexp(value)
    return float(exponent) - 1 + (2 * float(mantissa) - 1)


@functools.cache
def _sources() -> str:
    return LOOPS.forward.version + hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
