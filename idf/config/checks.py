"""Checks of values and combinations: each problem is one sentence that says what to do.

:mod:`idf.config.compose` checks names and types first. The checks of :mod:`idf.config.model_checks`,
which concern the network alone, are reported together with these.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import math
import re
from collections.abc import Iterator
from typing import TypeVar

from idf.config.model_checks import model_problems
from idf.config.schema import (
    ADAPTIVE,
    COUPLINGS,
    PERMUTATIONS,
    WANDB_MODES,
    Config,
    DataConfig,
    OptimizerConfig,
    SharpnessConfig,
    TrainingConfig,
    family_name,
    value_of,
)
from idf.config.unused import unused_settings

Leaf = TypeVar("Leaf", float, str)

MAX_WINDOW = 1 << 20
"""Longer windows do not fit into memory: nets process a window as a whole."""

NO_CRAYSTACK = (
    "coder=craystack: craystack is not installed; install it from its repository with "
    'pip install "craystack @ git+https://github.com/j-towns/craystack", or use coder=rans, '
    "which writes the same bytes"
)

_CHOICES = {
    "model.family": ("window", "adaptive"),
    "context": ("none", "previous"),
    "layout.coupling": COUPLINGS,
    "permutation.kind": PERMUTATIONS,
    "sharpness.kind": ("constant", "step", "linear", "cosine", "learned"),
    "optimizer.kind": ("adam", "adadelta"),
    "optimizer.schedule": ("cosine", "constant"),
    "training.start": ("data", "random"),
    "data.name": ("demo", "ljspeech", "folder"),
    "data.short_clips": ("error", "skip"),
    "data.broken": ("error", "skip"),
    "data.channels": (1, 2),
    "coder": ("rans", "craystack"),
    "tracker.mode": (None, *WANDB_MODES),
}

_LEAST: dict[str, float] = {
    "layout.steps_per_factor": 0,
    "layout.coupling_offset": 0,
    "width.components": 1,
    "width.hidden": 1,
    "width.blocks": 0,
    "width.context_frames": 0,
    "width.experts": 0,
    "width.coupling_hidden": 1,
    "width.wavenet_layers": 1,
    "width.wavenet_channels": 1,
    "width.wavenet_kernel": 1,
    "permutation.seed": 0,
    "optimizer.warmup_steps": 0,
    "optimizer.clip_norm": 0,
    "training.steps": 1,
    "training.batch_samples": 1,
    "training.log_every": 1,
    "training.validate_every": 1,
    "training.validate_clips": 0,
    "training.code_every": 0,
    "training.code_clips": 1,
    "training.audio_every": 0,
    "training.checkpoint_every": 1,
    "training.keep_checkpoints": 1,
    "data.rate_hz": 1,
    "seed": 0,
    "threads": 0,
}


def check(config: Config) -> list[str]:
    """Return every problem with the values of ``config`` and their combination, a sentence each."""
    problems = [*_choices(config), *_numbers(config)]
    problems += _window(config)
    problems += model_problems(config)
    problems += unused_settings(config)
    problems += _sharpness(config.sharpness)
    problems += _optimizer(config.optimizer, config.training)
    problems += _data(config.data)
    problems += _channels(config)
    problems += _devices(config)
    problems += _coder(config)
    problems += _names(config)
    return problems


def _choices(config: Config) -> Iterator[str]:
    for key, choices in _CHOICES.items():
        if value_of(config, key) not in choices:
            yield f"{key}={value_of(config, key)}: choose one of {', '.join(str(choice or 'null') for choice in choices)}"


def _numbers(config: Config) -> Iterator[str]:
    for key, least in _LEAST.items():
        value = value_of(config, key)
        if isinstance(value, int | float) and value < least:
            yield f"{key}={value}: must be at least {least:g}"
    for key in ("optimizer.learning_rate", "training.diverged_bits", "data.cache_gb"):
        value = value_of(config, key)
        if isinstance(value, int | float) and value <= 0:
            yield f"{key}={value}: must be above 0"
    for key, number in _leaves(dataclasses.asdict(config), float):
        if not math.isfinite(number):
            yield f"{key}={number}: must be finite"
    if config.layout.coupling_offset >= 1 << 16:
        yield f"layout.coupling_offset={config.layout.coupling_offset}: must be below 2^16, the size of the ring"
    for key in ("seed", "permutation.seed"):
        value = value_of(config, key)
        if isinstance(value, int) and value >= 1 << 31:
            yield f"{key}={value}: must be below 2^31"


def _leaves(tree: dict[str, object], kind: type[Leaf], prefix: str = "") -> Iterator[tuple[str, Leaf]]:
    """Yield the keys and values of all settings of a type, including members of lists."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, kind, f"{prefix}{name}.")
        for leaf in value if isinstance(value, list) else [value]:
            if isinstance(leaf, kind):
                yield prefix + name, leaf


