"""What a model family implements: a model that trains, and a codec that codes with what it learned.

A family is a folder of this package with a ``model`` (build) and a ``codec`` (save, load, code), a module of
:mod:`idf.training.families` (start, batches, loss, score, sample) and its checks in
:mod:`idf.config.model_checks`. The dispatchers that choose between families are :mod:`idf.models.build`,
:mod:`idf.models.load` and :mod:`idf.training.families.load`; nobody else asks which family a model is of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from idf.arithmetic import Specs
from idf.coding.codec import ChunkCodec


class Model(Protocol):
    """A flow with its priors, as training, checkpoints and export see it.

    Attributes:
        window: samples that are modelled together; 1 where there are no windows.
        specs: every trained array by name.
        constants: arrays that were drawn or fitted once and must never be made again, by name.
    """

    @property
    def window(self) -> int: ...
    @property
    def specs(self) -> Specs: ...
    @property
    def constants(self) -> dict[str, np.ndarray]: ...

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return starting values of the trained arrays, float32, by name."""
        ...


class Codec(ChunkCodec, Protocol):
    """A trained model as a coder of samples.

    Attributes:
        provenance: where the model comes from (run, step, data, …), for people.
    """

    @property
    def provenance(self) -> Mapping[str, object]: ...
