"""The turbo flow as a model: its settings and the initial weights of the scale.

A minimal integer flow of the kind of :mod:`idf.models.adaptive.model`. Nothing is trained: predictors and scale adapt
only while coding. See ``docs/adaptive.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idf.arithmetic import Specs, initial_values, values
from idf.config.schema import Config, TurboConfig
from idf.models.turbo.state import Constants, make_constants

START = "scale/start"
"""Initial weights of the levels' logarithms in that of the scale. The second one, which follows from the others, is
replaced by an offset in octaves."""
_FIRST_OCTAVE = -0.57
"""Initial offset: about log2 of the scale of a logistic whose mean magnitude is 1."""


@dataclass(frozen=True)
class TurboModel:
    """A turbo flow.

    Attributes:
        settings: constants of the compiled loops.
        specs: the initial weights of the scale, by name.
    """

    settings: Constants
    specs: Specs

    @property
    def window(self) -> int:
        """1, because there are no windows."""
        return 1

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """Empty, because nothing is drawn or fitted."""
        return {}

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return the initial weights of the scale, float32, by name."""
        return initial_values(self.specs, seed)


def build_turbo(config: Config) -> TurboModel:
    """Build the model of a configuration."""
    settings: TurboConfig = config.model.turbo
    start = np.full(len(settings.level_rates), 1 / len(settings.level_rates))
    start[1] = _FIRST_OCTAVE
    return TurboModel(make_constants(settings), {START: values(start)})