def _window(config: Config) -> Iterator[str]:
    window, batch = config.model.window, config.training.batch_samples
    if config.model.family == "adaptive":
        if window != 1:
            yield f"model.window={window}: must be 1, because the adaptive flow has no windows"
        return
    if window < 2 or window > MAX_WINDOW or window & (window - 1):
        below = 1 << min(max(window, 2).bit_length() - 1, MAX_WINDOW.bit_length() - 1)
        yield f"model.window={window}: must be a power of two up to {MAX_WINDOW}, such as {below}"
        return
    if batch % window:
        yield (
            f"training.batch_samples={batch}: must be a multiple of model.window={window}, "
            f"such as {max(1, round(batch / window)) * window}"
        )


def _sharpness(sharpness: SharpnessConfig) -> Iterator[str]:
    for key in ("begin_fraction", "end_fraction"):
        if not 0 <= getattr(sharpness, key) <= 1:
            yield f"sharpness.{key}={getattr(sharpness, key)}: must be from 0 to 1"
    if sharpness.begin_fraction > sharpness.end_fraction:
        yield (
            f"sharpness.begin_fraction={sharpness.begin_fraction}: must be at most "
            f"sharpness.end_fraction={sharpness.end_fraction}"
        )
    boundaries = sharpness.boundaries
    if not all(0 <= boundary <= 1 for boundary in boundaries) or any(
        after <= before for before, after in itertools.pairwise(boundaries)
    ):
        yield f"sharpness.boundaries={boundaries}: must increase and lie in [0, 1]"
    if sharpness.kind == "step" and not boundaries:
        yield "sharpness.boundaries=[]: sharpness=step needs at least one boundary"


def _optimizer(optimizer: OptimizerConfig, training: TrainingConfig) -> Iterator[str]:
    if optimizer.warmup_steps is not None and optimizer.warmup_steps >= training.steps >= 1:
        yield (
            f"optimizer.warmup_steps={optimizer.warmup_steps}: must be below training.steps={training.steps}; "
            "train longer or warm up for fewer steps"
        )
    if not 0 <= optimizer.averaging < 1:
        yield f"optimizer.averaging={optimizer.averaging}: must be at least 0 and below 1"


def _channels(config: Config) -> Iterator[str]:
    if config.data.channels == 2 and family_name(config) != ADAPTIVE:
        yield "data.channels=2: windows have one channel; choose model=adaptive, adaptive_fast or adaptive_best"


def _data(data: DataConfig) -> Iterator[str]:
    if data.name in ("ljspeech", "folder") and not data.root:
        yield f"data={data.name} needs data.root=FOLDER" + (
            "; with data.download=true the folder may be empty" if data.name == "ljspeech" and not data.download else ""
        )
    if data.name == "demo" and data.root:
        yield "data.root: data=demo does not use it; choose data=folder or data=ljspeech"
    if data.download and data.name != "ljspeech":
        yield f"data.download=true: only data=ljspeech can be downloaded, not {data.name}"
    if data.rate_hz is not None and data.name != "folder":
        yield f"data.rate_hz={data.rate_hz}: only data=folder can be resampled (which is not lossless)"
    for key in ("train_fraction", "validation_fraction"):
        if not 0 <= getattr(data, key) <= 1:
            yield f"data.{key}={getattr(data, key)}: must be from 0 to 1"
    if data.train_fraction + data.validation_fraction > 1 + 1e-9:
        yield (
            f"data.train_fraction={data.train_fraction} and data.validation_fraction={data.validation_fraction} "
            "must not sum to more than 1"
        )
    if data.name == "demo" and (data.train_clips or data.validation_clips or data.test_clips):
        yield "data=demo: the split is fixed; leave out data.train_clips, data.validation_clips and data.test_clips"


def _devices(config: Config) -> Iterator[str]:
    if config.devices == "all":
        return
    if not (config.devices.isdecimal() and int(config.devices)):
        yield f"devices={config.devices}: must be a whole number of at least 1, or all"
    elif config.model.window > 0 and (windows := config.training.batch_samples // config.model.window) % int(
        config.devices
    ):
        yield (
            f"devices={config.devices}: must divide the batch of {windows} windows "
            f"(training.batch_samples={config.training.batch_samples} / model.window={config.model.window})"
        )


def _coder(config: Config) -> Iterator[str]:
    if config.coder == "craystack" and importlib.util.find_spec("craystack") is None:
        yield NO_CRAYSTACK


def _names(config: Config) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", config.study):
        yield f"study={config.study}: must be a folder name of letters, digits, dots, dashes and underscores"
    for key, text in _leaves(dataclasses.asdict(config), str):
        if "\0" in text or text != text.encode(errors="ignore").decode():
            yield f"{key}={text!r}: not valid UTF-8; rename it, or link to it under another name"
    if not config.outputs:
        yield "outputs: must name the folder of all runs; it is empty"
