"""The turbo flow as a model: its settings, and where the scale of its logistic begins.

An integer flow like that of :mod:`idf.models.adaptive.model`, with as little in it as it takes. Nothing is trained: what
predictors and scale learn, they learn while coding. See ``docs/adaptive.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idf.arithmetic import Specs, initial_values, values
from idf.config.schema import Config, TurboConfig
from idf.models.turbo.state import Constants, make_constants

START = "scale/start"
"""The weights of the levels' logarithms in that of the scale; in place of the second one, which follows from the others,
an offset in octaves."""
_FIRST_OCTAVE = -0.57
"""About that of the scale of a logistic whose magnitudes are 1 on average."""


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
        """Return the start float32, by name."""
        return initial_values(self.specs, seed)


def build_turbo(config: Config) -> TurboModel:
    """Return the model of a configuration."""
    settings: TurboConfig = config.model.turbo
    start = np.full(len(settings.level_rates), 1 / len(settings.level_rates))
    start[1] = _FIRST_OCTAVE
    return TurboModel(make_constants(settings), {START: values(start)})
