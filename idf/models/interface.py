"""The interface of model families: a model for training, and a codec for coding with a trained model.

A family consists of a folder of this package with a ``model`` (build) and a ``codec`` (save, load, code, draw), a module
of :mod:`idf.training.families` (start, batches, loss, score, sample), and checks in :mod:`idf.config.model_checks`. Only
the dispatchers :mod:`idf.models.build`, :mod:`idf.models.load` and :mod:`idf.training.families.load` distinguish
families.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from idf.arithmetic import Specs
from idf.coding.codec import ChunkCodec


class Model(Protocol):
    """A flow with its priors, as seen by training, checkpoints and export.

    Attributes:
        window: samples that are modelled together; 1 without windows.
        specs: every trained array by name.
        constants: arrays that were drawn or fitted once and must never be recomputed, by name.
    """

    @property
    def window(self) -> int: ...
    @property
    def specs(self) -> Specs: ...
    @property
    def constants(self) -> dict[str, np.ndarray]: ...

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return initial values of the trained arrays, float32, by name."""
        ...


class Codec(ChunkCodec, Protocol):
    """A trained model as a coder of samples.

    Attributes:
        provenance: origin of the model (run, step, data, …), for information.
    """

    @property
    def provenance(self) -> Mapping[str, object]: ...

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Return audio sampled from the model: int32 (count,), 16-bit values."""
        ...
