"""The window flow of subbands: lifting, factor-out from the top, an autoregressive adaptive flow in each block.

::

    x (batch, N) ── split ──► low ── split ──► low ── … ──► low      block 1, "low", decoded first
                      │                │                     │
                      ▼                ▼                     ▼
                    high              high                  high     blocks B … 2

Every split is an integer flow (:mod:`idf.flows.lifting`) after which the upper half of the band leaves. Within
a block, latent t is sample t minus a prediction from the samples before it (:mod:`idf.models.adaptive`), so the whole
is a composition of triangular integer flows. Its network also sees the bands below, which a decoder has first.

Windows are independent; with ``context=previous`` predictors go on from the window before instead of beginning
anew.
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
"""A window's expected loudness stays within this factor of the usual."""


@dataclass(frozen=True)
class BandModel:
    """A window flow of subbands.

    Attributes:
        settings: what the compiled loops need besides weights; the same for all bands.
        window: samples in a window; shorter ones work too.
        follows: whether windows go on from the one before.
        specs: the networks' trained arrays by name. They see standardised inputs.
        taps: int32, of each split, the outermost first.
        start: where predictors begin.
        busyness: float64 (bands,), what the windows of the signal below each band usually have of it.
        input_mean, input_deviation: float32 (bands, inputs), of the training clips.
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
        """Blocks of latents."""
        return len(self.taps) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """Of the blocks, in the order of decoding."""
        return ("low", *(f"z{level}" for level in range(len(self.taps), 0, -1)))

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """What a checkpoint and a model file keep besides the trained arrays; everything that must never be made again."""
        return {
            "input_mean": self.input_mean,
            "input_deviation": self.input_deviation,
            "start/stages": self.start.stages.astype(np.float32),
            "start/level": self.start.level.astype(np.float32),
            "start/signal": self.start.signal.astype(np.float32),
            "start/busyness": self.busyness.astype(np.float32),
        } | {f"taps/{level}": taps for level, taps in enumerate(self.taps, 1)}

    def with_constants(self, constants: Mapping[str, np.ndarray]) -> BandModel:
        """The same model with other :attr:`constants`, of the same shapes."""
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
        """The same model for inputs of another mean and deviation, float32 (bands, inputs)."""
        return replace(self, input_mean=mean, input_deviation=deviation)

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return starting values of the trained arrays, float32, by name."""
        return initial_values(self.specs, seed)

    def network(self, band: int) -> AdaptiveModel:
        """One band's network, as the adaptive flow has it."""
        return AdaptiveModel(
            self.settings, network_specs(self.settings.plan), self.input_mean[band], self.input_deviation[band]
        )

    def coding_weights(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """All networks for raw inputs: float32 (bands, weights) of 16 significant bits.

        Args:
            parameters: trained values, for standardised inputs.
        """
        return np.stack([self.network(band).coding_weights(of_band(parameters, band)) for band in range(self.bands)])

    def first_state(self) -> State:
        """The state before the first window of a channel."""
        return first_state(self.settings, self.bands)

    def windows(self, samples: np.ndarray) -> list[np.ndarray]:
        """A channel, int32 (n,), as windows: whole ones (batch, N), then what is left (1, rest). Either may be missing."""
        whole = len(samples) // self.window * self.window
        parts = [samples[:whole].reshape(-1, self.window), samples[whole:].reshape(1, -1)]
        return [part for part in parts if part.size]

    def split(self, windows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The blocks of windows, int32 (batch, n), in the order of decoding; and below each but the first, what the
        blocks before it add up to."""
        highs, lows = [], [windows]
        for taps in self.taps:
            low, high = split(lows[-1], taps)
            lows.append(low)
            highs.append(high)
        return [lows[-1], *reversed(highs)], list(reversed(lows[1:]))

    def lengths(self, window: int) -> list[int]:
        """Of the blocks of a window of that many samples, in the order of decoding."""
        halves = [window]
        for _ in self.taps:
            halves.append((halves[-1] + 1) // 2)
        return [halves[-1], *(whole - half for whole, half in reversed(list(pairwise(halves))))]

    def merged(self, band: int, low: np.ndarray, block: np.ndarray) -> np.ndarray:
        """The signal that block ``band`` ≥ 1 and those before it, ``low``, add up to."""
        return merge(low, block, self.taps[self.bands - 1 - band])

    def band(self, number: int, low: np.ndarray | None, shape: tuple[int, int], seen: int) -> Bands:
        """What the compiled loops take of windows of a block.

        Args:
            low: what the blocks before add up to, int32 (batch, n); None for the first block.
            shape: of the block's windows.
            seen: samples of the block in this channel that went before.
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
        """Run the predictors over a channel, int32 (n,): what the network of each band sees and has to explain."""
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
        """Of the networks' inputs, the last ones that are not made by the predictors."""
        return FEATURES

    def row_counts(self, samples: int) -> list[int]:
        """Rows of each band in :meth:`traces` of so many samples."""
        whole, rest = divmod(samples, self.window)
        return [whole * a + b for a, b in zip(self.lengths(self.window), self.lengths(rest), strict=True)]


def of_band(parameters: Mapping[str, np.ndarray], band: int) -> dict[str, np.ndarray]:
    """The parameters of one band's network, by their names there."""
    prefix = f"band{band}/"
    return {name.removeprefix(prefix): value for name, value in parameters.items() if name.startswith(prefix)}


def build_bands(config: Config, constants: Mapping[str, np.ndarray] | None = None) -> BandModel:
    """The model of a configuration.

    Args:
        constants: :attr:`BandModel.constants` of an earlier model with this configuration; none of a fresh
            one, which then begins as if it had seen nothing (:func:`idf.models.bands.initial_state.fitted` improves on that).
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
