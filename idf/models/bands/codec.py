"""A trained subband flow as a coder of samples, and its model file.

A chunk of samples is coded channel by channel. Within a channel, the blocks follow each other, lowest band first;
within a block its windows, and within a window its samples. Everything is in one rANS message. Encoder and decoder
run the same compiled loops (:mod:`idf.models.bands.loops`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from idf.coding.alphabet import full
from idf.coding.codec import MAX_CHUNK_SAMPLES, LatentBlock
from idf.coding.message import Message
from idf.coding.mixture import PRECISION
from idf.config.model_checks import band_problems
from idf.config.schema import Config
from idf.errors import ConfigError
from idf.flows.lifting import TAP_BITS
from idf.models.adaptive.model import network_size
from idf.models.adaptive.network import integer_weights
from idf.models.adaptive.sequential import SequentialCoder, loop_tables
from idf.models.adaptive.state import State
from idf.models.adaptive.steps import make_scratch
from idf.models.bands.loops import LOOPS, Bands
from idf.models.bands.model import BandModel, build_bands
from idf.models.file import ModelFile, write_model_file
from idf.models.saved import check_finite, fitting, load_again
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE

CHUNK_SAMPLES = 1 << 16
"""Samples in a chunk if windows are independent: a clip of seconds has several chunks for ``--jobs``."""
FOLLOWING_CHUNK_SAMPLES = 1 << 19
"""Samples in a chunk if windows follow each other; longer, because predictors are reset at the start of a chunk."""
_WEIGHTS = "parameter/network"
_CONSTANT = "constant/"
_WIDEST = 1 << 16
"""The range of samples, which limits stored levels."""


class BandCodec(SequentialCoder):
    """A :class:`~idf.coding.codec.ChunkCodec` and a :class:`~idf.coding.codec.BlockwiseCodec`.

    Args:
        model: with the initial state and the filters of its training.
        weights: float32 (bands, weights), each network's weights layer by layer.
        fingerprint: 16 bytes that identify weights, configuration and tables.
        provenance: strings and numbers stored with the model.
        path: its file, from which other processes load it; None for a model without a file.
    """

    joins_channels = False
    max_low_bits = 0

    def __init__(
        self,
        model: BandModel,
        weights: np.ndarray,
        fingerprint: bytes,
        *,
        provenance: Mapping[str, Any] | None = None,
        path: Path | None = None,
    ) -> None:
        self.model, self.weights, self.fingerprint = model, weights, fingerprint
        self.provenance, self._path = dict(provenance or {}), path
        chunk = FOLLOWING_CHUNK_SAMPLES if model.follows else CHUNK_SAMPLES
        self.chunk_samples = max(chunk // model.window, 1) * model.window
        self._tables = loop_tables([full()])
        self._networks = [integer_weights(model.settings.plan, band) for band in weights]

    def __reduce__(self) -> tuple[Any, ...]:
        return load_again, (open_bands, self._path, self.fingerprint)

    @property
    def block_names(self) -> tuple[str, ...]:
        """Names of the blocks in the order of decoding."""
        return self.model.names

    def intervals(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each latent's interval in [0, 2^28): int64 starts and widths, in the order of decoding."""
        starts, freqs = (np.empty(samples.size, np.int64) for _ in range(2))
        place = 0
        for channel in samples.T:
            passage = _Passage(self, channel)
            for number in range(self.model.bands):
                for part in range(len(passage.windows)):
                    block, band = passage.block(number, part)
                    end = place + block.size
                    passage.run(LOOPS.intervals, block, band, starts[place:end], freqs[place:end])
                    place = end
        return starts, freqs

    def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
        """Return an approximation from the first ``blocks`` blocks; see :class:`~idf.coding.codec.BlockwiseCodec`.

        A missing block is 0, which is the median of its samples given the blocks before. The model sees only the
        magnitudes of those blocks, and predictions from the band itself change their sign with the band. A sample
        whose past is missing too is therefore equally likely to be positive or negative. (The medians of
        :meth:`latent_blocks` are conditional on the band's own past.)
        """
        found = np.empty_like(samples, np.int32)
        for channel in range(samples.shape[1]):
            parts = []
            for windows in self.model.windows(np.ascontiguousarray(samples[:, channel], np.int32)):
                low, *highs = self.model.split(windows)[0]
                low = low if blocks else np.zeros_like(low)
                for number, block in enumerate(highs, 1):
                    low = self.model.merged(number, low, block if number < blocks else np.zeros_like(block))
                parts.append(low.reshape(-1))
            found[:, channel] = np.concatenate([np.zeros(0, np.int32), *parts])
        return found

    def latent_blocks(self, samples: np.ndarray) -> list[LatentBlock]:
        """Return the latent blocks of a clip, int32 (n,); see :class:`~idf.coding.codec.BlockwiseCodec`."""
        passage, model, bands = _Passage(self, samples), self.model, self.model.bands
        found = []
        for number in range(bands):
            size = sum(len(windows) * model.lengths(windows.shape[1])[number] for windows in passage.windows)
            latents, medians = np.empty(size, np.int32), np.empty(size, np.int32)
            octaves, freqs, times = np.empty(size, np.float32), np.empty(size, np.int64), np.empty(size, np.int64)
            place = window = 0
            step = 1 << (bands - max(number, 1))
            for part in range(len(passage.windows)):
                block, band = passage.block(number, part)
                own = slice(place, place + block.size)
                passage.run(LOOPS.examine, block, band, medians[own], octaves[own], freqs[own])
                latents[own] = block.reshape(-1)
                # the first sample of low is at 0, that of a high band half a step later
                within = np.arange(block.shape[1]) * step + (step // 2 if number else 0)
                begins = window + np.arange(len(block)) * model.window
                times[own] = (begins[:, None] + within).reshape(-1)
                place += block.size
                window += len(block) * model.window
            scales = (octaves - np.float32(FULL_SCALE_OCTAVES)) * np.float32(NATS_PER_OCTAVE)
            bits = (PRECISION - np.log2(freqs)).astype(np.float32)
            found.append(LatentBlock(self.block_names[number], step, times, latents, medians, scales, bits))
        return found

    def _pop(self, message: Message, count: int, channels: int) -> np.ndarray:
        samples = np.empty((count, channels), np.int32)

        def fill(passage: _Passage, number: int, part: int, block: np.ndarray, band: Bands) -> None:
            message.pop_with(lambda *stack: passage.run(LOOPS.pop, block, band, *stack))

        for channel in range(channels):
            samples[:, channel] = self._decoded(np.zeros(count, np.int32), fill)
        return samples

    def _decoded(self, like: np.ndarray, fill: Callable[..., None]) -> np.ndarray:
        """Return a channel, int32 (n,), whose blocks ``fill(passage, number, part, block, band)`` writes in turn."""
        passage, model = _Passage(self, like), self.model
        lows: list[np.ndarray | None] = [None] * len(passage.windows)
        for number in range(model.bands):
            for part, windows in enumerate(passage.windows):
                low = lows[part]
                block = np.empty((len(windows), model.lengths(windows.shape[1])[number]), np.int32)
                fill(passage, number, part, block, passage.band(number, low, block.shape))
                lows[part] = block if low is None else model.merged(number, low, block)
        return np.concatenate([np.zeros(0, np.int32), *(low.reshape(-1) for low in lows if low is not None)])


class _Passage:
    """A channel on its way through a codec: its windows and the state of the predictors."""

    def __init__(self, codec: BandCodec, samples: np.ndarray) -> None:
        self.windows = codec.model.windows(np.ascontiguousarray(samples, np.int32))
        self._codec = codec
        self._state: State = codec.model.first_state()
        self._scratch = make_scratch(codec.model.settings.plan)
        self._split: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {}
        self._seen = [0] * codec.model.bands

    def block(self, number: int, part: int) -> tuple[np.ndarray, Bands]:
        """Return a block of some windows and the loops' argument for it. Call this in the order of decoding."""
        if part not in self._split:
            self._split[part] = self._codec.model.split(self.windows[part])
        blocks, lows = self._split[part]
        block = np.ascontiguousarray(blocks[number])
        return block, self.band(number, lows[number - 1] if number else None, block.shape)

    def band(self, number: int, low: np.ndarray | None, shape: tuple[int, ...]) -> Bands:
        band = self._codec.model.band(number, low, (shape[0], shape[1]), self._seen[number])
        return band

    def run(self, loop: Callable[..., Any], block: np.ndarray, band: Bands, *more: Any) -> Any:
        """Run a compiled loop over a block's windows."""
        model = self._codec.model
        self._seen[band.number] = band.first + block.size
        return loop(
            *(block, band, model.settings, model.start, self._state, self._scratch),
            *(self._codec._networks[band.number], self._codec._tables),
            *more,
        )


def codec_of(model: BandModel, parameters: Mapping[str, np.ndarray]) -> BandCodec:
    """Return the codec of a model that has no file and hence no fingerprint."""
    return BandCodec(model, model.coding_weights(parameters), bytes(16))


def save_bands(
    path: Path | str,
    config: Config,
    model: BandModel,
    parameters: Mapping[str, np.ndarray],
    provenance: Mapping[str, Any],
) -> None:
    """Write the model file: weights, initial state, filters and configuration.

    Args:
        parameters: trained values, float32, for standardised inputs.
        provenance: strings and numbers to store with the model.

    Raises:
        RunError: a weight is not finite.
    """
    weights = model.coding_weights(parameters)
    check_finite(path, {_WEIGHTS: weights})
    settings = {
        "model": {
            "name": config.model.name,
            "window": config.model.window,
            "bands": asdict(config.model.bands),
        },
        "layout": {"name": config.layout.name, "prior": "bands"},
        "context": config.context,
    }
    arrays = {_WEIGHTS: weights.view(np.int32)}
    for name, value in model.constants.items():
        # the coding weights include the standardisation of inputs
        if not name.startswith("input_"):
            arrays[_CONSTANT + name] = value if name.startswith("taps/") else value.view(np.int32)
    write_model_file(path, settings, arrays, provenance)


def open_bands(path: Path | str, file: ModelFile, config: Config) -> BandCodec:
    """Return the codec of a model file of this family.

    Raises:
        RunError: the file is inconsistent.
    """
    with fitting(path):
        if problems := list(band_problems(config)):
            raise ConfigError(problems)
        if not 1 <= config.model.window <= MAX_CHUNK_SAMPLES:
            raise ValueError(f"its window has {config.model.window} samples")
        model = build_bands(config)
        constants = _constants(model, file.arrays)
        weights = file.arrays[_WEIGHTS].view(np.float32)
        if weights.shape != (model.bands, network_size(model.settings.plan)) or not np.all(np.isfinite(weights)):
            raise ValueError("its weights do not fit its configuration")
    weights = np.require(weights, np.float32, ["C", "A", "W"])
    return BandCodec(
        model.with_constants(constants),
        weights,
        file.fingerprint,
        provenance=file.header["provenance"],
        path=Path(path).absolute(),
    )


def _constants(model: BandModel, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a file's filters and initial state, after checking shapes and values.

    Raises:
        ValueError: a shape or a value is wrong.
    """
    found = {}
    for name, like in model.constants.items():
        if name.startswith("input_"):
            found[name] = like
            continue
        value = arrays[_CONSTANT + name]
        if not name.startswith("taps/"):
            value = value.view(np.float32)
        if value.shape != like.shape:
            raise ValueError(f"{name} has shape {value.shape}, not {like.shape}")
        found[name] = value
    for level in range(1, model.bands):
        if np.abs(found[f"taps/{level}"].astype(np.int64)).sum() > 8 << TAP_BITS:
            raise ValueError(f"taps/{level} are too large")
    for name in ("start/level", "start/signal", "start/busyness"):
        if not np.all((found[name] > 0) & (found[name] <= 4 * _WIDEST)):
            raise ValueError(f"{name} is out of range")
    stages = found["start/stages"]
    largest = math.sqrt(float(np.finfo(np.float32).max))
    if not (np.all(np.abs(stages) < largest) and np.all(stages[:, 2:] > 0)):
        raise ValueError("start/stages is out of range")
    return found
