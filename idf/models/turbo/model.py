"""The turbo flow as a model: its settings, and the only numbers in it that come from training clips.

An integer flow like :mod:`idf.models.adaptive.model`, in whose place stands as little as it takes. What its predictors
and the scale learn, they learn while coding; a model file holds where the scale begins. See ``docs/adaptive.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from idf.arithmetic import Specs, initial_values, values
from idf.config.schema import Config, TurboConfig
from idf.models.turbo.state import Constants, make_constants

START = "scale/start"
"""The weights of the levels' logarithms in that of the scale; in place of the second one, which follows from the others,
an offset in octaves."""
_FIRST_OCTAVE = -0.57
"""Of the scale of a logistic whose magnitudes are 1 on average, about."""


@dataclass(frozen=True)
class TurboModel:
    """A turbo flow.

    Attributes:
        settings: what the compiled loops need besides the start.
        specs: the start by its name.
    """

    settings: Constants
    specs: Specs

    @property
    def window(self) -> int:
        """There are no windows: 1."""
        return 1

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """Nothing is drawn or fitted once."""
        return {}

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return the start before it is fitted, float32, by name."""
        return initial_values(self.specs, seed)


def build_turbo(config: Config) -> TurboModel:
    """Return the model of a configuration."""
    settings: TurboConfig = config.model.turbo
    start = np.full(len(settings.level_rates), 1 / len(settings.level_rates))
    start[1] = _FIRST_OCTAVE
    return TurboModel(make_constants(settings), {START: values(start)})


def fitted_start(learned: Iterable[tuple[np.ndarray, int]]) -> Mapping[str, np.ndarray]:
    """Return the start that is the mean of what was learned of clips.

    Args:
        learned: of each clip the scale's weights, float64 (channels, levels), and its number of samples.
    """
    total, count = np.zeros(1), 0
    for weights, samples in learned:
        total = total + weights.mean(axis=0) * samples
        count += samples
    return {START: (total / count).astype(np.float32)}
