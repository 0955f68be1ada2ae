"""Every setting: its name, type, unit and default. The YAML groups under ``conf/`` give the values.

Not here: how settings are read from the command line (:mod:`idf.config.compose`) and which
combinations are possible (:mod:`idf.config.checks`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

LANES = 8
"""Lattices of a bank of predictors; they are computed side by side, in the lanes of a vector register."""
MAX_HALF_TAPS = 32
"""Half of the taps of a split's filters, at most."""
PERMUTATIONS = ("random", "reverse", "rotate", "identity", "bit_reversal")
WANDB_MODES = ("online", "offline", "disabled")
COUPLINGS = ("update", "predict", "split", "none")


@dataclass
class PredictorsConfig:
    """A bank of linear predictors that learn while they code."""

    forgetting: list[float] = field(default_factory=lambda: [0.98, 0.985, 0.988, 0.991, 0.994, 0.996, 0.998, 0.9995])
    """Of the eight lattices: how much of the past counts after one more sample."""
    stages: int = 128
    """The highest order of the lattices."""
    experts: list[list[int]] = field(
        default_factory=lambda: [
            *([0, 16], [1, 24], [2, 32], [3, 24], [3, 48], [4, 32], [4, 64]),
            *([5, 48], [5, 96], [6, 32], [6, 64], [6, 128], [7, 128]),
        ]
    )
    """Predictions that are weighed: [lattice, order] each."""
    cascades: list[int] = field(default_factory=lambda: [3])
    """Experts (by number) that a cascade of NLMS filters goes on from; the joint expert, where there is one, has the
    number after the last of ``experts``."""
    filter_orders: list[int] = field(default_factory=lambda: [256, 32, 16])
    """Of a cascade, multiples of 16."""
    filter_rates: list[float] = field(default_factory=lambda: [0.005, 0.005, 0.005])
    partial_sums: bool = False
    """Each filter of a cascade makes an expert, which goes as far as to it; else the last one only."""
    joint_orders: list[int] = field(default_factory=lambda: [0, 0])
    """Past samples of its own channel, and of the other one of a pair, that one more expert is made of by least squares;
    [0, 0] for none."""
    joint_forgetting: float = 0.9995
    stacks: list[float] = field(default_factory=list)
    """One more expert combines all others by least squares that forget so fast; 0 for none."""
    floor: float = 0.01
    """Least energy in the lattices (squared sample steps)."""


@dataclass
class AdaptiveConfig(PredictorsConfig):
    """The adaptive flow: its predictors, and the network that weighs them."""

    forgetting: list[float] = field(default_factory=lambda: [0.98, 0.985, 0.988, 0.991, 0.994, 0.996, 0.998, 0.9998])
    cascades: list[int] = field(default_factory=lambda: [13])
    filter_orders: list[int] = field(default_factory=lambda: [1024, 256, 32, 16])
    filter_rates: list[float] = field(default_factory=lambda: [0.1, 0.1, 0.05, 0.03])
    partial_sums: bool = True
    joint_orders: list[int] = field(default_factory=lambda: [16, 16])
    stacks: list[float] = field(default_factory=lambda: [0.99, 0.998, 0.9998])
    past: int = 16
    """Past residuals and samples that the network sees."""
    hidden: int = 96
    """Units of each of the network's layers, a multiple of 32."""
    layers: int = 2
    """Residual layers after the first."""
    components: int = 6
    """Logistics of the mixture."""
    online_rate: float = 0.0003
    """Of the last layer, which goes on learning while it codes; 0 for a network that stays as it was trained."""


@dataclass
class BandsConfig(AdaptiveConfig):
    """``layout=bands``: windows split into subbands, an adaptive flow in each (docs/bands.md)."""

    levels: int = 3
    """Splits into a lower and an upper half of the band; blocks of latents, less 1."""
    half_taps: list[int] = field(default_factory=lambda: [24, 16, 12, 8, 6, 4, 4, 4])
    """Of each split's filters, from the first on: half of their taps."""
    start_samples: float = 24.0
    """Predictors begin in each window as if they had seen so many samples of average sound."""
    stages: int = 64
    forgetting: list[float] = field(default_factory=lambda: [0.97, 0.98, 0.985, 0.99, 0.993, 0.996, 0.998, 0.9995])
    experts: list[list[int]] = field(
        default_factory=lambda: [
            *([0, 12], [1, 16], [2, 16], [2, 24], [3, 16], [3, 32], [4, 24]),
            *([4, 48], [5, 24], [5, 48], [6, 32], [6, 64], [7, 32], [7, 64]),
        ]
    )
    hidden: int = 96
    cascades: list[int] = field(default_factory=lambda: [5])
    filter_orders: list[int] = field(default_factory=lambda: [32, 16])
    filter_rates: list[float] = field(default_factory=lambda: [0.005, 0.005])
    partial_sums: bool = False
    joint_orders: list[int] = field(default_factory=lambda: [0, 0])
    stacks: list[float] = field(default_factory=list)
    online_rate: float = 0.0


