"""The tracked prior: linear experts, weighted by their errors on the samples that are already decoded.

The channel that a flow factors out is predicted from the remaining channels, in its frame and in ``context`` frames
on each side, by a common linear predictor and by experts that add to it. A decoder knows the channels that it has
decoded, so it also knows how well each expert would have predicted them. The squared errors, relative to the local
level and summed over neighbouring frames and, with decay, over the channels decoded so far, are

* *evidence* for a Bayesian average of the experts, with weights proportional to (mean squared error)^(−κ/2);
* inputs of a small net, which also gates the experts and gives the scales, offsets and weights of the mixture.

The prior thus adapts to each window without side information, and windows stay independent. In training, all channels
go through one batched product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from idf.arithmetic import (
    ACTIVATION_BITS,
    ACTIVATION_LIMIT,
    FINE_BITS,
    Arithmetic,
    Array,
    Parameters,
    Specs,
    normal,
    values,
    zeros,
)
from idf.nets.layers import first_layer, residual_layer
from idf.nets.level import LocalLevel, level_of, power_around
from idf.nets.patches import patches
from idf.priors.evidence import evidence_features, experts_average, log_errors, magnitudes, squared_errors
from idf.priors.experts import expert_basis, expert_mixture
from idf.priors.mixture import Mixture

TRACK_FRAMES = 6
"""Frames on each side whose errors count as evidence."""
TRACK_DECAY = 61 / 64
"""Decay of the evidence per decoded channel."""
START_POWER = 6.0
"""Initial value of κ."""
RECENT_FRAMES, RECENT_CHANNELS = 2, 2
"""The net sees the residuals' magnitudes in this many frames on each side, of this many recent channels."""


@dataclass(frozen=True)
class TrackedWidth:
    """Sizes of each channel's net; see :class:`idf.config.schema.WidthConfig`."""

    hidden: int
    blocks: int
    context_frames: int
    experts: int
    components: int


@dataclass(frozen=True)
class _Readings:
    """Linear functions of the known samples, (nets, positions, outputs)."""

    all: Array
    """The units of the first layer, the common prediction, the experts."""
    linear: Array
    """One output: the common prediction."""
    basis: Array
    """The difference of each expert's prediction from the common one, and last a 0 for the common predictor itself."""


@dataclass(frozen=True)
class _Evidence:
    """The experts' errors so far, (nets, positions, ...).

    Attributes:
        errors: log2 of each expert's RMS error relative to the level.
        recent: log2 of the last channels' residuals relative to their levels.
    """

    errors: Array
    recent: Array


