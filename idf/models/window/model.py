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
"""Samples that go through the nets together when coding: enough to keep products large, few enough that
intermediate results stay in a core's cache. Part of the format: groups are coded one after another."""


class Step(Protocol):
    """An integer step before windows are cut, one to one on 16-bit values.

    Attributes:
        name: changes whenever a residual would.
        block_samples: it is reset after this many samples, and a residual depends on all channels; None where it is
            reset in each window of each channel, so that windows stay independent.
    """

    @property
    def name(self) -> str: ...

    @property
    def block_samples(self) -> int | None: ...

    def forward(self, samples: np.ndarray) -> np.ndarray:
        """Residuals of samples: int32 (time, channels)."""

    def inverse(self, residuals: np.ndarray) -> np.ndarray:
        """Undo :meth:`forward`."""

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """:meth:`forward` for one channel, int32 (time,): a :class:`idf.datasets.dataset.Change`."""


@dataclass(frozen=True)
class Part:
    """Windows of one length, cut from a clip.

    Attributes:
        windows: int32 (batch, length).
        coded: bool, the same shape; False where padding is known to the decoder and costs nothing.
    """

    windows: np.ndarray
    coded: np.ndarray


@dataclass(frozen=True)
class WindowModel:
    """A flow with its priors over windows of samples.

    Attributes:
        window: samples in a window; shorter ones work too, if a multiple of ``multiple``.
        specs: every trained array by name.
        constants: arrays that are made once and stored with the model: the permutations, int32, and the start of
            prediction, float32.
        whitening: the step before windows are cut; None where the samples themselves are.
    """

    window: int
    hierarchy: Hierarchy
    specs: Specs
    constants: dict[str, np.ndarray]
    whitening: Step | None = None

    @property
    def multiple(self) -> int:
        """Lengths of windows are multiples of this many samples."""
        return self.hierarchy.multiple

    @property
    def prediction(self) -> WindowWhitening | None:
        """The step that the model applies inside each window; None where it has none."""
        from idf.models.prediction.whitening import WindowWhitening  # deferred: loads the compiler

        return self.whitening if isinstance(self.whitening, WindowWhitening) else None

    def with_prediction(self, step: WindowWhitening) -> WindowModel:
        """The same model with a prediction inside windows that starts elsewhere."""
        return replace(self, whitening=step, constants=self.constants | step.arrays)

    def initial_parameters(self, seed: int) -> dict[str, np.ndarray]:
        """Return starting values of the trained arrays, float32, by name."""
        return initial_values(self.specs, seed)

    def quantise(self, a: Arithmetic, parameters: Mapping[str, Array]) -> Parameters:
        """The parameters on their grids, as flows and priors take them."""
        return {name: a.quantise(spec, parameters[name]) for name, spec in self.specs.items()}

    def residual(self, samples: np.ndarray) -> np.ndarray:
        """What windows are cut from, of the same shape: samples, int32 (time, channels), whitened if the model says so."""
        return samples if self.whitening is None else self.whitening.forward(samples)

    def restored(self, residual: np.ndarray) -> np.ndarray:
        """Undo :meth:`residual`."""
        return residual if self.whitening is None else self.whitening.inverse(residual)

    def cut(self, residual: np.ndarray) -> list[Part]:
        """A channel, int (time,), as the windows that are coded: groups of whole ones, then a shorter last one.

        Where the flow leaves samples in place, the last window's padding is zeros that are not
        coded; where it moves them, every latent depends on the padding, so that it has to be coded
        and repeats the last sample, which is cheap.
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
        """Latents and their distributions, block by block in the order of leaving (the order of pushing).

        Args:
            p: quantised parameters.
            windows: (batch, N) integers in this arithmetic's dtype.
            log_scale: the last block's sharpness (nats, [-1, 1) scale); not used when it is learned.
        """
        return self.hierarchy.forward(a, p, windows, log_scale)

    def windows(self, a: Arithmetic, p: Parameters, pop: Pop, like: Array, log_scale: Array) -> Array:
        """Undo :meth:`blocks`: ``pop`` is asked for each block's latents, last block first."""
        return self.hierarchy.inverse(a, p, pop, like, log_scale)


def build_window(config: Config, constants: Mapping[str, np.ndarray] | None = None) -> WindowModel:
    """:func:`idf.models.build.build_model` for the family ``window``, of a configuration that was checked."""
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
    """Channels before each factor-out, and last those of the base."""
    layout = config.layout
    return list(range(layout.channels, 0, -layout.factor_channels))


def _channelwise(config: Config, base: Base) -> Hierarchy:
    whole = _scales(config, base, 0)
    assert isinstance(whole, Hierarchy)
    return whole


def _scales(config: Config, base: Base, first: int) -> Base | Hierarchy:
    """The base behind channelwise hierarchies, one for each of the scales from ``first`` on."""
    layout, width = config.layout, config.width
    sizes = ChannelwiseWidth(width.hidden, width.blocks, width.context_frames, width.experts, width.components)
    rest: Base | Hierarchy = base
    for scale in reversed(range(first, layout.scales)):
        prior = ChannelwisePrior(f"scale{scale + 1}", layout.channels, sizes)
        rest = Hierarchy(layout.channels, 1, [[]] * layout.channels, prior, rest)
    return rest


def _tracked(config: Config, base: Base, constants: Mapping[str, np.ndarray]) -> Hierarchy:
    """``layout=flow``: permutations and couplings, one channel at a time, the last one squeezed again."""
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
        # a single channel has nothing to couple with
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
    """A clip as whole windows and a shorter last one."""

    full: npt.NDArray[np.int32]
    """int32 (n, window)."""
    tail: npt.NDArray[np.int32]
    """int32 (1, t), t a multiple of ``multiple`` and at most ``window``; (0, 0) when nothing is left."""
    samples: int
    """Samples of the clip, before the tail was padded."""


def cut_windows(samples: npt.NDArray[np.integer], window: int, multiple: int) -> Windows:
    """Cut a clip into windows; what is left over becomes a shorter window.

    The tail is padded by repeating its last sample up to the next multiple of ``multiple``, which
    costs at most ``multiple - 1`` coded samples a clip; padding to a whole window would cost up to
    ``window - 1``.

    Args:
        samples: integers (time,); may be empty.
        window: samples in a window.
        multiple: what a window's length must be a multiple of (the flow's squeeze); divides ``window``.

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
