"""Every setting: its name, type, unit and default. The YAML groups under ``conf/`` set the values.

:mod:`idf.config.compose` reads settings from the command line; :mod:`idf.config.checks` rejects
impossible combinations.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

LANES = 8
"""Lattices in a bank of predictors, computed in parallel in the lanes of a vector register."""
MAX_HALF_TAPS = 32
"""Largest half-length of a subband split's filters, in taps."""
PERMUTATIONS = ("random", "reverse", "rotate", "identity", "bit_reversal")
WANDB_MODES = ("online", "offline", "disabled")
COUPLINGS = ("update", "predict", "split", "none")


@dataclass
class PredictorsConfig:
    """A bank of linear predictors that adapt while coding."""

    forgetting: list[float] = field(default_factory=lambda: [0.98, 0.985, 0.988, 0.991, 0.994, 0.996, 0.998, 0.9995])
    """Forgetting factor of each of the eight lattices: the weight of the past decays by it per sample."""
    stages: int = 128
    """Order of the lattices."""
    experts: list[list[int]] = field(
        default_factory=lambda: [
            *([0, 16], [1, 24], [2, 32], [3, 24], [3, 48], [4, 32], [4, 64]),
            *([5, 48], [5, 96], [6, 32], [6, 64], [6, 128], [7, 128]),
        ]
    )
    """Predictions to be weighted, each [lattice, order]."""
    cascades: list[int] = field(default_factory=lambda: [3])
    """Numbers of the experts whose residuals a cascade of NLMS filters refines. The joint expert, if any, is numbered
    after the last of ``experts``."""
    filter_orders: list[int] = field(default_factory=lambda: [256, 32, 16])
    """Orders of a cascade's filters, multiples of 16."""
    filter_rates: list[float] = field(default_factory=lambda: [0.005, 0.005, 0.005])
    """Step sizes of a cascade's filters."""
    partial_sums: bool = False
    """Add an expert for the output after each filter of a cascade, instead of after the last one only."""
    joint_orders: list[int] = field(default_factory=lambda: [0, 0])
    """Past samples of this channel and of the pair's other channel from which the joint expert predicts by least
    squares; [0, 0] for no joint expert."""
    joint_forgetting: float = 0.9995
    """Forgetting factor of the joint expert, per sample."""
    stacks: list[float] = field(default_factory=list)
    """Forgetting factors of stacks: each adds an expert that combines all others by least squares."""
    floor: float = 0.01
    """Smallest energy in the lattices (squared sample steps)."""


@dataclass
class AdaptiveConfig(PredictorsConfig):
    """The adaptive flow: its predictors and the network that weights them."""

    forgetting: list[float] = field(default_factory=lambda: [0.98, 0.985, 0.988, 0.991, 0.994, 0.996, 0.998, 0.9998])
    cascades: list[int] = field(default_factory=lambda: [13])
    filter_orders: list[int] = field(default_factory=lambda: [1024, 256, 32, 16])
    filter_rates: list[float] = field(default_factory=lambda: [0.1, 0.1, 0.05, 0.03])
    partial_sums: bool = True
    joint_orders: list[int] = field(default_factory=lambda: [16, 16])
    stacks: list[float] = field(default_factory=lambda: [0.99, 0.998, 0.9998])
    past: int = 16
    """Past residuals and past samples in the network's input."""
    hidden: int = 96
    """Units in each layer of the network, a multiple of 32."""
    layers: int = 2
    """Residual layers after the first."""
    components: int = 6
    """Components of the logistic mixture."""
    online_rate: float = 0.0003
    """Learning rate of the last layer while coding; 0 keeps the trained weights fixed."""