@dataclass
class WhiteningConfig(PredictorsConfig):
    """What goes before a window flow: nothing, or predictors that leave it a residual to code (docs/adaptive.md)."""

    stages: int = 64
    experts: list[list[int]] = field(
        default_factory=lambda: [[1, 16], [2, 16], [3, 24], [3, 32], [4, 32], [5, 32], [5, 64], [6, 64]]
    )
    joint_orders: list[int] = field(default_factory=lambda: [16, 16])
    kind: str = "none"
    """``none``, ``adaptive`` or ``window``. Of ``adaptive``, the windows of a residual depend on what was before them in
    their block; ``window`` predicts inside each window alone, from a start fitted to the training clips."""
    classes: int = 64
    """``window`` only: linear predictors that windows start from, each typical of some of the training clips."""
    order: int = 32
    """``window`` only: their order."""
    start_samples: float = 60.0
    """``window`` only: lattices start in each window as if they had seen this many samples of average sound."""


@dataclass
class TurboConfig:
    """The turbo flow: two regressions, a cascade of filters, one logistic. Nothing in it is trained."""

    near_order: int = 24
    """Past samples of a channel that the first regression sees, a multiple of 8."""
    near_every: int = 64
    """Samples between two of its solutions."""
    near_forgetting: float = 0.985
    """How much of the past counts after one more sample."""
    joint_order: int = 16
    """Past samples of each channel of a pair that the second regression sees, a multiple of 8."""
    joint_every: int = 64
    joint_forgetting: float = 0.999
    filter_orders: list[int] = field(default_factory=lambda: [256, 32, 16])
    """NLMS filters on what the second regression leaves, multiples of 16."""
    filter_rates: list[float] = field(default_factory=lambda: [0.1, 0.1, 0.1])
    level_rates: list[float] = field(default_factory=lambda: [0.2, 0.06, 0.02, 0.005])
    """A sample: of the averages of the residual's magnitude that the scale is made of; two or more."""
    error_rate: float = 0.03
    """A sample: of the averages of the experts' errors, which weigh them."""
    scale_rate: float = 0.005
    """How fast the scale learns from the averages."""


@dataclass
class ModelConfig:
    """What is coded together: independent windows of ``window`` samples, or whole chunks (``adaptive``)."""

    name: str = "small"
    family: str = "window"
    """``window``, ``adaptive`` or ``turbo``."""
    window: int = 256
    """Samples in a window; a power of two. The adaptive flow has none: 1."""
    adaptive: AdaptiveConfig = field(default_factory=AdaptiveConfig)
    """Of the family ``adaptive`` only."""
    bands: BandsConfig = field(default_factory=BandsConfig)
    """Of ``layout=bands`` only."""
    turbo: TurboConfig = field(default_factory=TurboConfig)
    """Of the family ``turbo`` only."""


@dataclass
class LayoutConfig:
    """How the flow is composed and which prior its latents get (design: squeeze, steps, factor-out)."""

    name: str = "channelwise"
    channels: int = 16
    """G, the squeeze factor: a window of N samples becomes (N / G frames, G channels)."""
    prior: str = "channelwise"
    """``bands`` (subbands, coded by adaptive flows), ``channelwise`` (one small net a channel, all in one einsum),
    ``tracked`` (the same, with experts judged by what is decoded already, behind couplings) or ``wavenet`` (the
    original's)."""
    steps_per_factor: int = 0
    """k, the (permutation, coupling) steps before each factor-out; 0 leaves samples in place."""
    factor_channels: int = 1
    """m, the channels that leave at each factor-out."""
    coupling: str = "split"
    """``split``: a coupling's net sees the first channels and shifts the others. ``tracked`` only: ``update``, the
    channel that leaves next shifts those that stay; ``predict``, the reverse; ``none``, permutations alone."""
    split_fraction: float = 0.25
    """Fraction of the channels that the net of a ``split`` sees."""
    coupling_offset: int = 0
    """Added by every coupling to what it shifts, in 16-bit steps. 32768, half of the ring, is what the original's
    ``% 2 - 1`` comes to; see docs/seeds.md for its effect on training."""
    level_equivariant: bool = True
    """Divide a net's inputs by the local level (RMS) and multiply its shifts and scales by it."""
    linear_skip: bool = True
    """Add a trained linear prediction to the prior's means."""
    scales: int = 2
    """How many times in all a channel is squeezed; each time but the first, the last channel, which is coded by a
    channelwise prior of its own (channelwise and tracked only)."""


