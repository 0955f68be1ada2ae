"""A turbo flow as a coder of samples. The same compiled steps encode and decode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from idf.coding.alphabet import Alphabet, full
from idf.coding.message import Message
from idf.config.model_checks import turbo_problems
from idf.config.schema import Config
from idf.errors import ConfigError
from idf.models.adaptive.sequential import AlphabetCoder, loop_tables
from idf.models.file import ModelFile, write_model_file
from idf.models.saved import check_finite, fitting
from idf.models.turbo.logistic import make_guesses
from idf.models.turbo.loops import LOOPS
from idf.models.turbo.model import START, TurboModel
from idf.models.turbo.state import Constants, State, first_state, make_constants

_START = f"parameter/{START}"
_LARGEST = 100.0
"""Limit of the initial weights of the scale."""

CHUNK_SAMPLES = 1 << 19
"""Samples in a chunk, as in the adaptive flow."""


class TurboCodec(AlphabetCoder):
    """A :class:`~idf.coding.codec.ChunkCodec`.

    Args:
        constants: of the configuration.
        start: float32 (levels,), initial weights of the scale.
        fingerprint: 16 bytes that identify these weights, configuration and tables.
        provenance: strings and numbers stored with the model.
    """

    joins_channels = True
    max_low_bits = 0

    def __init__(
        self,
        constants: Constants,
        start: np.ndarray,
        fingerprint: bytes,
        *,
        provenance: Mapping[str, Any] | None = None,
        chunk_samples: int = CHUNK_SAMPLES,
    ) -> None:
        self.constants, self.start, self.fingerprint = constants, start, fingerprint
        self.provenance = dict(provenance or {})
        self.chunk_samples = chunk_samples

    def intervals(
        self, samples: np.ndarray, alphabets: Sequence[Alphabet] | None = None, state: State | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each sample's interval in [0, 2^28): int64 starts and widths, in the order of decoding.

        Args:
            alphabets: one per channel, containing all its samples; all 16-bit values by default.
            state: state to resume from, which is updated; a new one by default.
        """
        samples = np.ascontiguousarray(samples, np.int32)
        channels = samples.shape[1]
        starts, freqs = (np.empty(samples.size, np.int64) for _ in range(2))
        tables = loop_tables([full()] * channels if alphabets is None else alphabets)
        LOOPS.intervals(samples, self.constants, tables, state or self.fresh(channels), starts, freqs)
        return starts, freqs

    def fresh(self, channels: int) -> State:
        """Return the state before the first sample."""
        return first_state(self.constants, channels, self.start)

    def _pop(
        self, message: Message, count: int, channels: int, alphabets: Sequence[Alphabet] | None = None
    ) -> np.ndarray:
        samples = np.empty((count, channels), np.int32)
        tables = loop_tables([full()] * channels if alphabets is None else alphabets)
        arguments = (self.constants, tables, make_guesses(), self.fresh(channels))
        message.pop_with(lambda heads, words, left: LOOPS.pop(samples, *arguments, heads, words, left))
        return samples


def save_turbo(
    path: Path | str,
    config: Config,
    model: TurboModel,
    parameters: Mapping[str, np.ndarray],
    provenance: Mapping[str, Any],
) -> None:
    """Write the model file.

    Args:
        parameters: the initial weights of the scale, float32.
        provenance: strings and numbers to store with the model.

    Raises:
        RunError: one of the weights is not finite.
    """
    start = np.require(parameters[START], np.float32, ["C"])
    check_finite(path, {_START: start})
    own = {"name": config.model.name, "family": config.model.family, "window": config.model.window}
    settings = {"model": {**own, "turbo": asdict(config.model.turbo)}}
    write_model_file(path, settings, {_START: start.view(np.int32)}, provenance)


def open_turbo(path: Path | str, file: ModelFile, config: Config) -> TurboCodec:
    """Return the codec of a model file of this family.

    Raises:
        RunError: the file is inconsistent.
    """
    with fitting(path):
        if problems := list(turbo_problems(config)):
            raise ConfigError(problems)
        constants = make_constants(config.model.turbo)
        start = np.require(file.arrays[_START].view(np.float32).ravel(), np.float32, ["C", "A", "W"])
        if start.shape != constants.level_rates.shape or not np.all(np.abs(start) <= _LARGEST):
            raise ValueError("its start does not fit its configuration")
    return TurboCodec(constants, start, file.fingerprint, provenance=file.header["provenance"])