@dataclass
class BandsConfig(AdaptiveConfig):
    """``layout=bands``: windows split into subbands, with an adaptive flow in each (docs/bands.md)."""

    levels: int = 3
    """Splits into a lower and an upper half-band; there is one more latent block than splits."""
    half_taps: list[int] = field(default_factory=lambda: [24, 16, 12, 8, 6, 4, 4, 4])
    """Half-length in taps of each split's filters, starting with the first split."""
    start_samples: float = 24.0
    """Weight of the predictors' initial state in each window, in samples of average sound."""
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
    """The step before a window flow: nothing, or predictors whose residual the flow codes (docs/adaptive.md)."""

    stages: int = 64
    experts: list[list[int]] = field(
        default_factory=lambda: [[1, 16], [2, 16], [3, 24], [3, 32], [4, 32], [5, 32], [5, 64], [6, 64]]
    )
    joint_orders: list[int] = field(default_factory=lambda: [16, 16])
    kind: str = "none"
    """``none``, ``adaptive`` or ``window``. With ``adaptive``, each window depends on the earlier windows of its chunk.
    ``window`` predicts within each window, from an initial state fitted to the training clips."""
    classes: int = 64
    """``window`` only: initial linear predictors to choose from, each typical of some of the training clips."""
    order: int = 32
    """``window`` only: order of the initial predictors."""
    start_samples: float = 60.0
    """``window`` only: weight of the lattices' initial state in each window, in samples of average sound."""


@dataclass
class TurboConfig:
    """The turbo flow: two regressions, a cascade of filters, and one logistic. Nothing in it is trained."""

    near_order: int = 24
    """Past samples of a channel that the first regression predicts from, a multiple of 8."""
    near_every: int = 64
    """Samples between updates of the first regression's coefficients."""
    near_forgetting: float = 0.985
    """Forgetting factor of the first regression, per sample."""
    joint_order: int = 16
    """Past samples of each channel of a pair that the second regression predicts from, a multiple of 8."""
    joint_every: int = 64
    """Samples between updates of the second regression's coefficients."""
    joint_forgetting: float = 0.999
    """Forgetting factor of the second regression, per sample."""
    filter_orders: list[int] = field(default_factory=lambda: [256, 32, 16])
    """Orders of the NLMS filters that refine the second regression's residual, multiples of 16."""
    filter_rates: list[float] = field(default_factory=lambda: [0.1, 0.1, 0.1])
    """Step sizes of these filters."""
    level_rates: list[float] = field(default_factory=lambda: [0.2, 0.06, 0.02, 0.005])
    """Update rates per sample of the running means of the residual's magnitude, which set the scale; two or more."""
    error_rate: float = 0.03
    """Update rate per sample of the running means of the experts' errors, which set their weights."""
    scale_rate: float = 0.005
    """Learning rate of the map from the running means to the scale."""


@dataclass
class ModelConfig:
    """The unit of coding: independent windows of ``window`` samples, or whole chunks (``adaptive``)."""

    name: str = "small"
    family: str = "window"
    """``window``, ``adaptive`` or ``turbo``."""
    window: int = 256
    """Samples in a window, a power of two; 1 for the adaptive flow, which has no windows."""
    adaptive: AdaptiveConfig = field(default_factory=AdaptiveConfig)
    """Family ``adaptive`` only."""
    bands: BandsConfig = field(default_factory=BandsConfig)
    """``layout=bands`` only."""
    turbo: TurboConfig = field(default_factory=TurboConfig)
    """Family ``turbo`` only."""


@dataclass
class LayoutConfig:
    """The flow (squeeze, steps, factor-out) and the prior of its latents."""

    name: str = "channelwise"
    channels: int = 16
    """G, the squeeze factor: a window of N samples becomes (N / G frames, G channels)."""
    prior: str = "channelwise"
    """``bands`` (subbands coded by adaptive flows), ``channelwise`` (one small net per channel, all in one einsum),
    ``tracked`` (the same, with experts weighted by their errors on decoded samples, after couplings) or ``wavenet``
    (the original's)."""
    steps_per_factor: int = 0
    """k, the number of (permutation, coupling) steps before each factor-out; 0 leaves samples in place."""
    factor_channels: int = 1
    """m, the number of channels that leave at each factor-out."""
    coupling: str = "split"
    """``split``: a coupling's net sees the first channels and shifts the others. With ``tracked`` also ``update`` (the
    channel that leaves next shifts those that stay), ``predict`` (the reverse) or ``none`` (permutations only)."""
    split_fraction: float = 0.25
    """Fraction of the channels that the net of a ``split`` sees."""
    coupling_offset: int = 0
    """Constant that every coupling adds to the channels it shifts, in 16-bit steps. 32768, half of the ring, is the
    effect of the original's ``% 2 - 1``; see docs/seeds.md for how it affects training."""
    level_equivariant: bool = True
    """Divide a net's inputs by the local level (RMS) and multiply its shifts and scales by it."""
    linear_skip: bool = True
    """Add a trained linear prediction to the prior's means."""
    scales: int = 2
    """Total number of squeezes (channelwise and tracked only). Each one after the first squeezes the last channel,
    which then gets its own channelwise prior."""


