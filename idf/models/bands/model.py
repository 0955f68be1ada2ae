"""The subband flow: lifting, factor-out from the top, and an autoregressive adaptive flow in each block.

::

    x (batch, N) ── split ──► low ── split ──► low ── … ──► low      block 1, "low", decoded first
                      │                │                     │
                      ▼                ▼                     ▼
                    high              high                  high     blocks B … 2

Every split is an integer flow (:mod:`idf.flows.lifting`) after which the upper half-band leaves. Within a block,
latent t is sample t minus a prediction from the samples before it (:mod:`idf.models.adaptive`), so the whole is a
composition of triangular integer flows. The network also sees the bands below, which are decoded first.

Windows are independent unless ``context=previous``, with which predictors resume from the window before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from idf.arithmetic import Specs, initial_values
from idf.config.schema import Config
from idf.flows.lifting import half_band, merge, split
from idf.models.adaptive.model import AdaptiveModel, Trace, network_specs
from idf.models.adaptive.state import Constants, State, first_state, make_constants
from idf.models.adaptive.vectors import LANES
from idf.models.bands.features import FEATURES, PLACE_FEATURES, busyness, lower_features, place_features
from idf.models.bands.loops import Bands, Start

_LOUDEST = 64.0
"""Limit of a window's expected loudness relative to average sound."""


