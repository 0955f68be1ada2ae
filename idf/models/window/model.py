"""A flow with its priors over windows of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from idf.arithmetic import Arithmetic, Array, Parameters, Specs, initial_values
from idf.config.schema import Config, seen_channels
from idf.flows import AdditiveCoupling, GatedCouplings, Permutation, draw_permutation, split_of
from idf.models.window.hierarchy import Base, Block, FlowStep, Hierarchy, Pop
from idf.priors import ChannelwisePrior, LearnedBase, ScheduledBase, TrackedPrior, WaveNetPrior
from idf.priors.channelwise import ChannelwiseWidth
from idf.priors.tracked import TrackedWidth

if TYPE_CHECKING:
    from idf.models.prediction.whitening import WindowWhitening

GROUP_SAMPLES = 16384
"""Samples per evaluation of the nets when coding: enough for large products, few enough for intermediate results to stay
in a core's cache. Part of the format, because groups are coded one after another."""


class Step(Protocol):
    """An integer step before windows are cut, a bijection of 16-bit samples.

    Attributes:
        name: identifies the step in the cache; it changes whenever residuals do.
        block_samples: number of samples after which the step is reset, if residuals depend on all channels; None if
            the step is reset in each window of each channel, so that windows stay independent.
    """

    @property
    def name(self) -> str: ...

    @property
    def block_samples(self) -> int | None: ...

    def forward(self, samples: np.ndarray) -> np.ndarray:
        """Return the residual of samples: int32 (time, channels)."""

    def inverse(self, residuals: np.ndarray) -> np.ndarray:
        """Undo :meth:`forward`."""

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """Return :meth:`forward` of one channel, int32 (time,), as :class:`idf.datasets.dataset.Change` requires."""


@dataclass(frozen=True)
class Part:
    """Windows of one length, cut from a clip.

    Attributes:
        windows: int32 (batch, length).
        coded: bool, of the same shape; False for padding that the decoder knows and that costs nothing.
    """

    windows: np.ndarray
    coded: np.ndarray


@dataclass(frozen=True)
class WindowModel:
    """A flow with its priors over windows of samples.

    Attributes:
        window: samples in a window; shorter windows work too if their length is a multiple of ``multiple``.
        specs: every trained array by name.
        constants: arrays that are made once and stored with the model: the permutations, int32, and the initial state
            of prediction, float32.
        whitening: the step before windows are cut; None without whitening.
    """

    window: int
    hierarchy: Hierarchy
    specs: Specs
    constants: dict[str, np.ndarray]
    whitening: Step | None = None

    @property
    def multiple(self) -> int:
        """The number of samples of which window lengths are multiples."""
        return self.hierarchy.multiple

    @property
    def prediction(self) -> WindowWhitening | None:
        """The prediction step within each window; None if the model has none."""
        from idf.models.prediction.whitening import WindowWhitening  # deferred: loads the compiler

        return self.whitening if isinstance(self.whitening, WindowWhitening) else None

    def with_prediction(self, step: WindowWhitening) -> WindowModel:
        """Return the model with another prediction step."""
        return replace(self, whitening=step, constants=self.constants | step.arrays)

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return initial values of the trained arrays, float32, by name."""
        return initial_values(self.specs, seed)

    def quantise(self, a: Arithmetic, parameters: Mapping[str, Array]) -> Parameters:
        """Return the parameters on their grids, as flows and priors need them."""
        return {name: a.quantise(spec, parameters[name]) for name, spec in self.specs.items()}

    def residual(self, samples: np.ndarray) -> np.ndarray:
        """Return samples, int32 (time, channels), whitened if the model has whitening; windows are cut from these."""
        return samples if self.whitening is None else self.whitening.forward(samples)

    def restored(self, residual: np.ndarray) -> np.ndarray:
        """Undo :meth:`residual`."""
        return residual if self.whitening is None else self.whitening.inverse(residual)

    def cut(self, residual: np.ndarray) -> list[Part]:
        """Return a channel, int (time,), as windows to code: groups of full windows, then a shorter last one.

        If the flow leaves samples in place, the last window is padded with zeros that are not coded. If it
        moves samples, every latent depends on the padding, so the padding is coded and repeats the last
        sample, which is cheap.
        """
        cut = cut_windows(residual, self.window, self.multiple)
        group = max(GROUP_SAMPLES // self.window, 1)
        groups = (cut.full[first : first + group] for first in range(0, len(cut.full), group))
        parts = [Part(windows, np.ones(windows.shape, bool)) for windows in groups]
        if len(cut.tail):
            coded = np.ones(cut.tail.shape, bool)
            if not self.hierarchy.moves_samples:
                coded[:, cut.samples - cut.full.size :] = False
            parts.append(Part(np.where(coded, cut.tail, 0), coded))
        return parts

    def blocks(self, a: Arithmetic, p: Parameters, windows: Array, log_scale: Array) -> Iterator[Block]:
        """Yield latents and their distributions, block by block in the order of leaving (and of pushing).

        Args:
            p: quantised parameters.
            windows: (batch, N) integers in this arithmetic's dtype.
            log_scale: sharpness of the last block (nats, [-1, 1) scale); ignored if it is learned.
        """
        return self.hierarchy.forward(a, p, windows, log_scale)

    def windows(self, a: Arithmetic, p: Parameters, pop: Pop, like: Array, log_scale: Array) -> Array:
        """Undo :meth:`blocks`; ``pop`` returns each block's latents, last block first."""
        return self.hierarchy.inverse(a, p, pop, like, log_scale)