@dataclass
class WidthConfig:
    """The size of the nets."""

    name: str = "cpu"
    components: int = 3
    """Components in each logistic mixture."""
    hidden: int = 64
    """Channelwise and tracked nets: units in each layer."""
    blocks: int = 2
    """Channelwise and tracked nets: residual layers."""
    context_frames: int = 4
    """Channelwise and tracked nets, and the couplings of ``tracked``: frames of context on each side."""
    experts: int = 16
    """Channelwise and tracked nets: linear predictors that the net gates; 0 for none."""
    coupling_hidden: int = 32
    """Couplings of ``tracked``: units in each layer."""
    wavenet_layers: int = 4
    wavenet_channels: int = 48
    wavenet_kernel: int = 3


@dataclass
class PermutationConfig:
    """The channel permutation of each flow step."""

    kind: str = "random"
    """``random``, ``reverse``, ``rotate``, ``identity`` or ``bit_reversal``."""
    seed: int | None = None
    """Seed of ``random``; null for the run's seed."""


@dataclass
class SharpnessConfig:
    """The log-scale of the last block's zero-mean logistic during training.

    Values are in nats on the [-1, 1) amplitude scale, as in the original: -6.5 is 49 16-bit steps.
    """

    kind: str = "learned"
    """``constant``, ``step``, ``linear``, ``cosine`` or ``learned``."""
    start: float = -4.0
    end: float = -6.5
    begin_fraction: float = 0.0
    """Fraction of the training steps at which ``linear`` and ``cosine`` leave ``start``."""
    end_fraction: float = 0.5
    """Fraction of the training steps at which ``linear`` and ``cosine`` reach ``end``."""
    boundaries: list[float] = field(default_factory=lambda: [0.25, 0.5])
    """``step``: fractions of the training steps at which the value changes, in equal jumps from start to end."""


@dataclass
class OptimizerConfig:
    """Optimiser and learning rate."""

    kind: str = "adam"
    """``adam`` or ``adadelta``."""
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    """``cosine`` (reaches zero at the last step) or ``constant``."""
    warmup_steps: int | None = None
    """Steps over which the rate rises to ``learning_rate``; null for 100, or a quarter of the steps if that is less."""
    clip_norm: float = 1.0
    """Limit of the global gradient norm; 0 for no limit."""
    averaging: float = 0.0
    """Decay per step of an exponential moving average of the weights, which is evaluated and exported; 0 for none."""


@dataclass
class TrainingConfig:
    """Length of the training and what it does on the way. Intervals are in optimiser steps."""

    steps: int = 4000
    batch_samples: int = 16384
    """Samples in a batch, that is, windows per batch times samples per window."""
    log_every: int = 50
    validate_every: int = 500
    validate_clips: int = 32
    """Validation clips scored each time, evenly spread over the split; 0 for all of them."""
    code_every: int = 2000
    """Steps between coding checks, which encode and decode ``code_clips`` validation clips; 0 for never."""
    code_clips: int = 2
    audio_every: int = 2000
    """Steps between logged audio examples (an input clip and a sample from the model); 0 for never."""
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    diverged_bits: float = 24.0
    """Stop the run as diverged when the smoothed loss exceeds this many bits per dimension."""
    sign_flips: bool = True
    """Multiply each training window by a random sign."""
    start: str = "data"
    """``data`` fits linear predictors and initial states to the training clips before the first step; ``random`` does
    not."""
    max_rows: int = 12_000_000
    """Adaptive flow only: number of training samples whose features are stored on disk, about 200 bytes each."""
    compile: bool = True
    """Compile the training step with XLA."""
    one_batch: bool = False
    """Train on the first batch only: a working model overfits it within seconds."""


