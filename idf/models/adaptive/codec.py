"""A trained adaptive flow as a coder of samples: the same compiled loop encodes and decodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from idf.coding.message import Message
from idf.config.model_checks import adaptive_problems
from idf.config.schema import Config
from idf.errors import ConfigError
from idf.models.adaptive.loops import LOOPS
from idf.models.adaptive.model import AdaptiveModel, network_size
from idf.models.adaptive.sequential import SequentialCoder, loop_tables
from idf.models.adaptive.state import Constants, first_state, make_constants
from idf.models.adaptive.steps import make_scratch
from idf.models.file import ModelFile, write_model_file
from idf.models.saved import check_finite, fitting

_WEIGHTS = "parameter/network"

CHUNK_SAMPLES = 1 << 19
"""Of a block: 24 s at 22 kHz. The predictors begin anew in each, which costs some hundred bytes."""


class AdaptiveCodec(SequentialCoder):
    """A :class:`~idf.coding.codec.ChunkCodec`.

    Args:
        constants: of the configuration.
        weights: float32, in the order of the compiled loops.
        fingerprint: 16 bytes that name weights, configuration and tables.
        provenance: what is kept with the model.
    """

    joins_channels = True

    def __init__(
        self,
        constants: Constants,
        weights: np.ndarray,
        fingerprint: bytes,
        *,
        provenance: Mapping[str, Any] | None = None,
        chunk_samples: int = CHUNK_SAMPLES,
    ) -> None:
        self.constants, self.weights, self.fingerprint = constants, weights, fingerprint
        self.provenance = dict(provenance or {})
        self.chunk_samples = chunk_samples
        self._tables = loop_tables()

    def intervals(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each sample lies in [0, 2^28): int64 starts and widths, in the order of decoding."""
        samples = np.ascontiguousarray(samples, np.int32)
        starts, freqs = (np.empty(samples.size, np.int64) for _ in range(2))
        LOOPS.intervals(samples, *self._loop_arguments(samples.shape[1]), starts, freqs)
        return starts, freqs

    def _pop(self, message: Message, count: int, channels: int) -> np.ndarray:
        samples = np.empty((count, channels), np.int32)
        arguments = self._loop_arguments(channels)
        message.pop_with(lambda heads, words, left: LOOPS.pop(samples, *arguments, heads, words, left))
        return samples

    def _loop_arguments(self, channels: int) -> tuple[Any, ...]:
        state, scratch = first_state(self.constants, channels), make_scratch(self.constants.plan)
        return self.constants, self.weights, self._tables, state, scratch


def codec_of(model: AdaptiveModel, parameters: Mapping[str, np.ndarray]) -> AdaptiveCodec:
    """The codec of a model that has no file yet, and so no fingerprint."""
    return AdaptiveCodec(model.settings, model.coding_weights(parameters), bytes(16))


def save_adaptive(
    path: Path | str,
    config: Config,
    model: AdaptiveModel,
    parameters: Mapping[str, np.ndarray],
    provenance: Mapping[str, Any],
) -> None:
    """Write the one file that coding needs: weights and configuration.

    Args:
        parameters: trained values, float32, for standardised inputs.
        provenance: strings and numbers to keep with the model.

    Raises:
        RunError: a weight is not finite.
    """
    weights = model.coding_weights(parameters)
    check_finite(path, {_WEIGHTS: weights})
    settings = {name: value for name, value in asdict(config.model).items() if name != "bands"}
    write_model_file(path, {"model": settings}, {_WEIGHTS: weights.view(np.int32)}, provenance)


def open_adaptive(path: Path | str, file: ModelFile, config: Config) -> AdaptiveCodec:
    """Return the codec of a model file of this family.

    Raises:
        RunError: the file does not fit together.
    """
    with fitting(path):
        if problems := list(adaptive_problems(config)):
            raise ConfigError(problems)
        constants = make_constants(config.model.adaptive)
        weights = file.arrays[_WEIGHTS].view(np.float32).ravel()
        if len(weights) != network_size(constants.plan) or not np.all(np.isfinite(weights)):
            raise ValueError("its weights do not fit its configuration")
    weights = np.require(weights, np.float32, ["C", "A", "W"])
    return AdaptiveCodec(constants, weights, file.fingerprint, provenance=file.header["provenance"])