class TrackedPrior:
    """The mixtures of the channels that leave; the last remaining channel is left to the base.

    Parameter axes are (net, ...). Net n serves the channel that is decoded when n + 1 are known. Kernels that read
    samples are (net, 2 · context + 1, channels, outputs), of which net n uses the channels that it knows. Kernels
    after the first layer are the sum of a net's own kernel and of one that all nets share.

    Args:
        known: for each net the places in the squeezed frame of the remaining channels, int (n + 1,), in the order of
            the net's input.
    """

    def __init__(self, name: str, known: Sequence[np.ndarray], width: TrackedWidth) -> None:
        self.name, self.known, self.width = name, known, width
        self.channels = channels = len(known) + 1
        nets, taps, hidden, m = len(known), 2 * width.context_frames + 1, width.hidden, width.components
        inputs, outputs = taps * channels, 3 * m + width.experts
        features = width.experts + 2 + RECENT_CHANNELS * (2 * RECENT_FRAMES + 1)
        bias = np.zeros((1, outputs))
        bias[:, 2 * m : 3 * m] = ((np.linspace(-1.5, 1.5, m) if m > 1 else np.zeros(1)) - 1.5) / math.log(2.0)
        judged = (np.arange(nets) > 0)[:, None, None]
        self.specs: Specs = {
            f"{name}/linear": zeros((nets, taps, channels, 1), bits=FINE_BITS),
            f"{name}/experts": normal((nets, taps, channels, width.experts), 0.3 / math.sqrt(inputs), bits=FINE_BITS),
            f"{name}/first/kernel": normal((nets, taps, channels, hidden), 1 / math.sqrt(inputs)),
            f"{name}/first/bias": zeros((nets, 1, hidden)),
            f"{name}/first/level": zeros((nets, 1, hidden)),
            f"{name}/power": values(START_POWER * judged, bits=ACTIVATION_BITS, limit=ACTIVATION_LIMIT),
            f"{name}/trust": values(1.0 * judged),
        }
        shared = {
            "first/evidence": normal((features, hidden), 0.5 / math.sqrt(features)),
            "last/kernel": zeros((hidden, outputs)),
            "last/bias": values(bias),
        }
        for block in range(width.blocks):
            shared[f"{block}/kernel"] = normal((hidden, hidden), 1 / math.sqrt(hidden))
            shared[f"{block}/bias"] = zeros((1, hidden))
        for key, spec in shared.items():
            self.specs[f"{name}/{key}"] = zeros((nets, *spec.shape))
            self.specs[f"{name}/{key}/shared"] = spec

    def begin(self, a: Arithmetic, p: Parameters) -> TrackedPass:
        """Return a pass over the blocks of windows, in the order of decoding."""
        return TrackedPass(self, a, p)

    def all_mixtures(self, a: Arithmetic, p: Parameters, frames: Array, leaving: Array) -> Mixture:
        """Return the mixtures of all blocks together, by net: (channels - 1, batch · time, components).

        For training, where all channels are known.

        Args:
            frames: (channels - 1, batch, time, channels), the input channels of each net; its other channels are
                ignored.
            leaving: (channels - 1, batch, time), the latents of each net.
        """
        nets, batch, time, channels = a.shape(frames)
        mask = np.zeros((nets, 1, 1, channels))
        for row, known in zip(mask, self.known, strict=True):
            row[..., known] = 1.0
        flat = a.reshape(frames * a.constant(mask), (nets * batch, time, channels))
        around = a.reshape(patches(a, flat, self.width.context_frames), (nets, batch * time, -1))
        counts = frames[:, :, :1, :1] * 0.0 + a.constant(np.arange(1.0, nets + 1)[:, None, None, None])
        level = self._level(a, flat, a.reshape(counts, (nets * batch, 1, 1)), (nets, batch * time, 1))
        readings = self._read(a, p, slice(0, nets), slice(0, channels), around)
        latents = a.reshape(leaving, (nets, batch * time, 1))
        errors = self._squared_errors(a, latents, readings, level, batch, time)
        sums = [errors[:1] * 0.0]
        for net in range(nets - 1):
            sums.append(sums[-1] * TRACK_DECAY + errors[net : net + 1])
        weights = np.zeros((nets, 1, 1))
        for net in range(1, nets):
            weights[net] = weights[net - 1] * TRACK_DECAY + 1.0
        relative = log_errors(a, a.concat(sums, 0), a.constant(np.maximum(weights, 1.0)) * float(2 * TRACK_FRAMES + 1))
        relative = relative * a.constant((weights > 0) * 1.0)
        average = self._average(a, p, slice(0, nets), readings, relative)
        sizes = self._magnitudes(a, latents - readings.linear - average, level, batch, time)
        none = sizes[:1] * 0.0
        recent = [a.concat([none] * lag + [sizes[: nets - lag]], 0) if lag < nets else sizes * 0.0
                  for lag in range(1, RECENT_CHANNELS + 1)]  # fmt: skip
        evidence = _Evidence(relative, a.concat(recent, -1))
        return self._net(a, p, slice(0, nets), readings, level, evidence, average)

    def _level(self, a: Arithmetic, x: Array, known: Array | float, shape: Sequence[int]) -> LocalLevel:
        """Return the levels of ``x`` (nets · batch, time, channels), reshaped to ``shape``.

        Args:
            known: number of channels that each net knows.
        """
        return level_of(a, a.reshape(power_around(a, x, self.width.context_frames, known), shape))

    def _read(self, a: Arithmetic, p: Parameters, nets: slice, known: slice | np.ndarray, around: Array) -> _Readings:
        """Return every linear function of the samples, computed in one product.

        Args:
            around: (nets, positions, taps · known).
        """
        names = ("first/kernel", "linear", "experts")
        kernel = a.concat([p[f"{self.name}/{name}"][nets][:, :, known] for name in names], -1)
        count, taps, channels, outputs = a.shape(kernel)
        read = a.matmul(around, a.reshape(kernel, (count, taps * channels, outputs)))
        hidden = self.width.hidden
        return _Readings(read, read[..., hidden : hidden + 1], expert_basis(a, read, hidden + 1))

    def _squared_errors(
        self, a: Arithmetic, latents: Array, readings: _Readings, level: LocalLevel, batch: int, time: int
    ) -> Array:
        """Return each expert's squared error, relative to the level, summed over ±TRACK_FRAMES frames.

        The result is (nets, positions, experts + 1); the common predictor is last.
        """
        square = squared_errors(a, latents - readings.linear, readings.basis, level.value)
        shape = a.shape(square)
        boxes = a.box_sum(a.reshape(square, (shape[0] * batch, time, shape[2])), TRACK_FRAMES)
        return a.reshape(boxes, shape)

    def _average(self, a: Arithmetic, p: Parameters, nets: slice, readings: _Readings, relative: Array) -> Array:
        """Return the difference of the experts' Bayesian average from the common prediction: (nets, positions, 1)."""
        power, trust = p[f"{self.name}/power"][nets], p[f"{self.name}/trust"][nets]
        return experts_average(a, relative, readings.basis, power) * trust

    def _magnitudes(self, a: Arithmetic, residual: Array, level: LocalLevel, batch: int, time: int) -> Array:
        """Return the :func:`magnitudes` of residuals at ±RECENT_FRAMES frames: (nets, positions, frames)."""
        size = magnitudes(a, residual, level.value)
        count = a.shape(size)[0]
        around = patches(a, a.reshape(size, (count * batch, time, 1)), RECENT_FRAMES)
        return a.reshape(around, (count, batch * time, 2 * RECENT_FRAMES + 1))

    def _net(
        self,
        a: Arithmetic,
        p: Parameters,
        nets: slice,
        readings: _Readings,
        level: LocalLevel,
        evidence: _Evidence,
        average: Array,
    ) -> Mixture:
        width = self.width

        def of(name: str) -> Array:
            return p[f"{self.name}/{name}"][nets]

        def shared(name: str) -> Array:
            return of(name) + p[f"{self.name}/{name}/shared"]

        seen = a.matmul(evidence_features(a, evidence.errors, evidence.recent), shared("first/evidence"))
        h = first_layer(a, readings.all, level, of("first/bias"), of("first/level"), seen)
        for block in range(width.blocks):
            h = residual_layer(a, h, shared(f"{block}/kernel"), shared(f"{block}/bias"))
        out, bias = a.matmul(h, shared("last/kernel")), shared("last/bias")
        prediction = readings.linear + average
        return expert_mixture(a, out, bias, readings.basis, prediction, level, width.components)