@dataclass
class DataConfig:
    """The source of the audio and its split."""

    name: str = "demo"
    """``demo``, ``ljspeech`` or ``folder``."""
    root: str | None = None
    """Folder of the data set; not used by ``demo``."""
    download: bool = False
    """``ljspeech`` only: download the official archive into ``root`` unless it is already there."""
    rate_hz: int | None = None
    """``folder`` only: resample to this rate, which is not lossless; null keeps each file's rate."""
    channels: int = 1
    """Maximum number of channels in a clip: 1, or 2 with ``model=adaptive``."""
    train_fraction: float = 0.8
    validation_fraction: float = 0.1
    """Clips are assigned by a stable hash of their names; the rest is the test split."""
    train_clips: list[str] | None = None
    """Explicit lists instead of fractions: clip names, or ranges such as ``LJ001-0001..LJ001-0022``."""
    validation_clips: list[str] | None = None
    test_clips: list[str] | None = None
    short_clips: str = "error"
    """What to do with training clips shorter than a window: ``error`` or ``skip``."""
    broken: str = "error"
    """What to do with unusable files: ``error``, or ``skip``, which reads every file once and lists those it skips."""
    cache: str | None = None
    """Folder of data derived from the training clips, for random access; null for ``outputs/cache``."""
    cache_gb: float = 20.0
    """Limit of the cache in GB (10^9 bytes). The least recently used entries are removed, except those in use."""


@dataclass
class TrackerConfig:
    """Where to log the history besides the local JSONL file, which is always written.

    For W&B, the command line takes precedence over W&B's own environment variables (``WANDB_PROJECT`` and so on), and
    these over the settings here.
    """

    wandb: bool = True
    """Log to Weights & Biases, offline unless the user is logged in."""
    project: str = "idf"
    entity: str | None = None
    name: str | None = None
    """null for size, layout, permutation, sharpness and seed, such as ``small-flow-reverse-step-s3``."""
    group: str | None = None
    """null for the name without the seed plus the signature of the settings, so that a group compares seeds."""
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    """Tags in addition to the study, size, layout, permutation, sharpness and data set."""
    dir: str | None = None
    """Folder of W&B's files; null for the run's folder."""
    mode: str | None = None
    """``online``, ``offline`` or ``disabled``; null for online if the user is logged in, otherwise offline."""
    tensorboard: bool = True


@dataclass
class Config:
    """The settings of one run.

    The defaults here are those of ``layout=bands``; ``conf/config.yaml`` lists the options that ``train.py`` starts
    from.
    """

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
    """``none``: windows are independent; ``previous``: each resumes from the one before (``layout=bands`` only)."""
    seed: int = 0
    coder: str = "rans"
    """``rans`` (ours, compiled) or ``craystack`` (if installed); both write the same bytes."""
    study: str = "train"
    """Folder of the run under ``outputs``."""
    outputs: str = "outputs"
    """Folder of all runs."""
    threads: int = 0
    """CPU threads of a training run; 0 for all cores."""
    devices: str = "1"
    """Number of GPUs that share each batch, or ``all``. Without a GPU the CPU is divided instead, for trying it out."""
    profile: bool = False
    """Trace one training step for TensorBoard, a few steps after the start."""
    deterministic: bool = False
    """Make training bit-exact from run to run, at some cost in speed on GPUs."""
    force: bool = False
    """Start over if the run already exists."""


ADAPTIVE, TURBO, BANDS, WINDOW = "adaptive", "turbo", "bands", "window"
"""Model families: the adaptive flow, the turbo flow, window flows over subbands, other window flows."""


def family_name(config: Config) -> str:
    """Return the family of a configuration's model, one of the names above."""
    if config.model.family in (ADAPTIVE, TURBO):
        return config.model.family
    return BANDS if config.layout.prior == BANDS else WINDOW


def value_of(config: Config, key: str) -> Any:
    """Return the value of a setting, such as ``training.steps``, or the settings of a group."""
    return functools.reduce(getattr, key.split("."), config)


def seen_channels(layout: LayoutConfig, channels: int) -> int:
    """Return how many of ``channels`` a coupling's net sees, at least 1."""
    return max(1, round(channels * layout.split_fraction))