@dataclass
class WidthConfig:
    """How large the nets are."""

    name: str = "cpu"
    components: int = 3
    """Logistics in each mixture."""
    hidden: int = 64
    """Channelwise and tracked nets: units of each layer."""
    blocks: int = 2
    """Channelwise and tracked nets: residual layers."""
    context_frames: int = 4
    """Channelwise and tracked nets, and the couplings of ``tracked``: frames seen on each side."""
    experts: int = 16
    """Channelwise and tracked nets: linear predictors that the net gates; 0 for none."""
    coupling_hidden: int = 32
    """Couplings of ``tracked``: units of each layer."""
    wavenet_layers: int = 4
    wavenet_channels: int = 48
    wavenet_kernel: int = 3


@dataclass
class PermutationConfig:
    """The channel permutation of each flow step."""

    kind: str = "random"
    """``random``, ``reverse``, ``rotate``, ``identity`` or ``bit_reversal``."""
    seed: int | None = None
    """Seed of ``random``; null takes the run's seed."""


@dataclass
class SharpnessConfig:
    """The log-scale of the last block's zero-mean logistic over training.

    Values are nats on the [-1, 1) amplitude scale, as in the original: -6.5 is 49 steps of 16 bits.
    """

    kind: str = "learned"
    """``constant``, ``step``, ``linear``, ``cosine`` or ``learned``."""
    start: float = -4.0
    end: float = -6.5
    begin_fraction: float = 0.0
    """Fraction of the training steps at which ``linear`` and ``cosine`` begin to move."""
    end_fraction: float = 0.5
    """Fraction of the training steps at which ``linear`` and ``cosine`` reach ``end``."""
    boundaries: list[float] = field(default_factory=lambda: [0.25, 0.5])
    """``step``: fractions of the training steps at which the value jumps, evenly from start to end."""


@dataclass
class OptimizerConfig:
    """Optimiser and learning rate."""

    kind: str = "adam"
    """``adam`` or ``adadelta``."""
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    """``cosine`` (to zero at the last step) or ``constant``."""
    warmup_steps: int | None = None
    """Steps in which the rate rises to ``learning_rate``; null for 100, or a quarter of the steps if that is less."""
    clip_norm: float = 1.0
    """Global gradient norm limit; 0 for none."""
    averaging: float = 0.0
    """Decay per step of an exponential average of the weights that is evaluated and shipped; 0 for none."""


@dataclass
class TrainingConfig:
    """How long to train and what to do on the way. Intervals are in optimiser steps."""

    steps: int = 4000
    batch_samples: int = 16384
    """Samples in a batch; the batch size is this over the window."""
    log_every: int = 50
    validate_every: int = 500
    validate_clips: int = 32
    """Whole validation clips scored each time, evenly spread over the split; 0 for all of them."""
    code_every: int = 2000
    """Really code ``code_clips`` validation clips; 0 for never."""
    code_clips: int = 2
    audio_every: int = 2000
    """Log audio samples (an input clip and one drawn from the model); 0 for never."""
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    diverged_bits: float = 24.0
    """A smoothed loss above this many bits a sample stops the run as diverged."""
    sign_flips: bool = True
    """Multiply each training window by a random sign."""
    start: str = "data"
    """``data`` fits the linear predictors to the training clips before the first step (channelwise and tracked
    only); ``random``."""
    max_rows: int = 12_000_000
    """Adaptive flow only: samples of the training clips that are kept on disk to train on, about 200 bytes each."""
    compile: bool = True
    """Compile the training step with XLA."""
    one_batch: bool = False
    """Train on the first batch again and again: a model and step that work learn it by heart within seconds."""