@dataclass
class TrackedPass:
    """A pass over the blocks of windows; see :class:`idf.priors.passes.PriorPass`."""

    prior: TrackedPrior
    arithmetic: Arithmetic
    parameters: Parameters
    _errors: Array | None = None
    _weight: float = 0.0
    _recent: list[Array] = field(default_factory=list)
    _asked: tuple[_Readings, LocalLevel, Array] | None = None
    """Readings, level and prediction of the block to be decoded next."""

    def mixture(self, block: int, remaining: Array) -> Mixture:
        a, prior = self.arithmetic, self.prior
        batch, time, known = a.shape(remaining)
        nets = slice(known - 1, known)
        around = a.reshape(patches(a, remaining, prior.width.context_frames), (1, batch * time, -1))
        level = prior._level(a, remaining, float(known), (1, batch * time, 1))
        readings = prior._read(a, self.parameters, nets, prior.known[known - 1], around)
        none = readings.basis * 0.0
        weight = self._weight * float(2 * TRACK_FRAMES + 1)
        relative = none if self._errors is None else log_errors(a, self._errors, weight)
        average = prior._average(a, self.parameters, nets, readings, relative)
        self._asked = (readings, level, readings.linear + average)
        unknown = average * 0.0 + a.constant(np.zeros(2 * RECENT_FRAMES + 1))
        recent = [self._recent[-lag] if lag <= len(self._recent) else unknown for lag in range(1, RECENT_CHANNELS + 1)]
        evidence = _Evidence(relative, a.concat(recent, -1))
        mixture = prior._net(a, self.parameters, nets, readings, level, evidence, average)
        shape = (batch, time, 1, prior.width.components)
        return Mixture(*(a.reshape(x, shape) for x in (mixture.logits, mixture.means, mixture.octaves)))

    def decoded(self, block: int, latents: Array) -> None:
        a, prior = self.arithmetic, self.prior
        assert self._asked is not None
        readings, level, prediction = self._asked
        batch, time, _ = a.shape(latents)
        found = a.reshape(latents, (1, batch * time, 1))
        errors = prior._squared_errors(a, found, readings, level, batch, time)
        self._errors = errors if self._errors is None else self._errors * TRACK_DECAY + errors
        self._weight = self._weight * TRACK_DECAY + 1.0
        self._recent.append(prior._magnitudes(a, found - prediction, level, batch, time))