def build_window(config: Config, constants: Mapping[str, np.ndarray] | None = None) -> WindowModel:
    """Build a model of the family ``window`` from a checked configuration (:func:`idf.models.build.build_model`)."""
    layout = config.layout
    learned = config.sharpness.kind == "learned"
    base = Base(LearnedBase() if learned else ScheduledBase(), layout.factor_channels)
    kept = dict(constants) if constants is not None else _draw_permutations(config)
    match layout.prior:
        case "channelwise":
            hierarchy = _channelwise(config, base)
        case "tracked":
            hierarchy = _tracked(config, base, kept)
        case _:
            hierarchy = _wavenet(config, base, kept)
    whitening: Step | None = None
    if config.whitening.kind == "adaptive":
        from idf.models.adaptive.whitening import build_whitening  # deferred: loads the compiler

        whitening = build_whitening(config.whitening)
    if config.whitening.kind == "window":
        from idf.models.prediction.whitening import build_window_whitening  # deferred likewise

        step = build_window_whitening(config.whitening, config.model.window, constants)
        kept |= step.arrays
        whitening = step
    return WindowModel(config.model.window, hierarchy, hierarchy.specs, kept, whitening)


def _remaining(config: Config) -> list[int]:
    """Return the number of channels before each factor-out, and last that of the base."""
    layout = config.layout
    return list(range(layout.channels, 0, -layout.factor_channels))


def _channelwise(config: Config, base: Base) -> Hierarchy:
    whole = _scales(config, base, 0)
    assert isinstance(whole, Hierarchy)
    return whole


def _scales(config: Config, base: Base, first: int) -> Base | Hierarchy:
    """Return the base behind a channelwise hierarchy for each scale starting at ``first``."""
    layout, width = config.layout, config.width
    sizes = ChannelwiseWidth(width.hidden, width.blocks, width.context_frames, width.experts, width.components)
    rest: Base | Hierarchy = base
    for scale in reversed(range(first, layout.scales)):
        prior = ChannelwisePrior(f"scale{scale + 1}", layout.channels, sizes)
        rest = Hierarchy(layout.channels, 1, [[]] * layout.channels, prior, rest)
    return rest


def _tracked(config: Config, base: Base, constants: Mapping[str, np.ndarray]) -> Hierarchy:
    """Build ``layout=flow``: permutations and couplings, one channel at a time, the last one squeezed again."""
    layout, width = config.layout, config.width
    k = layout.steps_per_factor
    orders = [constants[f"permutation/{number}"] for number in range(k * (layout.channels - 1))]
    places, splits, known = np.arange(layout.channels), [], []
    for number, order in enumerate(orders):
        places = places[order]
        if layout.coupling != "none":
            splits.append(split_of(layout.coupling, places, layout.split_fraction))
        if number % k == k - 1:
            places = places[:-1]
            known.append(places)
    steps: list[list[FlowStep]] = [[Permutation(order)] for order in orders]
    if splits:
        couplings = GatedCouplings(
            "coupling", layout.channels, splits, hidden=width.coupling_hidden, context_frames=width.context_frames
        )
        for number, step in enumerate(steps):
            step.append(couplings.step(number))
    levels = [[half for step in steps[first : first + k] for half in step] for first in range(0, len(steps), k)]
    sizes = TrackedWidth(width.hidden, width.blocks, width.context_frames, width.experts, width.components)
    prior = TrackedPrior("prior", known[::-1], sizes)
    return Hierarchy(layout.channels, 1, [*levels, []], prior, _scales(config, base, 1))


