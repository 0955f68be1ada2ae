"""A trained adaptive flow as a coder of samples. The same compiled loop encodes and decodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from idf.coding.alphabet import Alphabet, full
from idf.coding.listing import choose, pop_alphabets, push_alphabets
from idf.coding.message import Message
from idf.config.model_checks import adaptive_problems
from idf.config.schema import Config
from idf.errors import ConfigError
from idf.models.adaptive.loops import LOOPS
from idf.models.adaptive.model import AdaptiveModel, network_size
from idf.models.adaptive.network import integer_weights
from idf.models.adaptive.sequential import AlphabetCoder, loop_tables
from idf.models.adaptive.state import Constants, State, first_state, make_constants
from idf.models.adaptive.steps import make_scratch
from idf.models.adaptive.wide import MAX_LOW_BITS, code_wide
from idf.models.file import ModelFile, write_model_file
from idf.models.saved import check_finite, fitting

_WEIGHTS = "parameter/network"
_NO_INTERVALS = np.empty(0, np.int64)
_NO_MESSAGE = np.zeros(1, np.int64), np.empty(0, np.uint32), 0
"""Heads, words and the number of words of an absent message."""

CHUNK_SAMPLES = 1 << 19
"""Samples in a chunk: 24 s at 22 kHz. Predictors are reset in each, which costs a few hundred bytes."""


class AdaptiveCodec(AlphabetCoder):
    """A :class:`~idf.coding.codec.ChunkCodec`.

    Args:
        constants: of the configuration.
        weights: float32, layer by layer, each by inputs with the biases last.
        fingerprint: 16 bytes that identify weights, configuration and tables.
        provenance: strings and numbers stored with the model.
    """

    joins_channels = True
    max_low_bits = MAX_LOW_BITS

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
        self._network = integer_weights(constants.plan, weights)
        self.provenance = dict(provenance or {})
        self.chunk_samples = chunk_samples

    def encode_wide(self, highs: np.ndarray, lows: np.ndarray, low_bits: np.ndarray) -> bytes:
        """Return samples of more than 16 bits as one message; see :class:`idf.coding.codec.WideCodec`."""
        highs, lows = (np.ascontiguousarray(part, np.int32) for part in (highs, lows))
        alphabets = [choose(channel) for channel in highs.T]
        # up to two intervals per sample, high and low
        starts, freqs = (np.empty(2 * highs.size, np.int64) for _ in range(2))
        arguments = self._loop_arguments(highs.shape[1], alphabets)
        count = code_wide(highs, lows, low_bits, *arguments, starts, freqs, *_NO_MESSAGE)
        message = Message()
        message.push_intervals(starts[:count], freqs[:count])
        push_alphabets(message, alphabets)
        return message.to_bytes()

    def decode_wide(self, data: bytes, count: int, low_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Undo :meth:`encode_wide`.

        Raises:
            FormatError: the message is damaged or from another model.
        """
        message, channels = Message.from_bytes(data), low_bits.shape[1]
        arguments = self._loop_arguments(channels, pop_alphabets(message, channels))
        highs, lows = (np.zeros((count, channels), np.int32) for _ in range(2))
        message.pop_with(
            lambda heads, words, left: code_wide(
                *(highs, lows, low_bits), *arguments, _NO_INTERVALS, _NO_INTERVALS, heads, words, left
            )
        )
        message.finish()
        return highs, lows

    def intervals(
        self, samples: np.ndarray, alphabets: Sequence[Alphabet] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each sample's interval in [0, 2^28): int64 starts and widths, in the order of decoding.

        Args:
            alphabets: one per channel, containing all its samples; all 16-bit values by default.
        """
        samples = np.ascontiguousarray(samples, np.int32)
        starts, freqs = (np.empty(samples.size, np.int64) for _ in range(2))
        LOOPS.intervals(samples, *self._loop_arguments(samples.shape[1], alphabets), starts, freqs)
        return starts, freqs

    def first_state(self, channels: int) -> State:
        """Return the state before the first sample."""
        return first_state(self.constants, channels, self._network.last)

    def _pop(
        self, message: Message, count: int, channels: int, alphabets: Sequence[Alphabet] | None = None
    ) -> np.ndarray:
        samples = np.empty((count, channels), np.int32)
        arguments = self._loop_arguments(channels, alphabets)
        message.pop_with(lambda heads, words, left: LOOPS.pop(samples, *arguments, heads, words, left))
        return samples

    def _loop_arguments(self, channels: int, alphabets: Sequence[Alphabet] | None = None) -> tuple[Any, ...]:
        tables = loop_tables([full()] * channels if alphabets is None else alphabets)
        scratch = make_scratch(self.constants.plan)
        return self.constants, self._network, tables, self.first_state(channels), scratch


def codec_of(model: AdaptiveModel, parameters: Mapping[str, np.ndarray]) -> AdaptiveCodec:
    """Return the codec of a model that has no file and hence no fingerprint."""
    return AdaptiveCodec(model.settings, model.coding_weights(parameters), bytes(16))


def save_adaptive(
    path: Path | str,
    config: Config,
    model: AdaptiveModel,
    parameters: Mapping[str, np.ndarray],
    provenance: Mapping[str, Any],
) -> None:
    """Write the model file: weights and configuration.

    Args:
        parameters: trained values, float32, for standardised inputs.
        provenance: strings and numbers to store with the model.

    Raises:
        RunError: a weight is not finite.
    """
    weights = model.coding_weights(parameters)
    check_finite(path, {_WEIGHTS: weights})
    settings = {name: value for name, value in asdict(config.model).items() if name not in ("bands", "turbo")}
    write_model_file(path, {"model": settings}, {_WEIGHTS: weights.view(np.int32)}, provenance)


def open_adaptive(path: Path | str, file: ModelFile, config: Config) -> AdaptiveCodec:
    """Return the codec of a model file of this family.

    Raises:
        RunError: the file is inconsistent.
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