@dataclass(frozen=True)
class BandModel:
    """A window flow over subbands.

    Attributes:
        settings: constants of the compiled loops, the same for all bands.
        window: samples in a window; shorter windows work too.
        follows: whether windows resume from the window before.
        specs: the networks' trained arrays by name, for standardised inputs.
        taps: int32, filter taps of each split, the outermost split first.
        start: initial state of the predictors.
        busyness: float64 (bands,), typical busyness of the signal below each band.
        input_mean, input_deviation: float32 (bands, inputs), mean and standard deviation on the training clips.
    """

    settings: Constants
    window: int
    follows: bool
    specs: Specs
    taps: tuple[np.ndarray, ...]
    start: Start
    busyness: np.ndarray
    input_mean: np.ndarray
    input_deviation: np.ndarray

    @property
    def bands(self) -> int:
        """Number of bands, which is that of latent blocks."""
        return len(self.taps) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the blocks in the order of decoding."""
        return ("low", *(f"z{level}" for level in range(len(self.taps), 0, -1)))

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """The arrays that checkpoints and model files store besides the trained ones, and that are never recomputed."""
        return {
            "input_mean": self.input_mean,
            "input_deviation": self.input_deviation,
            "start/stages": self.start.stages.astype(np.float32),
            "start/level": self.start.level.astype(np.float32),
            "start/signal": self.start.signal.astype(np.float32),
            "start/busyness": self.busyness.astype(np.float32),
        } | {f"taps/{level}": taps for level, taps in enumerate(self.taps, 1)}

    def with_constants(self, constants: Mapping[str, np.ndarray]) -> BandModel:
        """Return the model with other :attr:`constants` of the same shapes."""
        start = (np.asarray(constants[f"start/{name}"], np.float64) for name in ("stages", "level", "signal"))
        return replace(
            self,
            taps=tuple(np.asarray(constants[f"taps/{level}"], np.int32) for level in range(1, self.bands)),
            start=Start(*start),
            busyness=np.asarray(constants["start/busyness"], np.float64),
            input_mean=constants["input_mean"],
            input_deviation=constants["input_deviation"],
        )

    def standardised(self, mean: np.ndarray, deviation: np.ndarray) -> BandModel:
        """Return the model for inputs with another mean and standard deviation, float32 (bands, inputs)."""
        return replace(self, input_mean=mean, input_deviation=deviation)

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return initial values of the trained arrays, float32, by name."""
        return initial_values(self.specs, seed)

    def network(self, band: int) -> AdaptiveModel:
        """Return the network of a band in the form of the adaptive flow."""
        return AdaptiveModel(
            self.settings, network_specs(self.settings.plan), self.input_mean[band], self.input_deviation[band]
        )

    def coding_weights(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return all networks' weights for raw inputs: float32 (bands, weights) with 16 significant bits.

        Args:
            parameters: trained values, for standardised inputs.
        """
        return np.stack([self.network(band).coding_weights(of_band(parameters, band)) for band in range(self.bands)])

    def first_state(self) -> State:
        """Return the state before the first window of a channel."""
        return first_state(self.settings, self.bands)

    def windows(self, samples: np.ndarray) -> list[np.ndarray]:
        """Return a channel, int32 (n,), as full windows (batch, N) and a shorter last one (1, rest), if not empty."""
        whole = len(samples) // self.window * self.window
        parts = [samples[:whole].reshape(-1, self.window), samples[whole:].reshape(1, -1)]
        return [part for part in parts if part.size]

    def split(self, windows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the blocks of windows, int32 (batch, n), in the order of decoding, and the lower signals.

        The lower signal of a block is the signal composed of the blocks before it; the first block has none.
        """
        highs, lows = [], [windows]
        for taps in self.taps:
            low, high = split(lows[-1], taps)
            lows.append(low)
            highs.append(high)
        return [lows[-1], *reversed(highs)], list(reversed(lows[1:]))

    def lengths(self, window: int) -> list[int]:
        """Return the lengths of the blocks of a window of ``window`` samples, in the order of decoding."""
        halves = [window]
        for _ in self.taps:
            halves.append((halves[-1] + 1) // 2)
        return [halves[-1], *(whole - half for whole, half in reversed(list(pairwise(halves))))]

    def merged(self, band: int, low: np.ndarray, block: np.ndarray) -> np.ndarray:
        """Return the signal composed of block ``band`` ≥ 1 and the lower signal ``low``."""
        return merge(low, block, self.taps[self.bands - 1 - band])

    def band(self, number: int, low: np.ndarray | None, shape: tuple[int, int], seen: int) -> Bands:
        """Return the compiled loops' argument for windows of a block.

        Args:
            low: the lower signal, int32 (batch, n); None for the first block.
            shape: of the block's windows.
            seen: earlier samples of this block in the channel.
        """
        batch, length = shape
        features = np.zeros((batch, length, FEATURES), np.float32)
        scales = np.ones(batch)
        if self.follows:
            features[..., :PLACE_FEATURES] = place_features(seen, batch * length).reshape(batch, length, PLACE_FEATURES)
        else:
            features[..., :PLACE_FEATURES] = place_features(0, length)
        if low is not None and low.size and length:
            features[..., PLACE_FEATURES:] = lower_features(low, length)
            mean = busyness(low).sum(1) / low.shape[1] + 1.0
            scales = np.clip(mean / self.busyness[number], 1 / _LOUDEST, _LOUDEST)
        return Bands(number, seen, not self.follows, features, scales)

    def traces(self, samples: np.ndarray) -> list[Trace]:
        """Run the predictors over a channel, int32 (n,), and return inputs and targets of each band's network."""
        from idf.models.adaptive.steps import make_scratch
        from idf.models.bands.loops import LOOPS

        plan, state = self.settings.plan, self.first_state()
        scratch, seen = make_scratch(plan), [0] * self.bands
        found: list[list[Trace]] = [[] for _ in range(self.bands)]
        for windows in self.windows(samples):
            blocks, lows = self.split(windows)
            for number, (block, low) in enumerate(zip(blocks, [None, *lows], strict=True)):
                inputs = np.empty((block.size, plan.inputs), np.float32)
                targets = np.empty((block.size, 2 + plan.experts), np.float32)
                band = self.band(number, low, block.shape, seen[number])
                block = np.ascontiguousarray(block)
                LOOPS.trace(block, band, self.settings, self.start, state, scratch, inputs, targets)
                found[number].append(Trace(inputs, targets))
                seen[number] += block.size
        return [
            Trace(*(np.concatenate([getattr(trace, part) for trace in traces]) for part in ("inputs", "targets")))
            for traces in found
        ]

    @property
    def features(self) -> int:
        """Number of network inputs, at the end, that do not come from predictors."""
        return FEATURES

    def row_counts(self, samples: int) -> list[int]:
        """Return the number of rows of each band in :meth:`traces` of ``samples`` samples."""
        whole, rest = divmod(samples, self.window)
        return [whole * a + b for a, b in zip(self.lengths(self.window), self.lengths(rest), strict=True)]


def of_band(parameters: Mapping[str, np.ndarray], band: int) -> dict[str, np.ndarray]:
    """Return the parameters of a band's network, by their names in that network."""
    prefix = f"band{band}/"
    return {name.removeprefix(prefix): value for name, value in parameters.items() if name.startswith(prefix)}


def build_bands(config: Config, constants: Mapping[str, np.ndarray] | None = None) -> BandModel:
    """Build the model of a configuration.

    Args:
        constants: :attr:`BandModel.constants` of an earlier model with this configuration; None for a new model, whose
            initial state is untrained until :func:`idf.models.bands.initial_state.fitted` fits it.
    """
    settings = config.model.bands
    plan_constants = make_constants(settings, FEATURES)
    plan, bands = plan_constants.plan, settings.levels + 1
    specs = {f"band{band}/{name}": spec for band in range(bands) for name, spec in network_specs(plan).items()}
    level = 100.0
    stages = np.zeros((bands, 4, plan.stages * LANES))
    stages[:, 2:] = level
    model = BandModel(
        settings=plan_constants,
        window=config.model.window,
        follows=config.context == "previous",
        specs=specs,
        taps=tuple(half_band(count) for count in settings.half_taps[: settings.levels]),
        start=Start(stages, np.full(bands, level), np.full(bands, level)),
        busyness=np.full(bands, level),
        input_mean=np.zeros((bands, plan.inputs), np.float32),
        input_deviation=np.ones((bands, plan.inputs), np.float32),
    )
    return model if constants is None else model.with_constants(constants)