def _draw_permutations(config: Config) -> dict[str, np.ndarray]:
    layout = config.layout
    seed = config.seed if config.permutation.seed is None else config.permutation.seed
    drawn: dict[str, np.ndarray] = {}
    if layout.prior in ("wavenet", "tracked"):
        for channels in _remaining(config):
            for _ in range(layout.steps_per_factor if channels > 1 else 0):
                drawn[f"permutation/{len(drawn)}"] = draw_permutation(
                    config.permutation.kind, channels, seed, len(drawn)
                )
    return drawn


def _wavenet(config: Config, base: Base, constants: Mapping[str, np.ndarray]) -> Hierarchy:
    layout, width = config.layout, config.width
    levels: list[list[FlowStep]] = []
    number = 0
    for channels in _remaining(config):
        level: list[FlowStep] = []
        # a single channel cannot be coupled
        for _ in range(layout.steps_per_factor if channels > 1 else 0):
            coupling = AdditiveCoupling(
                f"coupling/{number}",
                channels,
                seen_channels(layout, channels),
                level_equivariant=layout.level_equivariant,
                layers=width.wavenet_layers,
                hidden=width.wavenet_channels,
                kernel=width.wavenet_kernel,
                offset=layout.coupling_offset,
            )
            level += [Permutation(constants[f"permutation/{number}"]), coupling]
            number += 1
        levels.append(level)
    prior = WaveNetPrior(
        "prior",
        layout.factor_channels,
        [channels - layout.factor_channels for channels in _remaining(config)[:-1]],
        components=width.components,
        level_equivariant=layout.level_equivariant,
        linear_skip=layout.linear_skip,
        layers=width.wavenet_layers,
        hidden=width.wavenet_channels,
        kernel=width.wavenet_kernel,
    )
    return Hierarchy(layout.channels, layout.factor_channels, levels, prior, base)


@dataclass(frozen=True)
class Windows:
    """A clip as full windows and a shorter last one."""

    full: npt.NDArray[np.int32]
    """int32 (n, window)."""
    tail: npt.NDArray[np.int32]
    """int32 (1, t), t a multiple of ``multiple`` and at most ``window``; (0, 0) if no samples remain."""
    samples: int
    """Samples in the clip, before padding."""


def cut_windows(samples: npt.NDArray[np.integer], window: int, multiple: int) -> Windows:
    """Cut a clip into full windows and a shorter last one.

    The last window is padded to a multiple of ``multiple`` by repeating its last sample. This adds at most
    ``multiple - 1`` coded samples per clip; padding to a full window would add up to ``window - 1``.

    Args:
        samples: integers (time,), possibly empty.
        window: samples in a window.
        multiple: the flow's squeeze, of which window lengths are multiples; divides ``window``.

    Raises:
        ValueError: ``multiple`` does not divide ``window``, or the samples are not (time,).
    """
    if window < 1 or multiple < 1 or window % multiple:
        raise ValueError(f"window ({window}) must be a positive multiple of {multiple}")
    if samples.ndim != 1:
        raise ValueError(f"expected samples of shape (time,), got {samples.shape}")
    count = len(samples) // window
    full = samples[: count * window].reshape(count, window).astype(np.int32)
    rest = samples[count * window :].astype(np.int32)
    if len(rest) == 0:
        return Windows(full=full, tail=np.zeros((0, 0), np.int32), samples=len(samples))
    tail = np.pad(rest, (0, -len(rest) % multiple), mode="edge")
    return Windows(full=full, tail=tail[None], samples=len(samples))