@dataclass
class DataConfig:
    """Where the audio comes from and how it is split."""

    name: str = "demo"
    """``demo``, ``ljspeech`` or ``folder``."""
    root: str | None = None
    """Folder of the data set; not used by ``demo``."""
    download: bool = False
    """``ljspeech`` only: fetch the official archive into ``root`` if it is not there."""
    rate_hz: int | None = None
    """``folder`` only: resample to this rate. Resampling is not lossless; null keeps each file's rate."""
    channels: int = 1
    """Most channels of a clip, 1 or 2; pairs of channels are for ``model=adaptive``."""
    train_fraction: float = 0.8
    validation_fraction: float = 0.1
    """By stable hash of the clip name; the rest is the test split."""
    train_clips: list[str] | None = None
    """Explicit lists instead of fractions: clip names or ranges such as ``LJ001-0001..LJ001-0022``."""
    validation_clips: list[str] | None = None
    test_clips: list[str] | None = None
    short_clips: str = "error"
    """Training clips shorter than a window: ``error`` or ``skip``."""
    broken: str = "error"
    """Files that cannot be used: ``error`` or ``skip``, which reads every file once and says what it leaves out."""
    cache: str | None = None
    """Folder of what is made of the training clips, to be read in random order; null takes ``outputs/cache``."""
    cache_gb: float = 20.0
    """GB (10^9 bytes) that the cache may take; what was used longest ago is removed, never what a run uses."""


@dataclass
class TrackerConfig:
    """Where the history goes besides the local JSONL file, which is always written.

    For W&B the command line wins, then W&B's own environment variables (``WANDB_PROJECT`` and so on), then this.
    """

    wandb: bool = True
    """Weights & Biases: offline unless the user is logged in."""
    project: str = "idf"
    entity: str | None = None
    name: str | None = None
    """null: size, layout, permutation, sharpness and seed, such as ``small-flow-reverse-step-s3``."""
    group: str | None = None
    """null: the name without the seed and the signature of the settings, so that a group compares seeds."""
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    """Besides the study, size, layout, permutation, sharpness and data set."""
    dir: str | None = None
    """Where W&B keeps its files; null for the run's folder."""
    mode: str | None = None
    """``online``, ``offline`` or ``disabled``; null for online where the user is logged in, else offline."""
    tensorboard: bool = True


@dataclass
class Config:
    """One run. Defaults are those of ``layout=bands``; which options ``train.py`` starts from, ``conf/config.yaml`` says."""

    model: ModelConfig = field(default_factory=ModelConfig)
    whitening: WhiteningConfig = field(default_factory=WhiteningConfig)
    layout: LayoutConfig = field(default_factory=lambda: LayoutConfig(name="bands", prior="bands", scales=1))
    width: WidthConfig = field(default_factory=WidthConfig)
    permutation: PermutationConfig = field(default_factory=PermutationConfig)
    sharpness: SharpnessConfig = field(default_factory=SharpnessConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    context: str = "none"
    """``none``: windows are independent; ``previous``: each goes on from the one before (``layout=bands`` only)."""
    seed: int = 0
    coder: str = "rans"
    """``rans`` (compiled here) or ``craystack`` (where it is installed); the same messages."""
    study: str = "train"
    """Folder under ``outputs/`` that the run goes into."""
    outputs: str = "outputs"
    threads: int = 0
    """CPU threads of a training run; 0 for all cores."""
    devices: str = "1"
    """GPUs of one training run, each with a share of every batch: a number or ``all``. Without a GPU the CPU is
    divided, which is for trying it out."""
    profile: bool = False
    """Trace one training step for TensorBoard, a few steps after the start."""
    deterministic: bool = False
    """The same command gives the same bits, at some cost in speed on GPUs."""
    force: bool = False
    """Start over a run that exists."""


ADAPTIVE, TURBO, BANDS, WINDOW = "adaptive", "turbo", "bands", "window"
"""Families of models: the adaptive flow, the turbo flow, window flows of subbands, other window flows."""


def family_name(config: Config) -> str:
    """Return the family of a configuration's model: one of the names above."""
    if config.model.family in (ADAPTIVE, TURBO):
        return config.model.family
    return BANDS if config.layout.prior == BANDS else WINDOW


def value_of(config: Config, key: str) -> Any:
    """The value of a setting, such as ``training.steps``, or the settings of a group."""
    return functools.reduce(getattr, key.split("."), config)


def seen_channels(layout: LayoutConfig, channels: int) -> int:
    """Return how many of ``channels`` a coupling's net sees; at least one."""
    return max(1, round(channels * layout.split_fraction))
