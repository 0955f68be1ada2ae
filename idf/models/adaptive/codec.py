"""A trained adaptive flow as a coder of samples. The same compiled loop encodes and decodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from idf.coding.alphabet import Alphabet, full
from idf.coding.listing import choose, pop_alphabets
from idf.coding.message import Message
from idf.config.model_checks import adaptive_problems
from idf.config.schema import Config
from idf.errors import ConfigError, FormatError
from idf.models.adaptive.loops import LOOPS, make_streams, split
from idf.models.adaptive.model import AdaptiveModel, network_size
from idf.models.adaptive.network import integer_weights
from idf.models.adaptive.sequential import AlphabetCoder, loop_tables, packed
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
        arguments = self._loop_arguments([highs.shape[1]], [alphabets])
        count = code_wide(highs, lows, low_bits, *arguments, starts, freqs, *_NO_MESSAGE)
        return packed((starts[:count], freqs[:count]), alphabets)

    def decode_wide(self, data: bytes, count: int, low_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Undo :meth:`encode_wide`.

        Raises:
            FormatError: the message is damaged or from another model.
        """
        message, channels = Message.from_bytes(data), low_bits.shape[1]
        arguments = self._loop_arguments([channels], [pop_alphabets(message, channels)])
        highs, lows = (np.zeros((count, channels), np.int32) for _ in range(2))
        message.pop_with(
            lambda heads, words, left: code_wide(
                *(highs, lows, low_bits), *arguments, _NO_INTERVALS, _NO_INTERVALS, heads, words, left
            )
        )
        message.finish()
        return highs, lows

    def encode(self, samples: np.ndarray) -> bytes:
        """Return samples, int32 (n, channels) in [-32768, 32767], as one rANS message: alphabets, then samples."""
        return self.encode_together([samples])[0]

    def encode_together(self, runs: Sequence[np.ndarray]) -> list[bytes]:
        """Return :meth:`encode` of each of one or two runs; see :class:`idf.coding.codec.JointCodec`."""
        alphabets = [[choose(channel) for channel in samples.T] for samples in runs]
        return list(map(packed, self._intervals(runs, alphabets), alphabets))

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """Return the ``count`` samples of a message: int32 (count, channels).

        Raises:
            FormatError: the message is damaged or from another model.
        """
        (samples,) = self.decode_together([(data, count, channels)])
        if isinstance(samples, FormatError):
            raise samples
        return samples

    def decode_together(self, coded: Sequence[tuple[bytes, int, int]]) -> list[np.ndarray | FormatError]:
        """Return :meth:`decode` of one or two messages, or its error; see :class:`idf.coding.codec.JointCodec`."""
        results: list[np.ndarray | FormatError] = []
        messages, shapes, alphabets, places = [], [], [], []
        for place, (data, count, channels) in enumerate(coded):
            try:
                message = Message.from_bytes(data)
                alphabets.append(pop_alphabets(message, channels))
            except FormatError as error:
                results.append(error)
                continue
            results.append(np.empty(0, np.int32))
            messages.append(message)
            shapes.append((count, channels))
            places.append(place)
        if messages:
            popped = self._pop_together(messages, shapes, alphabets)
            for place, message, samples in zip(places, messages, popped, strict=True):
                try:
                    if not isinstance(samples, FormatError):
                        message.finish()
                    results[place] = samples
                except FormatError as error:
                    results[place] = error
        return results

    def intervals(
        self, samples: np.ndarray, alphabets: Sequence[Alphabet] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each sample's interval in [0, 2^28): int64 starts and widths, in the order of decoding.

        Args:
            alphabets: one per channel, containing all its samples; all 16-bit values by default.
        """
        return self._intervals([samples], [alphabets])[0]

    def first_state(self, channels: int) -> State:
        """Return the state before the first sample."""
        return first_state(self.constants, channels, self._network.last)

    def _intervals(
        self, runs: Sequence[np.ndarray], alphabets: Sequence[Sequence[Alphabet] | None]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        streams = make_streams([(len(samples), samples.shape[1]) for samples in runs])
        np.concatenate([samples.ravel() for samples in runs], out=streams.samples, casting="unsafe")
        starts, freqs = (np.empty(len(streams.samples), np.int64) for _ in range(2))
        LOOPS.intervals(
            streams, *self._loop_arguments([samples.shape[1] for samples in runs], alphabets), starts, freqs
        )
        return list(zip(split(starts, streams), split(freqs, streams), strict=True))

    def _pop(
        self, message: Message, count: int, channels: int, alphabets: Sequence[Alphabet] | None = None
    ) -> np.ndarray:
        (samples,) = self._pop_together([message], [(count, channels)], [alphabets])
        if isinstance(samples, FormatError):
            raise samples
        return samples

    def _pop_together(
        self,
        messages: Sequence[Message],
        shapes: Sequence[tuple[int, int]],
        alphabets: Sequence[Sequence[Alphabet] | None],
    ) -> list[np.ndarray | FormatError]:
        streams = make_streams(shapes)
        arguments = self._loop_arguments([channels for _, channels in shapes], alphabets)
        errors = Message.pop_together(messages, lambda *stacks: LOOPS.pop(streams, *arguments, *stacks))
        found = zip(errors, split(streams.samples, streams), shapes, strict=True)
        return [error or samples.reshape(shape) for error, samples, shape in found]

    def _loop_arguments(
        self, channels: Sequence[int], alphabets: Sequence[Sequence[Alphabet] | None]
    ) -> tuple[Any, ...]:
        """Return the arguments of a loop over streams with these numbers of channels."""
        known = zip(channels, alphabets, strict=True)
        tables = loop_tables([alphabet for count, given in known for alphabet in given or [full()] * count])
        scratch = make_scratch(self.constants.plan, len(channels))
        state = first_state(self.constants, sum(channels), self._network.last, len(channels))
        return self.constants, self._network, tables, state, scratch


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
